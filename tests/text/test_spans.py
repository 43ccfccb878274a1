from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from pipeline.tables import CLASSES
from pipeline.text.evidence import PER_TEXT, UNIT
from pipeline.text.linear import FORM_SCALE, form_counts, form_matrix
from pipeline.text.reading import Reading
from pipeline.text.spans import TELLING, Asked, Spans, character_evidence, cue_spans, phrase_spans, span_texts
from tests.tiny import DIARY, POSTS, RECRUITING, SELLING, judge_model, reader, strings

SHARE, SELL, RECRUIT = (CLASSES.index(c) for c in ("share", "sell", "recruit"))
LONG = "早。" + SELLING + "！！！" + DIARY + "。" + RECRUITING + "~" + SELLING.replace("面膜", "口红")


def _read(*texts: str | None) -> Reading:
    return reader().read(strings(*texts))


def _toward(label: int, n: int, *, rows: list[int] | None = None, against: int = SHARE) -> Asked:
    rows = list(range(n)) if rows is None else rows
    return Asked(np.array(rows, np.int64), np.full(len(rows), label), against)


def _evidence(reading: Reading, asked: Asked) -> NDArray[np.int64]:
    return character_evidence(reading, asked, judge_model().scoring)


def _phrase_spans(reading: Reading, asked: Asked) -> Spans:
    scoring = judge_model().scoring
    return phrase_spans(reading, asked, scoring, scoring.counts(reading))


def _cue_spans(reading: Reading, asked: Asked) -> Spans:
    return cue_spans(reader().lexicon, reading, asked, judge_model())


def _phrases(*texts: str | None, label: int = RECRUIT) -> tuple[Reading, Spans]:
    reading = _read(*texts)
    return reading, _phrase_spans(reading, _toward(label, len(texts)))


def _cues(*texts: str | None, label: int = RECRUIT) -> tuple[Reading, Spans]:
    reading = _read(*texts)
    return reading, _cue_spans(reading, _toward(label, len(texts)))


@pytest.mark.parametrize("text", [RECRUITING, SELLING, DIARY, "嗯", "哈哈哈哈哈哈", ""])
def test_evidence_of_all_characters_is_what_words_add_to_the_log_odds(text: str) -> None:
    model, reading = judge_model(), _read(text)
    evidence = _evidence(reading, _toward(SELL, 1))
    assert len(evidence) == len(reading.folded.batch.joined)
    n_form = sum(kind == "form" for kind in model.entries["kind"].to_pylist())
    form = form_matrix(form_counts(reader(), reading), model.entries["text"].to_pylist()[-n_form:])
    steps = (form @ model.weights[-n_form:])[0] * FORM_SCALE
    words = model.logits(reader(), reading)[0] - model.bias - steps
    assert evidence.sum() * UNIT == pytest.approx(words[SELL] - words[SHARE], abs=1e-5)
    assert evidence[-1] == 0  # none on the separator


def test_words_of_recruiting_are_the_strongest_phrase_of_a_recruiting_post() -> None:
    reading, spans = _phrases("今天天气不错。" + RECRUITING)
    words = span_texts(reading, spans).to_pylist()
    assert {"月入过万", "一件代发"} <= set(words)
    assert all(w in RECRUITING for w in words)
    assert set(spans.kind) == {"phrase"}


def test_a_phrase_stops_at_a_break() -> None:
    reading, spans = _phrases(LONG, label=SELL)
    assert not [w for w in span_texts(reading, spans).to_pylist() if set(w) & set("。！~，：")]
    assert 0 < len(spans.row) <= PER_TEXT


def test_the_strongest_come_first_and_no_more_than_three() -> None:
    for _, spans in (_phrases(LONG), _cues(LONG), _phrases(LONG, label=SELL), _cues(LONG, label=SELL)):
        assert spans.weight.tolist() == sorted(spans.weight.tolist(), reverse=True)
        assert (spans.weight > 0).all()
        assert len(spans.row) <= PER_TEXT


