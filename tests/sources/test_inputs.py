import os
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.sources import find_inputs
from pipeline.sources.inputs import look


@pytest.fixture
def feed(tmp_path):
    for name in ("b.csv", "a.jsonl", "词/代购.csv", "_runs/x.csv", ".cache/y.csv", ".hidden", "词/_draft.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text\n早\n", "utf-8")
    return tmp_path


def names(*inputs):
    return [file.name for file in find_inputs([str(text) for text in inputs])]


def test_folder_gives_all_files_below_it_by_their_path_in_it(feed):
    assert names(feed) == ["a.jsonl", "b.csv", "词/代购.csv"]


def test_file_is_named_by_its_own_name_even_a_hidden_one(feed):
    assert names(feed / "词" / "代购.csv") == ["代购.csv"]
    assert names(feed / "词" / "_draft.csv") == ["_draft.csv"]


def test_glob_names_are_below_its_fixed_part(feed):
    assert names(f"{feed}/*.csv") == ["b.csv"]
    assert names(f"{feed}/**/代购.csv") == ["词/代购.csv"]


def test_file_named_twice_is_there_once_whatever_the_order(feed):
    inputs = [str(feed), str(feed / "b.csv"), str(feed / "词")]
    assert find_inputs(inputs) == find_inputs(inputs[::-1])
    assert len(find_inputs(inputs)) == 3


def test_file_under_two_paths_is_there_once(feed):
    (feed / "link.csv").symlink_to(feed / "b.csv")
    assert names(feed / "词" / ".." / "b.csv", feed) == ["a.jsonl", "b.csv", "词/代购.csv"]


def test_path_with_brackets_is_a_path_first(tmp_path):
    (tmp_path / "[1].csv").write_text("text\n", "utf-8")
    assert names(tmp_path / "[1].csv") == ["[1].csv"]


def test_control_characters_in_a_name_are_escaped(tmp_path):
    (tmp_path / "a\x1b[31m\nb.csv").write_text("text\n", "utf-8")
    assert names(tmp_path) == ["a\\x1b[31m\\x0ab.csv"]


def test_name_that_is_no_utf8_is_escaped(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.csv")).write_bytes(b"")
    assert names(tmp_path) == ["\\xdcff.csv"]


@pytest.mark.parametrize("missing", ["nothing.csv", "*.parquet", "nul\0", "~nobody-here/x"])
def test_input_that_gives_no_file_is_one_line(tmp_path, missing):
    text = missing if missing.startswith("~") else f"{tmp_path}/{missing}"
    with pytest.raises(UsageError) as error:
        find_inputs([text])
    assert "\n" not in str(error.value)


def test_unreadable_file_named_by_itself_is_a_usage_error(feed, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        find_inputs([str(feed / "b.csv")])


def test_what_lies_in_a_folder_and_is_no_readable_file_is_left_with_a_word_each(feed):
    os.mkfifo(feed / "pipe")
    (feed / "gone.csv").symlink_to(feed / "nowhere.csv")
    found, left = look([str(feed)])
    assert [file.name for file in found] == ["a.jsonl", "b.csv", "词/代购.csv"]
    assert {one.name: one.why.split(";")[0] for one in left} == {
        "pipe": "no plain file",
        "gone.csv": "a link that leads nowhere",
    }


def test_what_a_glob_matches_and_is_no_readable_file_is_left_and_never_opened(feed):
    os.mkfifo(feed / "pipe.csv")  # opening it would wait for ever
    found, left = look([f"{feed}/*.csv"])
    assert ([file.name for file in found], [one.name for one in left]) == (["b.csv"], ["pipe.csv"])


def test_file_in_a_folder_that_does_not_open_is_left_and_costs_no_other(feed, monkeypatch):
    opened = Path.open

    def refuse(path, *args, **kwargs):
        if path.name == "b.csv":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr("pathlib.Path.open", refuse)
    found, left = look([str(feed)])
    assert len(found) == 2
    assert [(one.name, one.why) for one in left] == [("b.csv", "Permission denied; expected a readable file")]


def test_an_inbox_to_which_nothing_came_gives_no_file(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    assert find_inputs([str(tmp_path / "inbox")]) == []
