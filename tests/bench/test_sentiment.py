"""The benchmark of sentiment: it measures both sides, and stops where SnowNLP's own number is not met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.text.snownlp_exact import snownlp_exact
from tests.bench import posts, sentiment
from tests.feed import need_models

ARGUMENTS = ["--rounds", "1", "--posts", "60", "--out"]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    need_models()
    monkeypatch.setattr(posts, "REAL", tmp_path / "none")  # the project's own posts
    monkeypatch.setattr(posts, "OWN_POSTS", 60)
    monkeypatch.setattr(sentiment, "OF_SNOWNLP", 5)
    posts.load.cache_clear()
    yield
    posts.load.cache_clear()


def test_it_says_how_many_times_as_fast_each_is(tmp_path: Path) -> None:
    assert sentiment.main([*ARGUMENTS, str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["number"] == 60
    assert found["results"][sentiment.SNOWNLP]["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert found["results"][sentiment.OURS]["ratio"]["median"] > 1
    assert [name for name in found["results"] if "wall" in name] == [*found["results"]][3:]


def test_another_number_than_the_library_s_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentiment, "snownlp_exact", lambda texts: np.clip(snownlp_exact(texts) + 1e-9, 0, 2))
    with pytest.raises(ValueError, match="from the library"):
        sentiment.main([*ARGUMENTS, str(tmp_path / "out.json")])