def test_a_cue_span_is_where_the_cue_stands_in_the_original() -> None:
    text = "姐妹们，诚招全国代\u200b理，Ａ级货源"
    reading, spans = _cues(text)
    assert "recruit" in set(spans.kind)
    assert "诚招全国代\u200b理" in span_texts(reading, spans).to_pylist()
    assert set(spans.kind) <= set(TELLING)


def test_what_speaks_against_the_label_is_no_reason() -> None:
    reading = _read(RECRUITING)
    toward, away = _toward(RECRUIT, 1), _toward(SHARE, 1, against=RECRUIT)
    here, there = (set(span_texts(reading, _phrase_spans(reading, asked)).to_pylist()) for asked in (toward, away))
    assert here
    assert not here & there
    assert (_evidence(reading, toward) == -_evidence(reading, away)).all()


def test_a_text_that_is_not_asked_for_has_no_spans() -> None:
    reading = _read(RECRUITING, RECRUITING, "")
    asked = _toward(RECRUIT, 3, rows=[0, 2])
    found = _phrase_spans(reading, asked), _cue_spans(reading, asked)
    assert [set(spans.row.tolist()) for spans in found] == [{0}, {0}]
    starts = reading.folded.batch.starts
    assert not _evidence(reading, asked)[starts[1] : starts[2]].any()


@settings(deadline=None, max_examples=50)
@given(POSTS)
def test_phrases_are_the_strongest_runs_of_words_that_speak_for_the_label(texts: list[str | None]) -> None:
    texts = [*texts, LONG]
    reading, asked = _read(*texts), _toward(SELL, len(texts))
    evidence, tokens, found = _evidence(reading, asked), reading.tokens, _phrase_spans(reading, asked)
    for row in range(len(texts)):
        runs: list[tuple[int, int, int]] = []  # weight, begin, end
        for token in range(tokens.offsets[row], tokens.offsets[row + 1]):
            start, end = int(tokens.starts[token]), int(tokens.ends[token])
            score = int(evidence[start:end].sum()) if reading.wordy[token] else 0
            if score > 0 and runs and runs[-1][2] == start:
                runs[-1] = runs[-1][0] + score, runs[-1][1], end
            elif score > 0:
                runs.append((score, start, end))
        want = sorted(runs, key=lambda run: (-round(run[0] * UNIT, 6), run[1]))[:PER_TEXT]
        mine = np.flatnonzero(found.row == row)
        base = int(reading.original.starts[row])
        spans = [reading.folded.span(np.array([begin]), np.array([end])) for _, begin, end in want]
        assert [(int(a[0]) - base, int(b[0]) - base) for a, b in spans] == [
            (int(found.start[i]), int(found.end[i])) for i in mine
        ]
        assert found.weight[mine].tolist() == [weight * UNIT for weight, _, _ in want]


@settings(deadline=None, max_examples=50)
@given(POSTS)
def test_a_span_lies_in_its_text_and_its_words_are_the_texts(texts: list[str | None]) -> None:
    texts = [*texts, LONG]
    plain = [(text or "").replace("\x1e", " ") for text in texts]
    for reading, spans in (_phrases(*texts), _cues(*texts)):
        words = span_texts(reading, spans).to_pylist()
        for row, start, end, said in zip(spans.row, spans.start, spans.end, words, strict=True):
            assert 0 <= start < end <= len(plain[row])
            assert said == plain[row][start:end]


def _rows(spans: Spans, shift: int = 0) -> list[tuple[object, ...]]:
    columns = [getattr(spans, f.name).tolist() for f in fields(spans)]
    return [(row + shift, *rest) for row, *rest in zip(*columns, strict=True)]


@settings(deadline=None, max_examples=50)
@given(POSTS, POSTS)
def test_spans_and_weights_of_a_text_are_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    some, more = [*some, RECRUITING], [LONG, *more]
    for find in (_phrases, _cues):
        whole, one, other = (find(*texts)[1] for texts in (some + more, some, more))
        assert _rows(whole) == _rows(one) + _rows(other, len(some))
