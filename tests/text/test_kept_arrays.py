from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.text.compiled import CACHE_HOME
from pipeline.text.kept_arrays import MOST, Arrays, kept


class Maker:
    """Counts how often it makes."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return {"a": np.arange(5), "b": np.array([], np.uint16)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_HOME, str(tmp_path))
    return tmp_path / "xinren"


def _kept(maker: Maker, *made_from: bytes) -> list[list[int]]:
    arrays = kept("kind", made_from, ["a", "b"], maker)
    assert arrays["b"].dtype == np.uint16
    return [arrays["a"].tolist(), arrays["b"].tolist()]


def test_arrays_are_made_once(folder: Path) -> None:
    maker = Maker()
    assert [_kept(maker, b"x", b"y") for _ in range(3)] == [[[0, 1, 2, 3, 4], []]] * 3
    assert maker.times == 1
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


def test_what_they_are_made_from_tells_them_apart(folder: Path) -> None:
    maker = Maker()
    for made_from in ((b"x", b"y"), (b"xy",), (b"x", b"y", b""), (b"y", b"x")):
        _kept(maker, *made_from)
    assert maker.times == 4


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes | None) -> None:
    maker = Maker()
    _kept(maker, b"x")
    [path] = folder.iterdir()
    whole = bytearray(path.read_bytes())
    whole[150] ^= 1  # of the values of a
    path.write_bytes(bytes(whole) if damage is None else damage)
    assert _kept(maker, b"x") == [[0, 1, 2, 3, 4], []]
    assert maker.times == 2
    _kept(maker, b"x")
    assert maker.times == 2


def test_a_file_of_objects_is_not_opened(folder: Path) -> None:
    maker = Maker()
    _kept(maker, b"x")
    [path] = folder.iterdir()
    np.savez(path, a=np.array([{}], object), b=np.zeros(0, np.uint16))
    assert _kept(maker, b"x") == [[0, 1, 2, 3, 4], []]


def test_old_files_go_when_there_are_many(folder: Path) -> None:
    for i in range(MOST + 5):
        _kept(Maker(), str(i).encode())
    assert len(list(folder.iterdir())) == MOST


def test_without_a_cache_folder_they_are_made_every_time(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)  # others could write there
    maker = Maker()
    assert [_kept(maker, b"x") for _ in range(2)] == [[[0, 1, 2, 3, 4], []]] * 2
    assert maker.times == 2
    assert not list(folder.iterdir())
