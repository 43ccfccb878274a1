"""Bytes under a root: a folder and an object store keep the same promises, and their errors are one line."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from pipeline import object_storage, tables
from pipeline.errors import LakeError, PermanentError, TransientError, UsageError
from pipeline.object_storage import ObjectStorage
from pipeline.storage import Disk, LocalStorage, Storage, open_storage
from pipeline.store import Lake

DAY = pa.table(
    {"date": pa.array([20_000], pa.int32()).cast(pa.date32()), "platform": ["weibo"], "n_posts": [3], "n_authors": [2]}
)
SUMMARY = tables.complete(
    {name: DAY[name] for name in DAY.column_names} | {"schema_version": pa.array([1], pa.int32())}, "daily_summary", 1
)


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "lake") if request.param == "local" else f"memory://{uuid4()}/lake")


def test_installed_files_are_found_and_read(storage: Storage) -> None:
    with storage.writer() as stage:
        storage.install({"posts/a=1/x.parquet": stage("0", b"one"), "posts/b.parquet": stage("1", b"2")})
        assert storage.files("posts") == ["posts/a=1/x.parquet", "posts/b.parquet"]
        assert storage.read("posts/a=1/x.parquet") == b"one"
        assert storage.entries().count("posts") == 1


def test_nothing_lies_where_nothing_was_written(storage: Storage) -> None:
    assert storage.files("posts") == []
    assert storage.entries() == []
    with pytest.raises(FileNotFoundError):
        storage.read("_lake.json")


def test_a_name_is_created_once(storage: Storage) -> None:
    with storage.writer():
        storage.create("_snapshots/1.json", b"first")
        with pytest.raises(FileExistsError):
            storage.create("_snapshots/1.json", b"second")
    assert storage.read("_snapshots/1.json") == b"first"


def test_publishing_a_taken_name_leaves_the_pointer(storage: Storage) -> None:
    with storage.writer():
        storage.publish("_snapshots/1.json", b"first", "_latest", b"1")
        with pytest.raises(FileExistsError):
            storage.publish("_snapshots/1.json", b"second", "_latest", b"2")
        assert storage.read("_latest") == b"1"
        storage.point("_latest", b"2", "_snapshots/1.json")
        assert storage.read("_latest") == b"2"


def test_removed_files_are_gone_and_may_be_gone_already(storage: Storage) -> None:
    with storage.writer() as stage:
        storage.install({"posts/a=1/x": stage("0", b"one"), "posts/b": stage("1", b"two")})
        storage.remove(["posts/a=1/x", "posts/never"], ["posts"])
        assert storage.files("posts") == ["posts/b"]


def test_empty_folders_go_with_their_last_file(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    with storage.writer() as stage:
        storage.install({"posts/a=1/b=2/x": stage("0", b"one")})
        storage.remove(["posts/a=1/b=2/x"], ["posts", "campaigns"])
    assert not (tmp_path / "posts").exists()


def test_staging_over_a_second_name_of_a_published_file_does_not_touch_it(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    with storage.writer() as stage:
        published = stage("created", b"snapshot 1")
        (tmp_path / "kept").hardlink_to(published)
        stage("created", b"snapshot 2")
    assert (tmp_path / "kept").read_bytes() == b"snapshot 1"


def test_second_writer_is_told_to_wait_and_disturbs_nothing(tmp_path: Path) -> None:
    first, second = LocalStorage(str(tmp_path)), LocalStorage(str(tmp_path))
    with first.writer() as stage:
        staged = stage("0", b"half done")
        with pytest.raises(TransientError, match="another run is writing"), second.writer():
            pass
        assert staged.read_bytes() == b"half done"
    with second.writer():
        assert not staged.exists()


def test_lock_goes_with_its_process(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    child = os.fork()
    if child == 0:
        storage.writer().__enter__()
        os._exit(9)
    os.waitpid(child, 0)
    with storage.writer():
        pass


def test_lock_does_not_stay_with_a_forked_helper(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    asleep, wake = os.pipe()
    with storage.writer():
        child = os.fork()
        if child == 0:
            os.close(wake)
            os.read(asleep, 1)
            os._exit(0)
    with storage.writer():
        os.close(wake)
    os.close(asleep)
    os.waitpid(child, 0)


def test_undisturbed_sees_a_writer_and_holds_one_off(tmp_path: Path) -> None:
    storage, other = LocalStorage(str(tmp_path)), LocalStorage(str(tmp_path))
    with storage.undisturbed() as alone:
        assert alone
    with storage.writer(), other.undisturbed() as alone:
        assert not alone
    with other.undisturbed() as alone:
        assert alone
        with pytest.raises(TransientError), storage.writer():
            pass


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, TransientError, "No space left on device; free some space, then run again"),
        (errno.EDQUOT, TransientError, "free some space"),
        (errno.EIO, TransientError, "then run again"),
        (errno.EMFILE, TransientError, "Too many open files"),
        (errno.EROFS, PermanentError, "Read-only file system; expected a place to write to"),
        (errno.EACCES, PermanentError, "Permission denied; expected a place to write to"),
        (errno.ENOTDIR, PermanentError, "Not a directory"),
    ],
)
def test_disk_error_is_one_line_of_its_kind(number: int, kind: type[Exception], words: str, tmp_path: Path) -> None:
    class Broken(Disk):
        def write(self, path: Path, data: bytes) -> None:
            raise OSError(number, os.strerror(number), str(path))

    storage = LocalStorage(str(tmp_path), Broken())
    with pytest.raises(kind, match=words) as caught, storage.writer() as stage:
        stage("0.parquet", b"")
    assert "\n" not in str(caught.value)
    assert f"lake {tmp_path}: cannot write _tmp/0.parquet" in str(caught.value)


def test_file_in_place_of_the_lake_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no folder")
    with pytest.raises(PermanentError, match="Not a directory"):
        Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")


def test_file_uri_is_the_folder(tmp_path: Path) -> None:
    assert open_storage(f"file://{tmp_path}/lake").address("posts") == str(tmp_path / "lake" / "posts")


def test_unknown_scheme_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"lake nowhere://x: .*expected a folder or a URI such as s3://bucket/lake"):
        open_storage("nowhere://x")


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(
        import_module("fsspec.registry")._registry, "s3", raising=False
    )  # another test may have opened one
    with pytest.raises(UsageError, match=r"install xinren\[s3\]"):
        open_storage("s3://bucket/lake")


def test_object_store_without_exclusive_creation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(f"memory://{uuid4()}/lake")
    with storage.writer():
        storage.create("_lake.json", b"{}")
    overwrite = storage._fs.pipe_file
    monkeypatch.setattr(storage._fs, "pipe_file", lambda path, data, mode="overwrite": overwrite(path, data))
    with pytest.raises(PermanentError, match="expected a refusal"), storage.writer():
        pass


def test_answer_lost_on_the_way_is_not_taken_for_another_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(f"memory://{uuid4()}/lake")
    write = storage._fs.pipe_file

    def done_but_unheard(path: str, data: bytes, mode: str = "overwrite") -> None:
        write(path, data, mode=mode)
        raise TimeoutError("the answer never came")

    monkeypatch.setattr(storage._fs, "pipe_file", done_but_unheard)
    storage.create("_snapshots/00000001.json", b"mine")


def test_error_of_a_client_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(f"memory://{uuid4()}/lake")

    class NoCredentialsError(Exception):
        pass

    def refuse(*_: Any, **__: Any) -> None:
        raise NoCredentialsError("Unable to locate\ncredentials")

    monkeypatch.setattr(storage._fs, "pipe_file", refuse)
    with pytest.raises(TransientError, match=r"cannot write _latest: NoCredentials.*check the address") as caught:
        storage.point("_latest", b"1", "_snapshots/00000001.json")
    assert "\n" not in str(caught.value)


def test_file_of_another_writer_on_an_object_store_is_left_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.create_or_open(f"memory://{uuid4()}/lake", key_id="0a1b2c3d")
    strays = ["_campaigns/0a/near/00000.parquet", "daily_summary/part_year=2026/0-0123456789ab.parquet"]
    (tmp_path / "staged").write_bytes(b"not yet named")
    lake.storage.install(dict.fromkeys(strays, tmp_path / "staged"))
    lake.begin().__exit__()
    assert [path for top in ("_campaigns", "daily_summary") for path in lake.storage.files(top)] == strays

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(UTC) + timedelta(hours=25)

    monkeypatch.setattr(object_storage, "datetime", Tomorrow)
    lake.begin().__exit__()
    assert not any(lake.storage.files(top) for top in ("_campaigns", "daily_summary"))


def test_of_two_writers_on_an_object_store_the_second_loses_cleanly() -> None:
    _race(f"memory://{uuid4()}/lake")


def _race(root: str) -> None:
    lake = Lake.create_or_open(root, key_id="0a1b2c3d")
    year = {"part_year": "2026"}
    with lake.begin() as first, lake.begin() as second:
        first.put("daily_summary", year, "0", SUMMARY, derived_from="first")
        second.put("daily_summary", {"part_year": "2025"}, "0", SUMMARY, derived_from="second")
        first.commit()
        with pytest.raises(TransientError, match="another run committed snapshot 1 first"):
            second.commit()
    assert [file.derived_from for file in lake.snapshot().files] == ["first"]
    assert lake.storage.files("daily_summary") == [lake.snapshot().files[0].path]
    assert lake.read("daily_summary").equals(SUMMARY)
    with lake.begin() as third:
        third.put("daily_summary", year, "0", SUMMARY.slice(0, 0))
        third.commit()
    assert lake.storage.files("daily_summary") == []


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("s3fs", reason="needs s3fs")
    server = pytest.importorskip("moto.server", reason="needs moto[server], an S3 endpoint on loopback")
    endpoint = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    endpoint.start()
    host, port = endpoint.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import s3fs

    bucket = f"bucket-{uuid4()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    yield f"s3://{bucket}/lake"
    endpoint.stop()


@pytest.mark.filterwarnings("ignore")  # of the endpoint and its libraries
def test_lake_on_s3_over_http(s3: str) -> None:
    with pytest.raises(UsageError, match="no lake there"):
        Lake.open(s3)
    _race(s3)
    lake = Lake.open(s3)
    with lake.begin() as transaction:
        transaction.put("daily_summary", {"part_year": "2026"}, "0", SUMMARY)
        transaction.commit()
    assert lake.files("daily_summary")[0].startswith(f"{s3}/daily_summary/part_year=2026/0-")
    assert lake.read("daily_summary", ["n_posts"]).to_pydict() == {"n_posts": [3]}
    with pytest.raises(LakeError, match="got author key ffffffff"):
        Lake.create_or_open(s3, key_id="ffffffff")


@pytest.mark.filterwarnings("ignore")
def test_s3_that_cannot_be_reached_is_one_line(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.suppress(UsageError):
        Lake.open(s3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TransientError, match=r"cannot read _lake\.json") as caught:
        Lake.open(s3)
    assert "\n" not in str(caught.value)


def test_beginning_to_write_out_waits_for_nothing_and_needs_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    Disk().begin_sync(tmp_path / "file")
    Disk().begin_sync(tmp_path / "none")
    assert (tmp_path / "file").read_bytes() == b"bytes"


def test_only_staged_files_with_bytes_are_written_out_ahead(tmp_path: Path) -> None:
    class Told(Disk):
        begun: list[str] = []  # noqa: RUF012 - of this test alone

        def begin_sync(self, path: Path) -> None:
            self.begun.append(path.name)

    with LocalStorage(str(tmp_path), Told()).writer() as stage:
        stage("scratch", b"")
        stage("0.parquet", b"one")
    assert Told.begun == ["0.parquet"]
