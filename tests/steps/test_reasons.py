from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from pipeline.steps import reasons
from pipeline.steps.reasons import Flagged, reason_lists, text_reason_lists
from pipeline.tables import CLASSES, REASONS
from pipeline.text.codepoints import from_arrow
from pipeline.text.contacts import redact_batch
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, judge_model, reader, strings

SELL, RECRUIT = CLASSES.index("sell"), CLASSES.index("recruit")


def _posts(*texts: str) -> pa.Table:
    return pa.table({"text": pa.chunked_array([strings(*texts)])})


def _reasons(*texts: str, rows: list[int] | None = None, context: Any = (), label: int = SELL) -> list[Any]:
    rows = list(range(len(texts))) if rows is None else rows
    flagged = Flagged(np.array(rows, np.int64), np.full(len(rows), label))
    none = (np.zeros(0, np.int64), "campaign", [], np.zeros(0))
    found = reason_lists(_posts(*texts), flagged, [none, *context], judge_model(), reader())
    assert found.type == REASONS
    found.validate(full=True)
    return found.to_pylist()


def test_a_reason_shows_the_words_at_its_span() -> None:
    for reason in _reasons(SELLING)[0]:
        assert reason["text"] == SELLING[reason["span_start"] : reason["span_end"]]
        assert reason["weight"] > 0


def test_the_strongest_reason_comes_first_whatever_its_kind() -> None:
    habit = (np.array([0]), "habit", ["9 earlier posts by this author"], np.array([0.4321]))
    flood = (np.array([0]), "campaign", ["5 earlier posts with these words"], np.array([99.0]))
    found = _reasons(SELLING, context=[habit, flood])[0]
    assert found[0]["kind"] == "campaign"
    assert found[0]["span_start"] is None
    assert [r["weight"] for r in found] == sorted((r["weight"] for r in found), reverse=True)
    assert next(r for r in found if r["kind"] == "habit") == {
        "kind": "habit", "span_start": None, "span_end": None, "text": "9 earlier posts by this author",
        "weight": pytest.approx(0.432),
    }  # fmt: skip


def test_posts_that_are_not_flagged_have_an_empty_list() -> None:
    found = _reasons(DIARY, SELLING, DIARY, RECRUITING, rows=[1, 3])
    assert [bool(reasons) for reasons in found] == [False, True, False, True]
    assert found[0] == []


def test_a_flagged_text_without_evidence_gets_itself_whole() -> None:
    assert _reasons("嗯嗯", "")[0] == [{"kind": "text", "span_start": 0, "span_end": 2, "text": "嗯嗯", "weight": 0.0}]
    assert _reasons("嗯嗯", "")[1] == [{"kind": "text", "span_start": 0, "span_end": 0, "text": "", "weight": 0.0}]


def test_no_post_flagged_and_no_post_at_all() -> None:
    assert _reasons(DIARY, rows=[]) == [[]]
    assert _reasons() == []


def test_flagged_texts_read_in_several_batches_give_the_same_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [SELLING, RECRUITING, "嗯嗯", DIARY, SELLING + RECRUITING]
    whole = _reasons(*texts)
    monkeypatch.setattr(reasons, "BATCH", 2)
    assert _reasons(*texts) == whole


@settings(deadline=None, max_examples=40)
@given(POSTS, POSTS)
def test_reasons_of_a_post_are_the_same_beside_any_others(some: list[str | None], more: list[str | None]) -> None:
    one, other = [t or "" for t in some], [SELLING, *(t or "" for t in more)]
    assert _reasons(*one, *other) == _reasons(*one) + _reasons(*other)


@settings(deadline=None, max_examples=40)
@given(POSTS)
def test_every_flagged_text_has_a_reason_and_each_span_is_in_the_text(texts: list[str | None]) -> None:
    plain = [t or "" for t in texts]
    for text, found in zip(plain, _reasons(*plain, label=RECRUIT), strict=True):
        assert 1 <= len(found) <= 6
        for reason in found:
            assert 0 <= reason["span_start"] <= reason["span_end"] <= len(text)
            assert reason["text"] == text.replace("\x1e", " ")[reason["span_start"] : reason["span_end"]]


def test_spans_of_a_text_judged_by_itself_lead_to_the_text_with_its_handle() -> None:
    text = "群里说加微信：lili8899领取，诚招全国代理"
    redacted = redact_batch(from_arrow(strings("早", text)))
    reading = reader().read_batch(redacted.batch)
    flagged = Flagged(np.array([1]), np.array([RECRUIT]))
    scoring = judge_model().scoring
    counts = scoring.counts(reading)
    none, found = text_reason_lists(reading, flagged, scoring, counts, reader().lexicon, redacted).to_pylist()
    assert none == []
    shown = {text[r["span_start"] : r["span_end"]]: r["text"] for r in found}
    assert any("诚招全国代理" in words for words in shown)
    assert shown["lili8899"] == "微信号"  # the token inside the placeholder, and the whole handle in the text
    assert not [said for said in shown.values() if "lili8899" in said]
