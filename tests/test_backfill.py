"""Trust as of many days: the dates of a range, and the lake that single runs give."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pipeline.backfill import backfill, dates_of
from pipeline.errors import UsageError
from pipeline.run import writing
from pipeline.stages import do
from pipeline.store import Lake
from tests.feed import need_models, opened_once, settings_for


@pytest.fixture(scope="module", autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


def test_a_step_of_days_begins_at_the_first_and_stays_within_the_last() -> None:
    found = dates_of("2026-01-30", "2026-02-10", "5")
    assert found == [date(2026, 1, 30), date(2026, 2, 4), date(2026, 2, 9)]


def test_months_end_where_they_end() -> None:
    assert dates_of("2027-12-31", "2028-03-30", "month") == [date(2027, 12, 31), date(2028, 1, 31), date(2028, 2, 29)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2026-01-01", None, None), "expected --from DATE --to DATE"),
        (("2026-02-01", "2026-01-01", None), "ends before it begins"),
        (("2026-02-30", "2026-03-01", None), "expected a date"),
        (("2026-01-01", "2026-03-01", "0"), "expected a number of days"),
        (("2026-01-01", "2026-03-01", "week\x1b[2J"), "expected a number of days"),
        (("2026-01-02", "2026-01-03", "month"), "got 0 dates"),
        (("1900-01-01", "2026-01-01", "1"), "expected 1 to 10,000"),
    ],
)
def test_what_is_no_range_is_said(words: tuple[str | None, str | None, str | None], said: str) -> None:
    with pytest.raises(UsageError, match=said) as told:
        dates_of(*words)
    assert str(told.value).isprintable()


def test_a_range_gives_the_files_of_single_runs(feed_lake: Path, tmp_path: Path) -> None:
    dates = dates_of("2026-02-01", "2026-03-03", "15")
    for name in ("range", "single"):
        shutil.copytree(feed_lake, tmp_path / name)
    with writing(settings_for(tmp_path / "range")) as run:
        counts = backfill(run, dates)
    for day in dates:
        with writing(settings_for(tmp_path / "single", as_of=day)) as run:
            do(run, "trust")
    one, other = (Lake.open(str(tmp_path / name)).data_files("author_trust") for name in ("range", "single"))
    assert [file.path for file in one] == [file.path for file in other]
    assert {file.keys["part_as_of"] for file in one} == {"2026-03-05", *(day.isoformat() for day in dates)}
    assert counts["dates"] == len(dates) == 3
