"""`xinren report`: one HTML page of a lake that needs no network and no script. What posts say is hostile: all of it is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError, one_line
from pipeline.store import Lake
from pipeline.tables import CLASSES, COMPONENTS, RESTRICTED, TABLES
from pipeline.view import report_days, report_parts
from pipeline.view.summary import LEAST_FEELING, SHOWN, SWING_PARTS, largest_swings

if TYPE_CHECKING:
    from jinja2 import Template

TOP = 10  # campaigns
MOST_TOP = 100  # so that a page stays a page
LONGEST = 20_000  # characters of one value on the page; a chart's path is the longest
_COLUMN = re.compile(r"(\w+)\.(\w+)")


def write_report(root: str, out: Path, top: int = TOP) -> int:
    """Write the report of the lake at `root` to the file `out`, which is there whole or as it was; its size in bytes.

    Raises UsageError where there is no lake or no place for the file, or `top` is not 1 to MOST_TOP.
    """
    if not 1 <= top <= MOST_TOP:
        raise UsageError(f"report --top: got {top}; expected 1 to {MOST_TOP}")
    must_have_place(out, "report --out")
    page = report_html(Lake.open(root), top).encode()
    with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
        fresh = Path(file.name)
        try:
            file.write(page)
            file.close()
            fresh.chmod(0o644)
            fresh.replace(out)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
    return len(page)


def must_have_place(out: Path, flag: str) -> None:
    """Raise UsageError where no file can be written to `out`, the value of `flag`."""
    if out.is_dir() or not out.parent.is_dir():
        got = "a folder" if out.is_dir() else "a file in a folder that is not there"
        raise UsageError(f"{flag} {one_line(out)}: got {got}; expected a file such as report.html")


def report_html(lake: Lake, top: int = TOP) -> str:
    """The page of the lake's newest snapshot: the same text for the same lake, whenever and wherever it is made."""
    number = lake.snapshot().number
    while True:
        page = _page(lake, number, top)
        newest = lake.snapshot().number
        if newest == number:
            return page
        number = newest  # a run committed meanwhile: figures of two snapshots do not belong on one page


def _page(lake: Lake, snapshot: int, top: int) -> str:
    campaigns, n_campaigns = report_parts.campaigns(lake, top)
    return _template().render(
        lake=re.split(r"[/\\]", lake.root.rstrip("/\\"))[-1],
        snapshot=snapshot,
        accounting=report_parts.accounting(lake),
        days=report_days.days_of(lake),
        swings=largest_swings(lake),
        swing_parts=SWING_PARTS,
        mixes=report_parts.mixes(lake),
        campaigns=campaigns,
        n_campaigns=n_campaigns,
        trust=report_parts.trust(lake),
        classes=CLASSES,
        components=COMPONENTS,
        least_feeling=LEAST_FEELING,
        least_posts=SHOWN,
        used={},
    )


@cache
def _template() -> Template:
    """The page's template: every value is plain characters, then escaped; an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    page = Environment(
        loader=PackageLoader("pipeline.view"), autoescape=True, undefined=StrictUndefined, finalize=_plain,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    page.filters["doc"] = _doc
    return page.get_template("report.html")


def _plain(value: Any) -> Any:
    """Strings without control, bidi and zero-width characters (their codes instead), of bounded length."""
    if type(value) is not str:
        return value  # numbers, and what a macro made of values that came through here
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in value[:LONGEST])


def _doc(name: str) -> str:
    """What the column `table.column` means. Raises ValueError for one there is not: a template must not name it."""
    match = _COLUMN.fullmatch(name)
    docs = {} if match is None else {c.name: c.doc for c in TABLES.get(match[1], [])}
    if match is None or match[2] not in docs:
        raise ValueError(f"report: no column {name}")
    return docs[match[2]] + (" (restricted zone)" if match[1] in RESTRICTED else "")
