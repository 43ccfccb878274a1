"""Damaged files and archives: never a traceback, and the laws hold."""

from __future__ import annotations

import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.sources import archives
from tests.stages.gathering import HEADER, ROWS, broken_laws, lines, run_gather

WHOLE = HEADER + "".join(ROWS)


def a_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {"a.csv": WHOLE, "词/b.jsonl": lines("天晴了", "晒谷子"), "c.txt": "不是表格"}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return out.getvalue()


def a_tar(mode: str) -> Callable[[], bytes]:
    def make() -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
            for name, text in {"a.csv": WHOLE, "词/b.jsonl": lines("天晴了", "晒谷子")}.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                archive.addfile(info, io.BytesIO(text.encode()))
        return out.getvalue()

    return make


SEEDS = {"zip": a_zip, "tar": a_tar("w"), "tgz": a_tar("w:gz"), "csv": WHOLE.encode, "jsonl": lines("早", "晚").encode}


def damaged(content: bytes, chance: random.Random) -> bytes:
    """`content` cut, with bytes flipped, doubled, or in two encodings at once, or with an enormous cell in it."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, how = chance.randrange(len(data) + 1), chance.randrange(6)
        if how == 0:
            del data[at:]
        elif how == 1 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 2:
            data[at:at] = data[at : at + chance.choice([3, 40, 400])]
        elif how == 3:
            data[at:at] = chance.choice(["半截".encode("gb18030"), b"\x00" * 9, b"\xff", b'"', "早".encode("utf-16")])
        elif how == 4:
            data[at:at] = b"x" * chance.choice([10, 5_000, 300_000])
        else:
            del data[at : at + chance.choice([1, 9, 99])]
    return bytes(data)


@pytest.mark.parametrize("seed", range(12))
def test_damage_is_never_more_than_rejects(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    chance = random.Random(seed)
    (tmp_path / "in").mkdir()
    for number in range(12):
        kind = chance.choice(list(SEEDS))
        (tmp_path / "in" / f"{number:02d}.{kind}").write_bytes(damaged(SEEDS[kind](), chance))
    counts = run_gather(tmp_path / "lake", tmp_path / "in")
    assert counts["files"] + counts["files_known"] >= 12
    assert broken_laws(tmp_path / "lake") == []
    assert not list((tmp_path / "lake" / "_tmp").iterdir())
