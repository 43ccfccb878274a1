from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.errors import PermanentError
from pipeline.learn import labels
from pipeline.learn.readings import (
    DISPUTED,
    Reading,
    is_text_hash,
    merged,
    read_readings,
    text_hashes,
    verdicts,
    write_readings,
)
from tests.tiny import CORPORA, strings

A, B = "t" + "a" * 16, "t" + "b" * 16


def _hash(text: str) -> str:
    return str(text_hashes(strings(text))[0])


def test_the_hash_is_that_of_the_text_as_the_judge_reads_it() -> None:
    plain = _hash("招代理 加微信〔微信号〕")
    for other in (
        "招代理 加微信lilac8899",
        "招代理\r\n\n加微信lilac8899 ",
        "招\u200b代理 加微信ｌｉｌａｃ７７",
        "招代理 加微信〔微信号〕",
    ):
        assert _hash(other) == plain, other
    assert _hash("招代理 加微信") != plain


def test_a_hash_is_stable_and_no_number_to_a_spreadsheet() -> None:
    found = text_hashes(strings("早", None, ""))
    assert found.to_pylist()[0] == "te7c7fb50f3db8408"
    assert found[1] == found[2]
    assert all(is_text_hash(value) for value in found.to_pylist())
    assert not is_text_hash("12345e6712345678")
    assert not is_text_hash(A + "0")


def test_readings_are_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    told = [
        Reading(B, "weibo:2", "sell", "卖货", "7", "doccano", "2026-01-01"),
        Reading(A, label="share", given='a"b,c'),
    ]
    write_readings(tmp_path / "labels" / "some.csv", told)
    assert read_readings(tmp_path / "labels" / "some.csv") == sorted(told, key=lambda r: r.text_hash)
    assert [p.name for p in (tmp_path / "labels").iterdir()] == ["some.csv"]


@pytest.mark.parametrize("row", ["12,,share,,,,", f"{A},,shar,,,,", f"{A}x,,share,,,,"])
def test_a_row_that_is_no_reading_is_one_line(tmp_path: Path, row: str) -> None:
    (tmp_path / "some.csv").write_text(f"text_hash,post,label,given,annotator,tool,at\n{row}\n", "utf-8")
    with pytest.raises(PermanentError, match="row 1: got ") as told:
        read_readings(tmp_path / "some.csv")
    assert "\n" not in str(told.value)


def test_merging_again_adds_nothing_and_loses_nothing() -> None:
    old = [Reading(A, "weibo:1", "share", "share", "1"), Reading(A, "weibo:1", "sell", "sell", "2")]
    new = [Reading(A, "", "share", "share", "1", at="2026-02-01"), Reading(B, "", "", "广告", "1")]
    everything, added = merged(old, new)
    assert added == 1
    assert merged(everything, new) == (everything, 0)
    assert Reading(A, "weibo:1", "share", "share", "1", at="2026-02-01") in everything
    assert old[1] in everything


def test_a_reader_s_later_word_counts_and_two_readers_may_differ() -> None:
    changed = [Reading(A, label="share", given="share", annotator="1", at="2026-01-01"),
               Reading(A, label="sell", given="sell", annotator="1", at="2026-01-02")]  # fmt: skip
    assert verdicts(changed) == {A: "sell"}
    assert verdicts([*changed, Reading(A, label="share", annotator="2")]) == {A: DISPUTED}
    assert verdicts([*changed, Reading(A, label="sell", annotator="2")]) == {A: "sell"}
    assert verdicts([Reading(B, label="", given="广告")]) == {}


def test_two_words_of_one_reader_without_a_time_differ() -> None:
    both = [Reading(A, label="share", given="share"), Reading(A, label="bait", given="bait")]
    assert verdicts(both) == verdicts(both[::-1]) == {A: DISPUTED}


def test_the_labels_of_the_public_posts_hold_no_text_and_31_disputes() -> None:
    readings = read_readings(CORPORA / "labels" / "posts_gold.parquet")
    verdict = verdicts(readings)
    assert len(verdict) == 14_629 + 718
    assert sum(label == DISPUTED for label in verdict.values()) == 31
    assert {reading.annotator for reading in readings} == {"reader-1", "reader-2"}


def test_the_labels_of_the_public_posts_are_those_of_the_data_folder(shared: Path) -> None:
    verdict = verdicts(read_readings(CORPORA / "labels" / "posts_gold.parquet"))
    for name in ("train.csv", "dev.csv"):
        path = shared / "datasets" / "posts_gold" / name
        with path.open(encoding="utf-8-sig", newline="") as file:
            said = [row["label"] for row in csv.DictReader(file)]
        assert [verdict[text] for text in text_hashes(labels.gold(path).texts).to_pylist()] == said
