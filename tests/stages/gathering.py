"""What tests of the stage gather share: a small lake, one run of the stage, and what it left."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from pipeline.check import check
from pipeline.run import writing
from pipeline.settings import Settings
from pipeline.stages.clean import clean
from pipeline.stages.gather import gather
from pipeline.store import Lake

AT = "2026-03-08T20:00:00+08:00"
OF_ITS_FILE = ("gathered_at", "batch_id", "source_file")
HEADER = "platform,post_id,author_id,text,likes\n"
ROWS = [
    "weibo,5301,2201,清早的渡口只有我和一只狗,3\n",
    'weibo,5302,2202,"她说：""晚点回来""，\n结果没回来",12\n',
    "weibo,5303,2201,新米下来了，先给隔壁送一碗,8\n",
    "weibo,5304,2203,,1\n",
    "weibo,5305,2202,少一格\n",
    "weibo,5306,2203,桥修好了，多走了两趟,0\n",
]


def run_gather(lake: Path, *inputs: Path | str, cleaned: bool = True, **settings: Any) -> dict[str, int]:
    """One run of the stage over these inputs; its counts."""
    stated = {"gathered_at": AT, "inputs": tuple(map(str, inputs)), "lake": str(lake), "batch_rows": 100, **settings}
    with writing(Settings(**stated)) as run:
        counts = gather(run)
        if cleaned:
            clean(run)
    return counts


def rows_of(lake: Path, table: str, *, without: tuple[str, ...] = OF_ITS_FILE) -> list[str]:
    """The rows of a table, apart from what they have of their file, in an order of their own."""
    rows = Lake.open(str(lake)).read(table).to_pylist()
    return sorted(repr({name: value for name, value in row.items() if name not in without}) for row in rows)


def files_of(lake: Path) -> dict[str, dict[str, Any]]:
    """The rows of gathered_files by the name of their file."""
    return {row["source_file"]: row for row in Lake.open(str(lake)).read("gathered_files").to_pylist()}


def reasons_of(lake: Path) -> list[tuple[str, int | None, str]]:
    """File, row and reason of every reject."""
    rejects = Lake.open(str(lake)).read("rejects").to_pylist()
    return sorted(((r["source_file"], r["source_row"], r["reason"]) for r in rejects), key=repr)


def broken_laws(lake: Path) -> list[str]:
    """What `xinren check` finds, but for tables of stages that were not run."""
    return [str(finding) for finding in check(Lake.open(str(lake)))]


def zipped(path: Path, members: dict[str, bytes | str]) -> Path:
    """A zip archive of these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def tarred(path: Path, members: dict[str, str], mode: str = "w:gz", links: dict[str, str] | None = None) -> Path:
    """A tar archive of these members and links."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    return path


def settled(path: Path) -> Path:
    """The file as if it had been written a minute ago."""
    past = path.stat().st_mtime - 60
    os.utime(path, (past, past))
    return path


def lines(*texts: str) -> str:
    """Native JSON Lines without ids."""
    return "".join(
        json.dumps({"platform": "qzone", "author_id": "66", "text": text}, ensure_ascii=False) + "\n" for text in texts
    )
