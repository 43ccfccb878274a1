"""README.md and README.zh.md: what they tell a reader to type is there, and both say the same in two languages."""

from __future__ import annotations

import importlib
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import build_parser
from pipeline.errors import UsageError
from pipeline.tables import TABLES

PAGES = ("README.md", "README.zh.md")
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Names of the code that stand outside backticks too: flags, paths and modules, tables and columns.
NAMES = re.compile(
    r"(?<![\w/.])(?:--[a-z-]+|[a-z]+(?:_[a-z]+)+|[A-Za-z<][\w<>-]*(?:[./][\w<>-]+)+/?|[A-Za-z<][\w<>-]*/)", re.ASCII
)
NUMBERS = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*", re.ASCII)


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, root: Path) -> str:
    name: str = request.param
    return (root / name).read_text("utf-8")


@pytest.fixture
def both(root: Path) -> tuple[str, str]:
    english, chinese = ((root / name).read_text("utf-8") for name in PAGES)
    return english, chinese


def blocks(text: str) -> Iterator[list[str]]:
    """The lines of every code block, without comments."""
    for block in FENCED.findall(text):
        yield [re.sub(r"(^|\s+)#.*", "", line) for line in block.splitlines()]


def inline(text: str) -> Counter[str]:
    return Counter(re.findall(r"`([^`\n]+)`", FENCED.sub("", text)))


def commands(text: str) -> list[str]:
    """What stands in code blocks to be typed or imported."""
    lines = [line for block in blocks(text) for line in block]
    return [line for line in lines if line.startswith(("make ", ".venv/bin/", "from "))]


def rows(text: str) -> list[list[str]]:
    """Cells of every row of every table."""
    return [line.split("|")[1:-1] for line in FENCED.sub("", text).splitlines() if line.startswith("|")]


def fault(line: str) -> str:
    """What the command line has against a command, or nothing."""
    try:
        build_parser().parse_args(shlex.split(line)[1:])
    except UsageError as error:
        return str(error)
    return ""


def missing(line: str) -> str:
    """The arguments that a sentence leaves out though they are required, filled in."""
    found = re.search(r"arguments are required: (.*?);", fault(line))
    names = found[1].split(", ") if found else []
    return "".join(f" {name} X" if name.startswith("--") else " X" for name in names)


def test_every_command_in_a_block_is_one_the_command_line_takes(page: str) -> None:
    given = [line for line in commands(page) if line.startswith(".venv/bin/xinren ")]
    assert len(given) >= 6
    assert [found for line in given if (found := fault(line))] == []


def test_every_command_in_a_sentence_has_words_and_flags_that_exist(page: str) -> None:
    given = [name for name in inline(page) if name.startswith("xinren ")]
    assert len(given) >= 6
    assert [found for line in given if (found := fault(line + missing(line)))] == []


def test_every_make_target_is_there(page: str, root: Path) -> None:
    given = [line for line in (*commands(page), *inline(page)) if line.startswith("make ")]
    targets = re.findall(r"^(\w+):(?!=)", (root / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert len(given) >= 3
    assert {line.split()[1] for line in given} <= set(targets)


def test_every_import_works(page: str) -> None:
    given = [line.split() for line in commands(page) if line.startswith("from ")]
    assert given
    for _, module, _, name in given:
        assert callable(getattr(importlib.import_module(module), name))


def test_every_table_named_is_a_table_of_the_lake(page: str) -> None:
    (first,) = (i for i, cells in enumerate(rows(page)) if "`raw_posts`" in cells[0])
    named: set[str] = set()
    for cells in rows(page)[first:]:
        if not (found := re.findall(r"`([a-z_]+)`", cells[0])):
            break
        named.update(found)
    assert named == set(TABLES) - {"post_index", "campaign_aliases"}  # those two serve the stages


def test_every_link_leads_to_a_file_and_the_pages_to_each_other(page: str, root: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert set(PAGES) & set(links)
    assert [link for link in links if not (root / link).exists()] == []


def test_both_name_the_same_commands_in_the_same_order(both: tuple[str, str]) -> None:
    assert commands(both[0]) == commands(both[1])


def test_both_have_the_same_sections_tables_and_blocks(both: tuple[str, str]) -> None:
    def shape(text: str) -> tuple[list[str], list[int], list[int]]:
        heads = re.findall(r"^(#+) ", FENCED.sub("", text), re.MULTILINE)
        return heads, [len(cells) for cells in rows(text)], [len(block) for block in blocks(text)]

    assert shape(both[0]) == shape(both[1])


def test_both_name_the_same_code_files_and_links(both: tuple[str, str]) -> None:
    def named(text: str) -> tuple[Counter[str], set[str]]:
        return inline(text), set(NAMES.findall(text)) - set(PAGES)

    assert named(both[0]) == named(both[1])


def test_both_give_the_same_figures(both: tuple[str, str]) -> None:
    english, chinese = (Counter(NUMBERS.findall(text)) for text in both)
    assert english == chinese
