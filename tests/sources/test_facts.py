import pytest

from pipeline.sources import SOURCES
from pipeline.sources.facts import PAGE, page, table
from pipeline.sources.native import SOURCE as NATIVE


def test_page_says_what_the_code_says():
    text = PAGE.read_text("utf-8")
    assert text == page(text, SOURCES), "run: python -m pipeline.sources.facts"


def test_every_source_states_its_facts():
    lacking = [name for name, source in SOURCES.items() if source.facts is None]
    assert lacking == []


def test_row_names_the_module_and_keeps_its_cells():
    row = table({"native": NATIVE}).splitlines()[2]
    assert row.startswith("| `native` | native | any |")
    assert row.count(" | ") == 5


def test_page_without_its_marks_is_told():
    with pytest.raises(ValueError, match="marks"):
        page("# Sources\n", SOURCES)
