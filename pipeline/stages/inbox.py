"""The inbox: a folder into which exporters drop files. Each is gathered once and stays; what cannot be read is moved aside.

Moving comes after the commit of the run that recorded why. A crash in between is harmless: the next run knows the file as
refused, and moves it then.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from pipeline.errors import one_line
from pipeline.run import Run
from pipeline.sources.inputs import InputFile, Left, look

ASIDE = "refused"  # the folder in the inbox to which unreadable files go
SETTLED = 5.0  # seconds since its last change after which a file counts as written
log = logging.getLogger(__name__)


class Inbox:
    """The files of the inbox, and those `left` for the next run because they are still being written."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = Path(run.settings.inbox).expanduser() if run.settings.inbox else None
        self.files: list[InputFile] = []
        self.left: list[Left] = []
        if self._folder is not None and self._folder.is_dir():
            found, self.left = look([str(self._folder)])
            for item in found:
                self._sort(item)

    def _sort(self, item: InputFile) -> None:
        if item.name.startswith(f"{ASIDE}/"):
            return
        age = time.time() - item.path.stat().st_mtime
        if 0 <= age < SETTLED:
            self.left.append(Left(item.name, f"changed {age:.0f} s ago, so it may not be whole; left for the next run"))
        else:
            self.files.append(item)

    def refuse(self, item: InputFile, batch: str) -> None:
        """Move an unreadable file aside once this run is committed."""
        stat = item.path.stat()
        why = self._run.tx.read("rejects", ["detail", "reason"], only=lambda file: file.stem == batch).to_pylist()
        said = "; ".join(f"{row['reason']}: {row['detail']}" for row in why[:1])
        self._run.after_commit(lambda: self._move(item, batch, said, (stat.st_size, stat.st_mtime_ns)))

    def _move(self, item: InputFile, batch: str, why: str, was: tuple[int, int]) -> None:
        assert self._folder is not None
        target = self._folder / ASIDE / item.path.relative_to(self._folder)
        try:
            now = item.path.stat()
            if (now.st_size, now.st_mtime_ns) != was:
                return  # another file by now
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                target = target.with_name(f"{batch}-{target.name}")
            note = f"{one_line(item.name)}\n{one_line(why)}\nbatch {batch}\nPut it back into the inbox when it is mended.\n"
            target.with_name(f"{target.name}.note.txt").write_text(note, "utf-8")
            item.path.rename(target)
        except OSError as error:
            log.warning("inbox: cannot move %s aside: %s", item.name, one_line(error))
