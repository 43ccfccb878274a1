"""What is worth labelling: the unsure, the contested, the new; each text once, and none that somebody has read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import PermanentError, UsageError
from pipeline.learn.label_choice import WHYS, choose, disputed, new_words, uncertain
from pipeline.learn.label_export import FORMATS, export
from pipeline.learn.label_import import import_files
from pipeline.learn.label_texts import read_posts, texts_hash
from pipeline.learn.labels import OWN_FOLD
from pipeline.learn.readings import DISPUTED, Reading, read_readings, text_hashes, verdicts, write_readings
from pipeline.store import Lake
from pipeline.tables import CLASSES
from tests.feed import CORPORA, HANDLES, RAW_IDS, need_models, settings_for
from tests.tiny import judge_model, reader, strings


def _ints(*values: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, np.int64)


def test_the_nearest_to_the_threshold_come_first() -> None:
    assert uncertain(np.array([0.9, 0.52, 0.1, 0.5, 0.45])).tolist() == [3, 1, 4, 0, 2]


def test_posts_on_which_text_and_context_disagree_the_farthest_first() -> None:
    text, context = np.array([0.9, 0.2, 0.6, 0.4]), np.array([0.8, 0.6, 0.1, 0.45])
    assert disputed(text, context).tolist() == [2, 1]


def test_words_that_neither_dictionary_nor_model_knows_but_several_authors_use() -> None:
    texts = pa.chunked_array([strings(
        "今天下雨了", "澜珀霜到货了", "想要澜珀霜的来", "澜珀霜真好用", "钗翟瓯只有我说", "钗翟瓯还是我说", "钗翟瓯又是我说",
    )])  # fmt: skip
    authors = pa.chunked_array([strings("a", "b", "c", "d", "e", "e", "e")])
    assert sorted(new_words(texts, authors, reader(), judge_model()).tolist()) == [1, 2, 3]


def test_no_text_and_no_word_is_no_choice() -> None:
    none = pa.chunked_array([strings()])
    assert new_words(none, none, reader(), judge_model()).tolist() == []


def test_one_of_each_list_in_turn_and_each_text_and_campaign_once() -> None:
    ranked = [_ints(0, 1, 2, 3), _ints(1, 0), _ints(5, 4)]
    texts: list[str | None] = ["t0", "t1", "t2", "t0", "t4", "t5"]
    campaigns = [None, "c", "c", None, None, None]
    choice = choose(ranked, [texts, campaigns], {"t4"}, 10)
    assert choice.rows == [0, 1, 5]
    assert choice.whys == list(WHYS)
    assert choose(ranked, [texts, campaigns], set(), 2).rows == [0, 1]


@pytest.fixture(autouse=True)
def models() -> None:
    need_models()


@pytest.mark.parametrize("form", ["label-studio", "doccano", "csv"])
def test_what_is_exported_and_labelled_comes_back_to_the_posts(feed_lake: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"to_label{FORMATS[form]}"
    choice = export(settings_for(feed_lake), out, form, 12, with_guess=True)
    text = out.read_text("utf-8-sig")
    assert not [private for private in (*HANDLES, *RAW_IDS) if private in text]
    assert len(choice.rows) == 12
    if form == "label-studio":
        tasks = json.loads(text)
        hashes = [task["data"]["text_hash"] for task in tasks]
        assert tasks[0]["predictions"][0]["result"][0]["value"]["choices"][0] in CLASSES
        for task in tasks:
            task["annotations"] = [{"completed_by": 1, "result": task["predictions"][0]["result"]}]
            task["predictions"] = [1]
        out.write_text(json.dumps(tasks), "utf-8")
    elif form == "doccano":
        rows = [json.loads(line) for line in text.splitlines()]
        hashes = [row["text_hash"] for row in rows]
        out.write_text("\n".join(json.dumps({"id": 1, **row, "label": ["share"]}) for row in rows), "utf-8")
    else:
        rows = list(csv.DictReader(text.splitlines()))
        hashes = [row["text_hash"] for row in rows]
        out.write_text(text.replace(',""\n', ',"share"\n'), "utf-8")
    report = import_files([out], tmp_path / "imported.csv", {})
    assert (report.counts["new"], report.counts["edited"]) == (12, 0)
    assert sorted(verdicts(read_readings(tmp_path / "imported.csv"))) == sorted(hashes)
    posts = {f"{p}:{i}" for p, i in zip(*_keys(feed_lake), strict=True)}
    assert {reading.post for reading in read_readings(tmp_path / "imported.csv")} <= posts


def _keys(lake: Path) -> tuple[list[str], list[str]]:
    table = Lake.open(str(lake)).read("posts", ["platform", "post_id"])
    return table["platform"].to_pylist(), table["post_id"].to_pylist()


def test_a_guess_is_shown_only_where_it_is_asked_for(feed_lake: Path, tmp_path: Path) -> None:
    export(settings_for(feed_lake), tmp_path / "a.json", "label-studio", 3, with_guess=False)
    assert "predictions" not in (tmp_path / "a.json").read_text("utf-8")


def test_what_was_labelled_is_not_exported_again(feed_lake: Path, tmp_path: Path) -> None:
    for name in ("lexicon",):
        (tmp_path / name).symlink_to(CORPORA / name)
    settings = settings_for(feed_lake, corpora=str(tmp_path))
    export(settings, tmp_path / "first.csv", "csv", 5, with_guess=False)
    first = {row["text_hash"] for row in csv.DictReader((tmp_path / "first.csv").read_text("utf-8-sig").splitlines())}
    write_readings(tmp_path / "labels" / "imported.csv", [Reading(text, label="share") for text in first])
    export(settings, tmp_path / "second.csv", "csv", 5, with_guess=False)
    second = {row["text_hash"] for row in csv.DictReader((tmp_path / "second.csv").read_text("utf-8-sig").splitlines())}
    assert len(first) == len(second) == 5
    assert not first & second


def test_a_wrong_format_or_number_is_a_usage_error(feed_lake: Path, tmp_path: Path) -> None:
    for name, form, most in (("a.xml", "xml", 5), ("a.csv", "csv", 0), ("a.parquet", "csv", 5)):
        with pytest.raises(UsageError, match="labels export --"):
            export(settings_for(feed_lake), tmp_path / name, form, most, with_guess=False)


def test_labels_of_a_lake_become_training_posts(feed_lake: Path, data: Path, tmp_path: Path) -> None:
    posts = Lake.open(str(feed_lake)).read("posts", ["text"])["text"]
    hashes = list(dict.fromkeys(text_hashes(posts).to_pylist()))
    gold = text_hashes(strings(_first_gold(data)))[0].as_py()
    told = [
        Reading(hashes[0], label="recruit"), Reading(hashes[1], label="share"), Reading(hashes[2], label="sell", annotator="1"),
        Reading(hashes[2], label="bait", annotator="2"), Reading(hashes[3], given="广告"), Reading(hashes[4], label=DISPUTED),
        Reading("t" + "0" * 16, label="share"), Reading(gold, label="share"),
    ]  # fmt: skip
    write_readings(tmp_path / "some.csv", told)
    said: list[str] = []
    rows = read_posts((tmp_path / "some.csv",), str(feed_lake), data, said.append)
    found = dict(zip(text_hashes(rows.texts).to_pylist(), [CLASSES[i] for i in rows.label.tolist()], strict=True))
    assert found == {hashes[0]: "recruit", hashes[1]: "share"}
    assert set(rows.fold.tolist()) == {OWN_FOLD}
    assert "left out: 2 disputed, 1 of posts_gold, 1 not in the lake" in said[0]
    assert len(texts_hash(rows)) == 64
    write_readings(tmp_path / "none.csv", told[-2:])
    with pytest.raises(PermanentError, match="set --lake"):
        read_posts((tmp_path / "none.csv",), str(feed_lake), data, said.append)


def _first_gold(data: Path) -> str:
    with (data / "posts_gold" / "train.csv").open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))["text"]
