"""score: the same rows, in their order, judged by text alone; reasons point into the text as it was given."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import api
from pipeline.api import Scorer, score
from pipeline.errors import PermanentError, UsageError
from pipeline.tables import CLASSES
from tests.feed import CORPORA, FLOOD, HANDLES, MODELS, RECRUIT, SLEET, SUPPER, WALK, need_models, opened_once

HIDDEN = (
    "❶➕薇：mei\u200b8866xyz 招\x1e代理👩‍👧一件代发🅵🆄🅻🅻，宝妈月入过万"  # handle, zero width, separator, emoji, disguise
)
TEXTS = (RECRUIT, SLEET, FLOOD, SUPPER, HIDDEN, WALK, "转发微博", "👍", "第一行\r\n第二行\t招代理", "a" * 2_000)


@pytest.fixture(scope="module", autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


@pytest.fixture(scope="module")
def scorer(models: None) -> Scorer:
    return Scorer(str(MODELS), str(CORPORA))


def texts(*values: str | None) -> pa.Table:
    return pa.table({"text": pa.array(values, pa.string())})


def test_rows_keep_their_order_beside_the_columns_of_the_input(scorer: Scorer) -> None:
    table = pa.table({"n": range(len(TEXTS)), "text": TEXTS, "tags": [["x"]] * len(TEXTS)})
    judged = scorer.score(table)
    assert judged.select(table.column_names).equals(table)
    first = judged.slice(0, 4).to_pylist()
    assert [row["label"] for row in first] == ["recruit", "share", "sell", "share"]
    assert [row["is_broadcast"] for row in first] == [True, False, True, False]


def test_probabilities_are_those_of_a_choice(scorer: Scorer) -> None:
    for row in scorer.score(texts(*TEXTS)).to_pylist():
        assert sum(row[f"p_{name}"] for name in CLASSES) == pytest.approx(1, abs=1e-5)
        assert (
            (row["broadcast_probability"] >= 0.5)
            == row["is_broadcast"]
            == (row["label"] in ("sell", "recruit", "bait"))
        )
        assert bool(row["reasons"]) == row["is_broadcast"]


@pytest.mark.parametrize("blank", [None, "", " ", "\n\t\r\n", "\u3000", "\u200b\u2060\ufeff", "\x1e", "\u00ad"])
def test_a_text_that_shows_nothing_has_no_judgement(scorer: Scorer, blank: str | None) -> None:
    judged = scorer.score(texts(SLEET, blank, RECRUIT))
    row = judged.slice(1, 1).to_pylist()[0]
    assert row.pop("text") == blank
    assert set(row.values()) == {None}
    assert judged["label"].to_pylist()[::2] == ["share", "recruit"]


def test_a_table_without_rows_has_the_columns(scorer: Scorer) -> None:
    empty, some = scorer.score(texts()), scorer.score(texts(SLEET))
    assert (len(empty), empty.schema) == (0, some.schema)
    assert len(scorer.score(pa.table({"text": pa.chunked_array([], pa.string())}))) == 0


def test_a_clashing_column_gets_another_name(scorer: Scorer) -> None:
    names = ["label", "text", "input_label", "sentiment"]
    table = pa.table([["mine"], [SLEET], ["other"], [0.5]], names=names)
    judged = scorer.score(table)
    assert judged.column_names[:4] == ["input_input_label", "text", "input_label", "input_sentiment"]
    assert [judged[name][0].as_py() for name in judged.column_names[:4]] == ["mine", SLEET, "other", 0.5]
    assert judged["label"].to_pylist() == ["share"]
    assert len(set(judged.column_names)) == len(judged.column_names)


def test_the_text_column_may_be_one_that_clashes(scorer: Scorer) -> None:
    judged = scorer.score(pa.table({"label": [RECRUIT]}), text_column="label")
    assert (judged["input_label"].to_pylist(), judged["label"].to_pylist()) == ([RECRUIT], ["recruit"])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pa.table({"内容": ["x"]}), "column text: not in the table; got 内容; set --text-column"),
        (pa.table({}), "got no columns"),
        (pa.table([["a"], ["b"]], names=["text", "text"]), "column text: stands 2 times"),
        (pa.table([["a"], ["b"], ["c"]], names=["text", "n", "n"]), "column n: stands 2 times"),
        (pa.table({"text": [["a"]]}), "got type list"),
        (pa.table({"text": [{"a": 1}]}), "got type struct"),
    ],
)
def test_a_table_without_one_column_of_texts_is_refused(scorer: Scorer, table: pa.Table, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        scorer.score(table)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())])
def test_a_text_may_be_of_any_string_type(scorer: Scorer, kind: pa.DataType) -> None:
    judged = scorer.score(pa.table({"text": pa.array([RECRUIT, None]).cast(kind)}))
    assert judged["label"].to_pylist() == ["recruit", None]
    assert judged["text"].type == kind


def spans(row: dict[str, object]) -> list[tuple[int, int, str]]:
    reasons = row["reasons"]
    assert isinstance(reasons, list)
    return [(reason["span_start"], reason["span_end"], reason["text"]) for reason in reasons]


@pytest.mark.parametrize(
    "text", [RECRUIT, FLOOD, HIDDEN, f"\x1e👩‍👧\u200b{RECRUIT}", f"{RECRUIT}\x1e{FLOOD}", f"  \n{FLOOD}"]
)
def test_spans_are_code_points_of_the_text_as_given(scorer: Scorer, text: str) -> None:
    (row,) = scorer.score(texts(text), base_rate=0.9).to_pylist()
    assert row["reasons"]
    for start, end, words in spans(row):
        assert 0 <= start < end <= len(text)
        shown = text[start:end].replace("\x1e", " ")
        if any(handle in shown for handle in (*HANDLES, "mei\u200b8866xyz")):
            assert not any(handle in words for handle in (*HANDLES, "mei"))  # its kind is named, not the handle itself
        else:
            assert shown == words


def test_the_span_of_a_handle_is_the_handle(scorer: Scorer) -> None:
    text = "👩‍👧招代理加微信 manman_dl2026"
    (row,) = scorer.score(texts(text)).to_pylist()
    assert "manman_dl2026" in [text[start:end] for start, end, words in spans(row) if "微信号" in words]
    assert not any("manman" in words for _, _, words in spans(row))


def test_a_reason_names_the_words_that_matter(scorer: Scorer) -> None:
    (row,) = scorer.score(texts(f"{SLEET}{RECRUIT}")).to_pylist()
    assert all(start >= len(SLEET) for start, _, _ in spans(row))


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_batches_change_nothing(scorer: Scorer, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    table = texts(*TEXTS, None, *reversed(TEXTS))
    whole = scorer.score(table)
    monkeypatch.setattr(api, "BATCH", batch)
    assert scorer.score(table).equals(whole)


WORDS = st.sampled_from(
    [
        "招代理",
        "加微信",
        " ",
        "mei8866xyz",
        "下雨了",
        "😀",
        "\u200b",
        "\x1e",
        "\n",
        "，",
        "月入过万",
        "❶",
        "Ａ",
        "㎏",
        "//@阿禾:",
    ]
)
ANY = st.one_of(st.none(), st.text(max_size=30), st.lists(WORDS, max_size=12).map("".join))


@settings(max_examples=25)
@given(st.lists(ANY, max_size=6), st.integers(0, 6))
def test_a_table_cut_in_two_gives_the_same_rows(scorer: Scorer, values: list[str | None], cut: int) -> None:
    table = texts(*values)
    parts = pa.concat_tables([scorer.score(table.slice(0, cut)), scorer.score(table.slice(cut))])
    assert parts.combine_chunks().equals(scorer.score(table))


@settings(max_examples=50)
@given(ANY)
def test_any_text_is_judged_with_spans_inside_it(scorer: Scorer, text: str | None) -> None:
    (row,) = scorer.score(texts(text), base_rate=0.99).to_pylist()
    for start, end, _ in spans(row) if row["reasons"] else []:
        assert 0 <= start < end <= len(text or "")


def test_a_higher_base_rate_flags_more(scorer: Scorer) -> None:
    table = texts(*TEXTS)
    low, high = (scorer.score(table, base_rate=rate)["broadcast_probability"].to_pylist() for rate in (0.05, 0.6))
    assert all(a < b for a, b in zip(low, high, strict=True))


def test_progress_counts_rows(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "BATCH", 4)
    told: list[int] = []
    scorer.score(texts(*TEXTS), done=told.append)
    assert told == [4, 4, 2]


def test_the_function_for_notebooks_is_the_same(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODELS.parent)
    with opened_once():
        assert score(texts(RECRUIT)).equals(scorer.score(texts(RECRUIT)))


def test_models_of_another_lexicon_are_refused(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    load = api.load_linear
    monkeypatch.setattr(api, "load_linear", lambda folder: replace(load(folder), lexicon_version="0"))
    with pytest.raises(PermanentError, match="trained with lexicon 0; got"):
        Scorer(str(MODELS), str(CORPORA))
