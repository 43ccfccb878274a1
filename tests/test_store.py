"""The lake: parts replace each other, a commit changes all tables at once or nothing, equal rows are equal bytes."""

from __future__ import annotations

import errno
import itertools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import tables
from pipeline.errors import LakeError, PermanentError, SchemaError, TransientError, UsageError
from pipeline.lake_format import encode
from pipeline.store import PARTITIONS, Lake, Snapshot

KEY_ID = "0a1b2c3d"
Y2025, Y2026 = {"part_year": "2025"}, {"part_year": "2026"}


def summary(*n_posts: int, platform: str = "weibo") -> pa.Table:
    n = len(n_posts)
    columns = {
        "date": pa.array(range(20_000, 20_000 + n), pa.int32()).cast(pa.date32()),
        "platform": pa.array([platform] * n),
        "n_posts": pa.array(n_posts, pa.int64()),
        "n_authors": pa.array([1] * n, pa.int64()),
        "top_campaigns": pa.array([["weibo:早安"]] * n, tables.TEXTS),
        "schema_version": pa.array([1] * n, pa.int32()),
    }
    return tables.complete(columns, "daily_summary", n)


def campaign(n_posts: int) -> pa.Table:
    row = {
        "campaign_id": "weibo:1", "n_posts": n_posts, "n_authors": 1, "n_platforms": 1,
        "exemplar": "代购 招代理 〔微信号〕", "kind": "flood", "is_template": False,
    }  # fmt: skip
    return tables.complete({name: pa.array([value]) for name, value in row.items()}, "campaigns", 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create_or_open(str(tmp_path / "lake"), key_id=KEY_ID)


def commit(lake: Lake, rows: pa.Table, keys: dict[str, str] = Y2026, *, derived_from: str = "") -> Snapshot:
    with lake.begin() as transaction:
        transaction.put("daily_summary", keys, "0", rows, derived_from=derived_from)
        return transaction.commit()


def posts_of(lake: Lake) -> list[int]:
    return lake.read("daily_summary")["n_posts"].to_pylist()


def parquet_files(lake: Lake) -> list[str]:
    root = Path(lake.root)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.parquet"))


def test_new_lake_is_empty(lake: Lake) -> None:
    assert lake.snapshot() == Snapshot(0, ())
    assert lake.files("posts") == []
    assert lake.read("posts").equals(tables.empty("posts"), check_metadata=True)
    assert (lake.key_id, lake.snapshot().buckets) == (KEY_ID, 1)


def test_rows_come_back_with_schema_and_docs(lake: Lake) -> None:
    commit(lake, summary(3, 4))
    assert lake.read("daily_summary").equals(summary(3, 4))
    for schema in (lake.read("daily_summary").schema, pq.read_schema(lake.files("daily_summary")[0])):
        assert schema.equals(tables.schema("daily_summary"), check_metadata=True)


def test_file_has_the_promised_form(lake: Lake) -> None:
    commit(lake, summary(*range(150_000)))
    [path] = lake.files("daily_summary")
    assert Path(path).relative_to(Path(lake.root)).match("daily_summary/part_year=2026/0-????????????.parquet")
    footer = pq.ParquetFile(path).metadata
    assert [footer.row_group(i).num_rows for i in range(2)] == [100_000, 50_000]
    column = footer.row_group(0).column(2)
    assert (column.compression, column.has_column_index, column.has_offset_index) == ("ZSTD", True, True)
    assert (column.statistics.min, column.statistics.max) == (0, 99_999)


def test_columns_stand_in_the_schemas_order(lake: Lake) -> None:
    commit(lake, summary(3))
    assert lake.read("daily_summary", ["n_posts", "date"]).column_names == ["date", "n_posts"]
    assert lake.read("campaigns", ["kind", "n_posts"]).schema.names == ["n_posts", "kind"]


def test_unknown_names_are_refused(lake: Lake) -> None:
    with pytest.raises(SchemaError, match=r"table posts: no columns \['likes_count'\]"):
        lake.read("posts", ["likes_count"])
    with pytest.raises(SchemaError, match="table tweets: no such table"):
        lake.read("tweets")


def test_only_and_filter_choose_files_and_rows(lake: Lake) -> None:
    commit(lake, summary(1, 2))
    commit(lake, summary(3, 4), Y2025)
    chosen = lake.read("daily_summary", ["n_posts"], only=lambda file: file.keys == Y2025)
    assert chosen["n_posts"].to_pylist() == [3, 4]
    few = lake.read("daily_summary", ["date"], filter=pc.field("n_posts") > 2)
    assert few.num_rows == 2


def test_files_are_read_in_path_order(lake: Lake) -> None:
    commit(lake, summary(1))
    commit(lake, summary(2), Y2025)
    assert posts_of(lake) == [2, 1]


def test_put_replaces_the_part_and_its_file(lake: Lake) -> None:
    commit(lake, summary(1))
    old = parquet_files(lake)
    commit(lake, summary(2))
    assert posts_of(lake) == [2]
    assert parquet_files(lake) == [file.path for file in lake.data_files("daily_summary")] != old


def test_nothing_changed_is_no_new_snapshot(lake: Lake) -> None:
    first = commit(lake, summary(1))
    written = Path(lake.files("daily_summary")[0]).stat().st_mtime_ns
    assert commit(lake, summary(1)) == first == lake.snapshot()
    assert Path(lake.files("daily_summary")[0]).stat().st_mtime_ns == written


def test_new_derivation_of_equal_rows_keeps_the_file(lake: Lake) -> None:
    commit(lake, summary(1), derived_from="judge 1")
    inode = Path(lake.files("daily_summary")[0]).stat().st_ino
    assert commit(lake, summary(1), derived_from="judge 2").number == 2
    assert Path(lake.files("daily_summary")[0]).stat().st_ino == inode


def test_no_rows_take_the_part_and_its_folder_away(lake: Lake) -> None:
    commit(lake, summary(1))
    commit(lake, summary())
    assert lake.files("daily_summary") == []
    assert not (Path(lake.root) / "daily_summary").exists()


def test_drop_takes_the_part_away(lake: Lake) -> None:
    commit(lake, summary(1))
    commit(lake, summary(2), Y2025)
    with lake.begin() as transaction:
        transaction.drop("daily_summary", Y2026, "0")
        transaction.drop("campaigns", {"part_month": "undated"}, "0")
        transaction.commit()
    assert posts_of(lake) == [2]


def test_keep_knows_what_a_part_was_derived_from(lake: Lake) -> None:
    commit(lake, summary(1), derived_from="judge 1")
    with lake.begin() as transaction:
        assert transaction.keep("daily_summary", Y2026, "0", "judge 1")
        assert not transaction.keep("daily_summary", Y2026, "0", "judge 2")
        assert not transaction.keep("daily_summary", Y2025, "0", "judge 1")
        transaction.put("daily_summary", Y2026, "0", summary(2), derived_from="judge 2")
        assert transaction.keep("daily_summary", Y2026, "0", "judge 2")


def test_all_tables_change_together(lake: Lake) -> None:
    with lake.begin() as transaction:
        transaction.put("campaigns", {"part_month": "undated"}, "0", campaign(5))
        transaction.put("daily_summary", Y2026, "0", summary(1))
        assert lake.snapshot().number == 0
        assert lake.read("campaigns").num_rows == 0
        transaction.commit()
    assert {file.table for file in lake.snapshot().files} == {"campaigns", "daily_summary"}


def test_transaction_reads_its_own_writes(lake: Lake) -> None:
    commit(lake, summary(1))
    with lake.begin() as transaction:
        transaction.put("daily_summary", Y2025, "0", summary(2))
        transaction.put("daily_summary", Y2025, "0", summary(3))
        assert transaction.read("daily_summary")["n_posts"].to_pylist() == [3, 1]
        assert [file.rows for file in transaction.data_files("daily_summary")] == [1, 1]
        transaction.drop("daily_summary", Y2026, "0")
        assert transaction.read("daily_summary", ["n_posts"])["n_posts"].to_pylist() == [3]
        assert posts_of(lake) == [1]


def test_transaction_goes_on_after_a_commit(lake: Lake) -> None:
    with lake.begin() as transaction:
        for n in (1, 2, 1):
            transaction.put("daily_summary", Y2026, "0", summary(n))
            assert transaction.commit() == transaction.base == lake.snapshot()
    assert lake.snapshot().number == 3
    assert posts_of(lake) == [1]


@pytest.mark.parametrize("ending", [None, RuntimeError("a judge broke")])
def test_leaving_without_commit_leaves_nothing(ending: Exception | None, lake: Lake) -> None:
    commit(lake, summary(1))
    before = sorted(Path(lake.root).rglob("*"))
    try:
        with lake.begin() as transaction:
            transaction.put("daily_summary", Y2026, "0", summary(2))
            if ending:
                raise ending
    except RuntimeError:
        pass
    assert sorted(Path(lake.root).rglob("*")) == before
    assert posts_of(lake) == [1]


def test_snapshot_file_is_plain_json_without_a_clock(lake: Lake) -> None:
    commit(lake, summary(1), derived_from="abc")
    body = json.loads((Path(lake.root) / "_snapshots" / "00000001.json").read_text())
    [file] = lake.snapshot().files
    size = Path(lake.files("daily_summary")[0]).stat().st_size
    assert body == {"number": 1, "parent": 0, "buckets": 1, "files": [{
        "table": "daily_summary", "path": file.path, "rows": 1, "bytes": size, "sha256": file.sha256,
        "derived_from": "abc",
    }]}  # fmt: skip
    assert (Path(lake.root) / "_latest").read_text() == "1\n"


def test_last_ten_snapshots_are_kept(lake: Lake) -> None:
    with lake.begin() as transaction:
        for n in range(13):
            transaction.put("daily_summary", Y2026, "0", summary(n))
            transaction.commit()
    names = sorted(path.name for path in (Path(lake.root) / "_snapshots").iterdir())
    assert names == [f"{n:08d}.json" for n in range(4, 14)]


@pytest.mark.parametrize("value", ["微博", "a/b", "..", "", "a b", "x=1", "小 红"])
def test_path_values_are_ascii_slugs(value: str, lake: Lake) -> None:
    with lake.begin() as transaction:
        if value == "..":  # only part of a name here: neither up nor out
            transaction.put("daily_summary", {"part_year": value}, "0", summary(1))
            return
        with pytest.raises(SchemaError, match="expected ASCII letters"):
            transaction.put("daily_summary", {"part_year": value}, "0", summary(1))
        with pytest.raises(SchemaError, match="expected ASCII letters"):
            transaction.put("daily_summary", Y2026, value, summary(1))


def test_wrong_keys_and_rows_are_refused(lake: Lake) -> None:
    with lake.begin() as transaction:
        with pytest.raises(SchemaError, match=r"expected \('part_year',\)"):
            transaction.put("daily_summary", {"part_month": "2026-01"}, "0", summary(1))
        with pytest.raises(SchemaError, match="missing columns"):
            transaction.put("daily_summary", Y2026, "0", summary(1).drop_columns("date"))
        assert transaction.commit().number == 0


def test_every_table_has_path_keys_and_none_is_a_column() -> None:
    columns = {column.name for table in tables.TABLES.values() for column in table}
    assert PARTITIONS.keys() == tables.TABLES.keys()
    assert not columns & {key for keys in PARTITIONS.values() for key in keys}


@given(st.lists(st.integers(0, 9), max_size=30), st.lists(st.integers(0, 30), max_size=3))
def test_equal_rows_are_equal_bytes_however_chunked(values: list[int], cuts: list[int]) -> None:
    rows = summary(*values)
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    pieces = [rows.slice(a, b - a) for a, b in itertools.pairwise(edges)]
    assert encode(pa.concat_tables(pieces), "daily_summary").equals(encode(rows, "daily_summary"))


def test_two_lakes_of_equal_rows_are_equal_file_by_file(tmp_path: Path) -> None:
    lakes = [Lake.create_or_open(str(tmp_path / name), key_id=KEY_ID) for name in "ab"]
    for lake in lakes:
        commit(lake, summary(1))
        commit(lake, summary(2, 3), Y2025)
    trees = [
        {p.relative_to(lake.root): p.read_bytes() for p in Path(lake.root).rglob("*") if p.is_file()} for lake in lakes
    ]
    assert trees[0] == trees[1]


def test_missing_lake_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no lake there; expected a folder with _lake\.json; make one with `xinren run`"
    ):
        Lake.open(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_folder_with_other_things_is_not_made_a_lake(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / ".DS_Store").touch()
    with pytest.raises(UsageError, match=r"holds photos and no _lake\.json"):
        Lake.create_or_open(str(tmp_path), key_id=KEY_ID)
    assert not (tmp_path / "_lock").exists()


def test_lake_of_another_key_is_refused(lake: Lake) -> None:
    with pytest.raises(LakeError, match="got author key ffffffff; expected key 0a1b2c3d"):
        Lake.create_or_open(lake.root, key_id="ffffffff")
    assert Lake.open(lake.root).key_id == KEY_ID


@pytest.mark.parametrize("change", [{"format": 2}, {"schema_version": tables.SCHEMA_VERSION + 1}])
def test_lake_of_a_newer_version_is_refused(change: dict[str, int], lake: Lake) -> None:
    marker = Path(lake.root) / "_lake.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | change))
    with pytest.raises(LakeError, match="install the newer xinren"):
        Lake.open(lake.root)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "x"}', '{"format":1,"schema_version":1,"key_id":3}'])
