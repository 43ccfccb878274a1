"""The tables kept in the cache folder: read where they fit, built anew where they do not, never from elsewhere."""

from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from math import log
from pathlib import Path

import numpy as np
import pytest

from pipeline.text import jieba_tables
from pipeline.text.jieba_tables import load_tables
from pipeline.text.segment import Segmenter
from tests.text.jieba_oracle import OWN

TEXT = "诚招代理一件代发"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(jieba_tables, "cache_folder", lambda: folder)
    return folder


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "main"
    path.write_text("招代 3 n\n代理 2 n\n一件 5 n\n代发 4 n\n", "utf-8")
    return path


def cuts(dictionary: Path, words: Path | None = None) -> list[str]:
    return Segmenter(words, dictionary=dictionary).texts([TEXT])[0]


def forbid_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(jieba_tables, "build_tables", refuse)


def test_tables_are_built_once_and_read_afterwards(
    cache: Path, dictionary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = load_tables(None, dictionary)
    forbid_building(monkeypatch)
    read = load_tables(None, dictionary)
    for field in fields(built):
        one, other = getattr(built, field.name), getattr(read, field.name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert [path.suffix for path in cache.iterdir()] == [".npz"]


def test_log_probabilities_are_jiebas_to_the_last_bit() -> None:
    from jieba import Tokenizer

    frequencies, total = Tokenizer.gen_pfdict(OWN.open("rb"))
    tables = load_tables(None, None)
    words = tables.words.tobytes().decode().split("\n")
    want = {word: log(frequencies[word]) - log(total) for word in words}  # as in its calc
    known = tables.numbers >= 0
    found = dict(zip(tables.numbers[known].tolist(), tables.nodes["weight"][known].tolist(), strict=True))
    assert len(found) > 340_000
    assert all(want[words[number]] == weight for number, weight in found.items())
    assert np.isneginf(tables.nodes["weight"][~known]).all()
    assert tables.odds[0] == log(1) - log(total)


def test_another_dictionary_or_other_words_are_other_tables(cache: Path, dictionary: Path, tmp_path: Path) -> None:
    words = tmp_path / "words"
    before = cuts(dictionary)
    words.write_text("", "utf-8")
    assert cuts(dictionary, words) == before
    words.write_text("一件代发 9\n", "utf-8")
    assert cuts(dictionary, words)[-1] == "一件代发"
    dictionary.write_text("诚招代理 7\n", "utf-8")
    assert cuts(dictionary)[0] == "诚招代理"
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", ["empty", "cut", "byte", "no zip", "other arrays", "pickle"])
def test_a_damaged_file_is_built_anew(cache: Path, dictionary: Path, damage: str) -> None:
    want = cuts(dictionary)
    [path] = cache.iterdir()
    good = path.read_bytes()
    middle = good.index(np.float64(-3.14e100).tobytes() * 9)  # inside the emissions
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(good[: len(good) // 2])
    elif damage == "byte":
        path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    elif damage == "no zip":
        path.write_bytes(b"\x00" * 1000)
    elif damage == "other arrays":
        np.savez(path, rank=np.zeros(3))
    else:
        np.savez(path, rank=np.array([{}]), allow_pickle=True)
    assert cuts(dictionary) == want
    assert path.read_bytes()[:4] == good[:4]
    assert len(path.read_bytes()) == len(good)


def test_with_nowhere_to_write_tables_are_built_and_none_is_read_or_left_in_the_shared_temporary_folder(
    dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    monkeypatch.setenv("XDG_CACHE_HOME", str(dictionary))  # a file: no folder can be made in it
    assert cuts(dictionary) == ["诚", "招代", "理", "一件", "代发"]
    assert list(shared.iterdir()) == []


def test_a_disk_that_takes_nothing_more_keeps_no_half_file(
    cache: Path, dictionary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: object, **_: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert cuts(dictionary)
    assert list(cache.iterdir()) == []


def test_of_many_tables_those_used_last_are_kept(
    cache: Path, dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tmp_path / "words"
    for i in range(12):
        words.write_text(f"词{'甲' * (i + 1)} 3\n", "utf-8")
        load_tables(None, dictionary)
        load_tables(words, dictionary)
    assert len(list(cache.iterdir())) == 8
    forbid_building(monkeypatch)
    load_tables(None, dictionary)
    load_tables(words, dictionary)


def test_the_file_lies_in_a_folder_that_only_the_user_reads(
    dictionary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load_tables(None, dictionary)
    folder = tmp_path / "cache" / "xinren"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.glob("segment-*.npz"))) == 1


def test_threads_that_build_the_same_tables_at_once_all_get_them(cache: Path, dictionary: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cuts(dictionary), range(8)))
    assert found == [found[0]] * 8
    assert len(list(cache.iterdir())) == 1


def test_with_tables_at_hand_jieba_itself_is_not_even_imported() -> None:
    Segmenter()
    code = "import sys; from pipeline.text.segment import segment_texts as s; s(['招代理']); sys.exit('jieba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
