"""Sets that are read as their repository has them: found where they were fetched, said where they are not, in the recipe either way."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import PermanentError
from pipeline.learn import judge
from pipeline.learn.cards import write_recipe
from pipeline.learn.fetched import ABSENT, fetched_posts, fetched_sets
from pipeline.learn.public_posts import READ, public_posts
from pipeline.learn.readings import text_hashes
from pipeline.settings import Settings
from pipeline.sources import InputFile, gather_file
from tests.tiny import reader, strings

NOTES = [
    {"note_id": "n1", "title": "周末去了湖边", "desc": "风很大，孩子捡了一兜石头 🪨", "user_id": "u1", "time": 1700000000000},
    {"note_id": "n2", "title": "面膜囤货", "desc": "面膜囤货，姐妹们戳主页，加V：lake8899", "user_id": "u2", "time": 1700000000000},
    {"note_id": "n3", "title": "只有标题", "desc": "", "user_id": "", "time": 1700000000000},
]  # fmt: skip
SHEET = "标题,正文\n早市,豆浆两块五\n"
REGISTRY = """address = "x"
git = "y"
[sets.lake]
columns = {{ title = "title", text = "desc", author = "user_id" }}
[sets.lake.files]
"a/notes.json" = "{lake}"
[sets.market]
columns = {{ title = "标题", text = "正文" }}
[sets.market.files]
"笔记.csv" = "{market}"
[sets.other.files]
"never read.csv" = "{market}"
"""


def _sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _corpora(folder: Path, *there: str) -> Path:
    """A registry of two sets to read and one not to, and the files of those that are there."""
    lake = json.dumps(NOTES, ensure_ascii=False)
    files = {"lake": ("a/notes.json", lake), "market": ("笔记.csv", SHEET)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "registry.toml").write_text(REGISTRY.format(lake=_sha(lake), market=_sha(SHEET)), "utf-8")
    for name in there:
        path, content = files[name]
        (folder / "public" / name / path).parent.mkdir(parents=True)
        (folder / "public" / name / path).write_text(content, "utf-8")
    return folder


def test_a_fetched_note_reads_as_a_gathered_one(tmp_path: Path) -> None:
    found = fetched_posts(_corpora(tmp_path, "lake", "market"))
    gathered = gather_file(InputFile(tmp_path / "public" / "lake" / "a" / "notes.json", "notes.json"), Settings()).posts
    assert found["text"].to_pylist()[:3] == gathered["text"].to_pylist()
    assert found.to_pylist()[0] == {"dataset": "lake", "author": "u1", "text": f"周末去了湖边\n{NOTES[0]['desc']}"}
    assert found.to_pylist()[2:] == [
        {"dataset": "lake", "author": None, "text": "只有标题"},
        {"dataset": "market", "author": None, "text": "早市\n豆浆两块五"},
    ]


def test_an_absent_set_is_said_once_and_the_other_is_read(tmp_path: Path) -> None:
    said: list[str] = []
    found = fetched_posts(_corpora(tmp_path, "market"), said.append)
    assert set(found["dataset"].to_pylist()) == {"market"}
    assert len(said) == 1
    assert "lake" in said[0]
    assert "market" not in said[0]
    assert "corpora fetch" in said[0]
    states = fetched_sets(tmp_path)
    assert states["lake"] == ABSENT
    assert len(states["market"]) == 64
    assert states.keys() == {"lake", "market"}


def test_a_file_that_is_not_the_registrys_is_refused(tmp_path: Path) -> None:
    _corpora(tmp_path, "market")
    path = tmp_path / "public" / "market" / "笔记.csv"
    path.write_text(SHEET + "夜市,烤冷面\n", "utf-8")
    with pytest.raises(PermanentError, match=r"its SHA-256 is not.*corpora fetch market"):
        fetched_posts(tmp_path)


def test_a_file_without_the_column_is_one_line(tmp_path: Path) -> None:
    _corpora(tmp_path, "market")
    path = tmp_path / "registry.toml"
    path.write_text(path.read_text("utf-8").replace('text = "正文"', 'text = "内容"'), "utf-8")
    with pytest.raises(PermanentError, match="no column '内容'") as told:
        fetched_posts(tmp_path)
    assert "\n" not in str(told.value)


def test_no_registry_is_no_set(tmp_path: Path) -> None:
    assert fetched_sets(tmp_path) == {}
    assert len(fetched_posts(tmp_path)) == 0


def _settings(small: Settings, folder: Path, *there: str) -> Settings:
    """The small corpora with the sets, and a reading of the second note and of a text that is nowhere."""
    shutil.copytree(small.corpora, folder)
    _corpora(folder, *there)
    known = [*text_hashes(strings(str(NOTES[1]["desc"]))).to_pylist(), "t0000000000000000"]
    table = pa.table({
        "text_hash": known, "label": ["sell", "share"], "annotator": ["a", "a"], "dataset": ["lake", "lake"],
        "confidence": pa.array([3, 3], pa.int8()), "fold": pa.array([None, None], pa.int8()),
    })  # fmt: skip
    (folder / READ).parent.mkdir(exist_ok=True)
    pq.write_table(table, folder / READ)
    return small.model_copy(update={"corpora": str(folder)})


def test_readings_find_their_notes_or_training_goes_on_without_them(
    data: Path, small: Settings, tmp_path: Path
) -> None:
    labelled = {}
    for there in (("lake",), ()):
        said: list[str] = []
        corpora = Path(_settings(small, tmp_path / f"{len(there)}", *there).corpora)
        corpus = judge.training_corpus(data, corpora, reader(), say=said.append)
        rows = corpus.labels.stratum == "read"
        labelled[len(there)] = corpus.labels.author[rows].tolist()
        assert f"{2 - len(there)} of the 2 texts" in " ".join(said)
        # Beside what was read, no post of such a set is learned from: the model differs by the readings alone.
        assert len(corpus.unlabelled.author) == len(
            judge.training_corpus(data, Path(small.corpora), reader()).unlabelled.author
        )
    assert labelled == {1: ["u2"], 0: []}


def test_of_equal_texts_a_data_folders_comes_first(data: Path) -> None:
    before = public_posts(data)
    copy = before.select(["dataset", "author", "text"]).slice(0, 1)
    copy = copy.set_column(0, "dataset", pa.array(["lake"])).set_column(1, "author", pa.array(["u9"]))
    assert public_posts(data, copy).equals(before)


def test_the_recipe_says_which_sets_were_there(tmp_path: Path) -> None:
    write_recipe(tmp_path, {"seed": 1}, {}, fetched_sets(_corpora(tmp_path, "market")))
    told = tomllib.loads((tmp_path / "recipe.toml").read_text("utf-8"))["fetched"]
    assert told == {"lake": ABSENT, "market": fetched_sets(tmp_path)["market"]}
