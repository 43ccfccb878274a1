"""The stage gather: each file once, archives, grown files."""

from __future__ import annotations

import gzip
import json
import logging
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline import sources
from pipeline.errors import TransientError
from pipeline.settings import Settings
from pipeline.sources import archives
from pipeline.stages import gather
from pipeline.store import Lake
from tests.stages.gathering import (
    HEADER,
    ROWS,
    broken_laws,
    files_of,
    lines,
    reasons_of,
    rows_of,
    run_gather,
    tarred,
    zipped,
)

WHOLE = HEADER + "".join(ROWS)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The lake of one gathering of WHOLE."""
    (tmp_path / "whole.csv").write_text(WHOLE, "utf-8")
    run_gather(tmp_path / "whole", tmp_path / "whole.csv")
    return tmp_path / "whole"


def assert_same_rows(lake: Path, other: Path) -> None:
    for table in ("raw_posts", "raw_authors", "rejects"):
        assert rows_of(lake, table) == rows_of(other, table), table
    posts = ("last_seen_at", "first_seen_at", "versions", "gathered_at", "batch_id")
    assert rows_of(lake, "posts", without=posts) == rows_of(other, "posts", without=posts)
    assert broken_laws(lake) == []


def test_file_gathered_before_is_skipped_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_text(WHOLE, "utf-8")
    run_gather(tmp_path / "lake", tmp_path / "a.csv")
    with caplog.at_level(logging.INFO):
        counts = run_gather(tmp_path / "lake", tmp_path / "a.csv")
    assert (counts["files"], counts["files_known"], counts["rows"]) == (0, 1, 0)
    assert "file a.csv: gathered before; nothing is new" in caplog.text


@pytest.mark.parametrize("n_first", range(len(ROWS)))
def test_grown_file_adds_only_its_new_rows(
    n_first: int, whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, lake = tmp_path / "grown.csv", tmp_path / "lake"
    file.write_text(HEADER + "".join(ROWS[:n_first]), "utf-8")
    run_gather(lake, file)
    file.write_text(WHOLE, "utf-8")
    with caplog.at_level(logging.INFO):
        counts = run_gather(lake, file)
    assert_same_rows(lake, whole)
    assert (counts["rows"], counts["files_grown"]) == (len(ROWS) - n_first, int(n_first > 0))
    assert (f"{len(ROWS) - n_first} rows are new" in caplog.text) == (n_first > 0)


def test_file_that_was_cut_anywhere_gives_in_the_end_what_the_whole_gives(whole: Path, tmp_path: Path) -> None:
    content = WHOLE.encode()
    for cut in range(0, len(content), 7):
        lake = tmp_path / f"{cut}"
        for end in (cut, (cut + len(content)) // 2, len(content)):
            (tmp_path / "cut.csv").write_bytes(content[:end])
            run_gather(lake, tmp_path / "cut.csv", cleaned=False)
        assert rows_of(lake, "raw_posts") == rows_of(whole, "raw_posts"), cut
        assert rows_of(lake, "rejects") == rows_of(whole, "rejects"), cut
        assert [law for law in broken_laws(lake) if "gathered_files" in law] == []


def test_posts_of_a_row_that_was_cut_short_are_gone_once_the_whole_is_there(tmp_path: Path) -> None:
    file, lake = tmp_path / "grown.jsonl", tmp_path / "lake"
    text = "platform,text\nqzone,后院的柿子红了，够不着的留给鸟\n"
    file.write_text(text[:-6], "utf-8")
    run_gather(lake, file)
    assert len(rows_of(lake, "posts")) == 1
    file.write_text(text, "utf-8")
    run_gather(lake, file)
    assert [post["text"] for post in Lake.open(str(lake)).read("posts", ["text"]).to_pylist()] == [
        "后院的柿子红了，够不着的留给鸟"
    ]
    assert broken_laws(lake) == []


def test_repeats_across_the_seam_are_counted_on(tmp_path: Path) -> None:
    lake, file = tmp_path / "lake", tmp_path / "a.jsonl"
    for n in (2, 3, 5):
        file.write_text(lines(*["签到"] * n), "utf-8")
        run_gather(lake, file)
    assert len(rows_of(lake, "raw_posts")) == len(rows_of(lake, "posts")) == 5
    assert broken_laws(lake) == []


def test_list_that_grows_is_read_again_and_its_posts_are_known_by_their_ids(tmp_path: Path) -> None:
    lake, file = tmp_path / "lake", tmp_path / "a.json"
    posts = [{"platform": "weibo", "post_id": str(n), "text": f"第{n}天，雨"} for n in range(1, 5)]
    for n in (2, 4):
        file.write_text(json.dumps(posts[:n], ensure_ascii=False), "utf-8")
        run_gather(lake, file)
    assert len(rows_of(lake, "posts")) == 4
    assert broken_laws(lake) == []


def test_empty_file_that_grows_is_no_reject_any_more(tmp_path: Path, whole: Path) -> None:
    lake, file = tmp_path / "lake", tmp_path / "whole.csv"
    file.write_bytes(b"")
    run_gather(lake, file)
    assert reasons_of(lake) == [("whole.csv", None, "empty_file")]
    file.write_text(WHOLE, "utf-8")
    run_gather(lake, file)
    assert_same_rows(lake, whole)


def test_grown_file_leaves_the_rest_of_the_lake_as_it_was(tmp_path: Path) -> None:
    lake, file = tmp_path / "lake", tmp_path / "a.csv"
    file.write_text(HEADER + ROWS[0], "utf-8")
    run_gather(lake, file)
    before = Lake.open(str(lake)).files("raw_posts")
    file.write_text(HEADER + ROWS[0] + ROWS[2], "utf-8")
    run_gather(lake, file)
    assert set(before) < set(Lake.open(str(lake)).files("raw_posts"))


def test_members_of_archives_are_read_as_files(tmp_path: Path) -> None:
    first, second = HEADER + "".join(ROWS[:2]), lines("腊月里腌了两缸菜", "一缸给了妹妹")
    zipped(tmp_path / "a.zip", {"周一/a.csv": first, "b.jsonl": second, "__MACOSX/._b": b"\x00\x05", "周一/": b""})
    tarred(tmp_path / "b.tgz", {"./c.jsonl": lines("炉子修好了")})
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress((HEADER + ROWS[5]).encode()))
    counts = run_gather(tmp_path / "lake", tmp_path / "*.*z*")
    assert broken_laws(tmp_path / "lake") == []
    files = files_of(tmp_path / "lake")
    assert {name: row["n_rows"] for name, row in files.items()} == {
        "a.zip": 2, "a.zip/周一/a.csv": 2, "a.zip/b.jsonl": 2, "b.tgz": 1, "b.tgz/./c.jsonl": 1, "d.csv.gz": 1,
        "d.csv.gz/d.csv": 1,
    }  # fmt: skip
    assert files["a.zip"]["members"] == [files[f"a.zip/{name}"]["batch_id"] for name in ("周一/a.csv", "b.jsonl")]
    assert files["a.zip"]["n_rows_framed"] == 2
    assert counts["raw_posts"] == 6


def test_file_and_the_same_in_an_archive_are_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(WHOLE, "utf-8")
    run_gather(tmp_path / "lake", tmp_path / "a.csv")
    counts = run_gather(tmp_path / "lake", zipped(tmp_path / "a.zip", {"x.csv": WHOLE}))
    assert (counts["files"], counts["files_known"], counts["rows"]) == (1, 1, 0)
    assert broken_laws(tmp_path / "lake") == []


def test_grown_member_of_an_archive_adds_only_its_new_rows(tmp_path: Path, whole: Path) -> None:
    lake = tmp_path / "lake"
    run_gather(lake, zipped(tmp_path / "day1.zip", {"x.csv": HEADER + "".join(ROWS[:3])}))
    counts = run_gather(lake, zipped(tmp_path / "day2.zip", {"x.csv": WHOLE}))
    assert counts["files_grown"] == 1
    assert_same_rows(lake, whole)


@pytest.mark.parametrize("name", ["../a.csv", "/etc/a.csv", "a/../../b.csv", "C:\\a.csv", "..\\a.csv"])
def test_member_whose_path_leads_out_is_refused_and_costs_no_other(name: str, tmp_path: Path) -> None:
    run_gather(tmp_path / "lake", zipped(tmp_path / "a.zip", {"good.csv": HEADER + ROWS[0], name: HEADER + ROWS[1]}))
    assert reasons_of(tmp_path / "lake") == [("a.zip", 2, "unsafe_member")]
    assert len(rows_of(tmp_path / "lake", "raw_posts")) == 1
    assert broken_laws(tmp_path / "lake") == []


def test_links_in_archives_are_refused(tmp_path: Path) -> None:
    tarred(tmp_path / "a.tar", {"good.csv": HEADER + ROWS[0]}, "w", links={"link.csv": "/etc/passwd"})
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    run_gather(tmp_path / "lake", tmp_path / "a.tar", tmp_path / "b.zip")
    assert reasons_of(tmp_path / "lake") == [("a.tar", 2, "unsafe_member"), ("b.zip", 1, "unsafe_member")]


def test_archive_that_unpacks_to_far_more_than_it_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 16)
    zipped(tmp_path / "bomb.zip", {"a.csv": HEADER + ROWS[0], "b.csv": b"0" * (1 << 24), "c.csv": HEADER + ROWS[1]})
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"0" * (1 << 24)))
    run_gather(tmp_path / "lake", tmp_path / "bomb.zip", tmp_path / "bomb.gz")
    assert reasons_of(tmp_path / "lake") == [
        ("bomb.gz", 1, "archive_bomb"), ("bomb.zip", 2, "archive_bomb"), ("bomb.zip", 3, "archive_bomb"),
    ]  # fmt: skip
    assert broken_laws(tmp_path / "lake") == []


def test_archive_of_too_many_files_is_refused_from_there_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    monkeypatch.setattr(sys.modules[gather.__module__], "MAX_MEMBERS", 2)
    run_gather(tmp_path / "lake", zipped(tmp_path / "a.zip", {f"{n}.csv": HEADER + ROWS[n] for n in range(4)}))
    assert reasons_of(tmp_path / "lake") == [("a.zip", 3, "archive_bomb")]
    assert broken_laws(tmp_path / "lake") == []


def test_archives_are_opened_in_archives_and_no_deeper(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "1.zip", {"a.csv": HEADER + ROWS[0]})
    middle = zipped(tmp_path / "2.zip", {"1.zip": inner.read_bytes()})
    outer = zipped(tmp_path / "3.zip", {"2.zip": middle.read_bytes()})
    run_gather(tmp_path / "shallow", middle)
    assert len(rows_of(tmp_path / "shallow", "raw_posts")) == 1
    run_gather(tmp_path / "deep", outer)
    assert reasons_of(tmp_path / "deep") == [("3.zip/2.zip/1.zip", None, "nested_archive")]
    assert broken_laws(tmp_path / "deep") == []


def test_damaged_archives_are_one_line_each_and_cost_no_member_before_the_damage(tmp_path: Path) -> None:
    good = zipped(tmp_path / "good.zip", {"a.csv": HEADER + ROWS[0], "b.csv": HEADER + "".join(ROWS) * 40}).read_bytes()
    place = good.rindex(b"b.csv", 0, good.index(b"PK\x01\x02")) + 20
    (tmp_path / "a.zip").write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
    (tmp_path / "b.zip").write_bytes(good[:200])
    (tmp_path / "c.gz").write_bytes(gzip.compress(WHOLE.encode() * 9)[:-9])
    (tmp_path / "d.gz").write_bytes(b"\x1f\x8b and no more")
    (tmp_path / "good.zip").unlink()
    run_gather(tmp_path / "lake", tmp_path / "*.*z*")
    assert reasons_of(tmp_path / "lake") == [
        ("a.zip", 2, "broken_archive"), ("b.zip", None, "broken_archive"), ("c.gz", 1, "broken_archive"),
        ("d.gz", None, "broken_archive"),
    ]  # fmt: skip
    assert len(rows_of(tmp_path / "lake", "raw_posts")) == 1
    assert broken_laws(tmp_path / "lake") == []


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", {"a.csv": HEADER + ROWS[0]}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    run_gather(tmp_path / "lake", tmp_path / "a.zip")
    assert reasons_of(tmp_path / "lake") == [("a.zip", 1, "locked_member")]


def test_no_file_of_an_archive_is_left_behind(tmp_path: Path) -> None:
    run_gather(tmp_path / "lake", zipped(tmp_path / "a.zip", {"a.csv": WHOLE}))
    assert not list((tmp_path / "lake" / "_tmp").iterdir())


def test_file_that_changes_while_it_is_read_is_told_and_not_half_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text(WHOLE, "utf-8")
    recognise = sources._recognise

    def changing(path: Path, settings: Settings) -> Any:
        with path.open("a", encoding="utf-8") as file:
            file.write(ROWS[0])
        return recognise(path, settings)

    monkeypatch.setattr(sources, "_recognise", changing)
    with pytest.raises(TransientError, match=r"a\.csv: changed while it was read"):
        run_gather(tmp_path / "lake", tmp_path / "a.csv")
    assert Lake.open(str(tmp_path / "lake")).snapshot().files == ()


@pytest.mark.parametrize("batch_rows", [100, 4_000])
def test_raw_files_are_the_same_bytes_for_any_batch_size(batch_rows: int, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER + "".join(ROWS) * 300, "utf-8")
    run_gather(tmp_path / "lake", tmp_path / "a.csv", batch_rows=batch_rows, cleaned=False, workers=2)
    run_gather(tmp_path / "other", tmp_path / "a.csv", batch_rows=733, cleaned=False, workers=1)
    names = [
        [Path(path).name for path in Lake.open(str(tmp_path / lake)).files("raw_posts")] for lake in ("lake", "other")
    ]
    assert names[0] == names[1]