def test_damaged_marker_is_one_line(text: str, lake: Lake) -> None:
    (Path(lake.root) / "_lake.json").write_text(text)
    with pytest.raises(LakeError, match=r"_lake\.json: .*restore it from a backup") as caught:
        Lake.open(lake.root)
    assert "\n" not in str(caught.value)


DAMAGES: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[:-20],
    "list": lambda _: "[]",
    "outside": lambda text: text.replace("daily_summary/part", "../part"),
    "field": lambda text: text.replace('"rows"', '"lines"'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_snapshot_is_one_line(damage: str, lake: Lake) -> None:
    commit(lake, summary(1))
    path = Path(lake.root) / "_snapshots" / "00000001.json"
    path.write_text(DAMAGES[damage](path.read_text()))
    with pytest.raises(LakeError, match=r"00000001\.json: .*restore it from a backup"):
        lake.read("daily_summary")


def test_missing_and_damaged_data_files_are_one_line(lake: Lake) -> None:
    commit(lake, summary(1))
    path = Path(lake.files("daily_summary")[0])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LakeError, match="expected it as it was written; see `xinren check`"):
        posts_of(lake)
    path.unlink()
    with pytest.raises(LakeError, match="no such file"):
        posts_of(lake)


def test_file_of_an_older_schema_reads_with_null_in_new_columns(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(lake, summary(1))
    added = tables.Column("n_brands", tables.INT, "brands named (count)")
    monkeypatch.setitem(tables.TABLES, "daily_summary", [*tables.DAILY_SUMMARY, added])
    monkeypatch.setattr(tables, "schema", tables.schema.__wrapped__)
    assert lake.read("daily_summary", ["n_brands"]).to_pydict() == {"n_brands": [None]}


def test_lake_that_cannot_be_written_to_is_one_line_and_still_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(lake, summary(1))
    allowed = os.open

    def read_only(path: str, flags: int, *rest: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return allowed(path, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(PermanentError, match=r"cannot open .*_lock: Read-only file system; .*choose another") as caught:
        Lake.open(lake.root).begin()
    assert "\n" not in str(caught.value)
    assert posts_of(Lake.open(lake.root)) == [1]


def test_lake_on_a_read_only_mount_is_one_line(tmp_path: Path) -> None:
    commit(Lake.create_or_open(str(tmp_path / "lake"), key_id=KEY_ID), summary(1))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    mount = f"mount --bind {tmp_path}/lake {mounted} && mount -o remount,ro,bind {mounted} || exit 77"
    code = f"""
from pipeline.errors import PermanentError
from pipeline.store import Lake
lake = Lake.open({str(mounted)!r})
print(lake.read("daily_summary").num_rows)
try:
    lake.begin()
except PermanentError as error:
    print(error)
"""
    unshare = [shutil.which("unshare") or "false", "--map-root-user", "--mount"]
    command = [*unshare, "sh", "-c", f'{mount}; exec "$0" -c "$1"', sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout and "Traceback" not in done.stderr:
        return  # nobody may mount here: the test above, with the same error made up, has to do
    rows, message = done.stdout.splitlines()
    assert rows == "1"
    assert "Read-only file system" in message


def test_files_of_others_below_a_table_are_never_deleted(lake: Lake) -> None:
    commit(lake, summary(1))
    notes = Path(lake.root) / "daily_summary" / "part_year=2026" / "notes.parquet"
    notes.write_bytes(b"mine")
    commit(lake, summary(2))
    assert notes.read_bytes() == b"mine"


def test_second_writer_is_refused_and_the_first_goes_on(lake: Lake) -> None:
    with lake.begin() as transaction:
        transaction.put("daily_summary", Y2026, "0", summary(1))
        with pytest.raises(TransientError, match="another run is writing"):
            Lake.open(lake.root).begin()
        transaction.commit()
    assert posts_of(lake) == [1]


def _add(root: str, writer: int, commits: int) -> None:
    done = 0
    while done < commits:
        try:
            with Lake.open(root).begin() as transaction:
                rows = pa.concat_tables([transaction.read("daily_summary"), summary(writer * 1000 + done)])
                transaction.put("daily_summary", Y2026, "0", rows)
                transaction.commit()
        except TransientError:
            continue
        done += 1


def test_concurrent_writers_lose_no_commit_and_readers_see_whole_ones(lake: Lake) -> None:
    """4 processes, 15 commits each, and a reader: every commit is there, every read is one of the states committed."""
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add, args=(lake.root, n, 15)) for n in range(4)]
    for writer in writers:
        writer.start()
    seen: list[list[int]] = []
    while any(writer.is_alive() for writer in writers):
        seen.append(posts_of(lake))
    assert [writer.exitcode for writer in writers] == [0] * 4
    final = posts_of(lake)
    assert sorted(final) == sorted(n * 1000 + i for n in range(4) for i in range(15))
    assert lake.snapshot().number == 60
    assert all(rows == final[: len(rows)] for rows in seen)
    assert len(parquet_files(lake)) == 1


def test_reader_whose_file_was_just_replaced_reads_the_newer_one(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(lake, summary(1))
    source = lake.storage.source
    calls = []

    def replaced_meanwhile(path: str) -> str:
        if not calls:
            calls.append(path)
            thread = threading.Thread(target=commit, args=(Lake.open(lake.root), summary(2)))
            thread.start()
            thread.join()
        return str(source(path))

    monkeypatch.setattr(lake.storage, "source", replaced_meanwhile)
    assert posts_of(lake) == [2]
