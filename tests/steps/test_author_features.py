"""What the data dictionary says of the features of authors."""

from __future__ import annotations

import re

import pytest

from pipeline.tables import AUTHOR_FEATURES, TIE_FEATURES, schema

FORM = re.compile(r".{10,}; unit: [^;]+; window: [^;]+; NULL under [^;]+")


@pytest.mark.parametrize("name", [*AUTHOR_FEATURES, *TIE_FEATURES])
def test_a_feature_states_its_unit_window_least_count_and_when_it_is_null(name: str) -> None:
    field = schema("author_trust").field(name)
    assert field.nullable
    assert FORM.fullmatch(field.metadata[b"doc"].decode())


@pytest.mark.parametrize("name", [name for name in AUTHOR_FEATURES if re.search(r"_W[0-9]+$", name)])
def test_a_window_in_the_name_is_the_window_of_the_text(name: str) -> None:
    days = name.rpartition("_W")[2]
    assert f"window: {days} days;" in schema("author_trust").field(name).metadata[b"doc"].decode()
