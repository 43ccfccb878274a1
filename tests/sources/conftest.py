"""What the tests of the sources share: gather some bytes, and the law that every file must keep."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.sources import REASONS, Gathered, InputFile, gather_file
from pipeline.tables import conform

GATHERED_AT = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)  # 20:00 in Shanghai


@pytest.fixture(scope="session")
def gather(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Gathered]:
    """gather(text or bytes, name, **settings): what the file gives. Every call writes a file of its own."""
    folder, numbers = tmp_path_factory.mktemp("gather"), itertools.count()

    def run(content: str | bytes, name: str = "file", **settings: object) -> Gathered:
        path = folder / f"{next(numbers)}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            return gather_file(InputFile(path, name), Settings(**{"gathered_at": GATHERED_AT, **settings}))
        finally:
            path.unlink()

    return run


@pytest.fixture(scope="session")
def check_law() -> Callable[[Gathered], None]:
    """Asserts that every row is accounted for, once by its number and once by the independent count."""

    def check(gathered: Gathered) -> None:
        for name in ("posts", "authors", "rejects", "file"):
            table = getattr(gathered, name)
            table.validate(full=True)
            schema = {"posts": "raw_posts", "authors": "raw_authors", "rejects": "rejects", "file": "gathered_files"}
            assert table.equals(conform(table, schema[name]))
        file = gathered.file.to_pylist()[0]
        rows = {
            row
            for table in (gathered.posts, gathered.authors, gathered.rejects)
            for row in table["source_row"].to_pylist()
        }
        assert len(rows) == file["n_rows"]
        assert file["n_rows_framed"] in (None, file["n_rows"])
        assert rows == {None} or rows == set(range(1, file["n_rows"] + 1))
        counted = [len(table) for table in (gathered.posts, gathered.authors, gathered.rejects)]
        assert [file[name] for name in ("n_posts", "n_authors", "n_rejects")] == counted
        assert set(gathered.rejects["reason"].to_pylist()) <= set(REASONS)

    return check


@pytest.fixture(scope="session")
def exports(shared: Path) -> Path:
    """The folder of real exports."""
    return shared / "exports"
