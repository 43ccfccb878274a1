from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from pipeline.text import pattern_tables
from pipeline.text.compiled import CACHE_HOME
from pipeline.text.pattern_tables import Expressions, Tables, load_tables, make_tables

MADE_FROM = Expressions((("0", "(?:招|聘).{0,3}代理", 0), ("1", "[0-9]{3}", 0)), (((0x30, 0x3A),),), False, "招聘")


def _same(one: Tables, other: Tables) -> bool:
    return all(
        np.array_equal(getattr(one, f.name), getattr(other, f.name))
        and getattr(one, f.name).dtype == getattr(other, f.name).dtype
        for f in fields(Tables)
    )


def test_kept_tables_are_those_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_HOME, str(tmp_path))
    made = [load_tables(MADE_FROM)]
    monkeypatch.setattr(pattern_tables, "make_tables", lambda _: pytest.fail("made again"))
    made.append(load_tables(MADE_FROM))
    assert all(_same(tables, make_tables(MADE_FROM)) for tables in made)


@pytest.mark.parametrize(
    "other",
    [
        Expressions((("0", "(?:招|聘).{0,4}代理", 0), MADE_FROM.sources[1]), MADE_FROM.kinds, False, "招聘"),
        Expressions((("0", "(?:招|聘).{0,3}代理", 16), MADE_FROM.sources[1]), MADE_FROM.kinds, False, "招聘"),
        Expressions(MADE_FROM.sources, (((0x30, 0x39),),), False, "招聘"),
        Expressions(MADE_FROM.sources, MADE_FROM.kinds, True, "招聘"),
        Expressions(MADE_FROM.sources, MADE_FROM.kinds, False, "招"),
    ],
)
def test_other_expressions_have_other_tables(
    other: Expressions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_HOME, str(tmp_path))
    load_tables(MADE_FROM)
    load_tables(other)
    assert len(list((tmp_path / "xinren").glob("patterns-*.npz"))) == 2


def test_tables_hang_on_nothing_but_the_expressions() -> None:
    assert _same(make_tables(MADE_FROM), make_tables(MADE_FROM))
