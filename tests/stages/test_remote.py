"""Inputs elsewhere: objects of a store, and files over HTTP."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from pipeline.errors import PermanentError, TransientError, UsageError
from pipeline.sources import find_inputs
from tests.stages.gathering import AT, HEADER, ROWS, broken_laws, files_of, reasons_of, rows_of, run_gather, zipped
from tests.web import Reply, serving


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket of a real S3 server on loopback with some exports in it."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs")
    server = pytest.importorskip("moto.server", reason="needs moto[server], an S3 endpoint on loopback")
    endpoint = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    endpoint.start()
    host, port = endpoint.get_host_and_port()
    for name, value in {"ENDPOINT_URL": f"http://{host}:{port}", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test",
                        "DEFAULT_REGION": "us-east-1"}.items():  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    store, name = s3fs.S3FileSystem(skip_instance_cache=True), f"bucket-{uuid4()}"
    store.mkdir(name)
    store.pipe_file(f"{name}/exports/三月/a.csv", (HEADER + ROWS[0]).encode())
    store.pipe_file(f"{name}/exports/b.zip", zipped(tmp_path / "b.zip", {"b.csv": HEADER + ROWS[2]}).read_bytes())
    store.pipe_file(f"{name}/exports/_draft.csv", b"text\n")
    yield f"s3://{name}"
    endpoint.stop()


@pytest.mark.filterwarnings("ignore")  # of the endpoint and its libraries
def test_objects_are_gathered_as_files_are(bucket: str, tmp_path: Path) -> None:
    for number, text in enumerate([f"{bucket}/exports", f"{bucket}/exports/**", f"{bucket}/exports/"]):
        names = [file.name for file in find_inputs([text])]
        assert names == ["b.zip", "三月/a.csv"], (number, text)
    assert [file.name for file in find_inputs([f"{bucket}/exports/三月/a.csv"])] == ["a.csv"]
    counts = run_gather(tmp_path / "lake", f"{bucket}/exports")
    assert set(files_of(tmp_path / "lake")) == {"三月/a.csv", "b.zip", "b.zip/b.csv"}
    assert broken_laws(tmp_path / "lake") == []
    assert (counts["raw_posts"], run_gather(tmp_path / "lake", f"{bucket}/exports")["files_known"]) == (2, 2)
    with pytest.raises(UsageError, match="no file"):
        find_inputs([f"{bucket}/nothing"])


def test_file_over_http_is_gathered_with_the_time_its_server_states(tmp_path: Path) -> None:
    with serving() as web:
        body = gzip.compress((HEADER + ROWS[0]).encode())
        web.replies(Reply(body, headers={"Last-Modified": "Sun, 01 Mar 2026 02:00:00 GMT"}))
        run_gather(
            tmp_path / "lake", f"{web.url}/导出/a.csv.gz", allow_private_addresses=True, gathered_at=None, cleaned=False
        )
    files = files_of(tmp_path / "lake")
    assert {name: str(row["gathered_at"]) for name, row in files.items()} == {
        "a.csv.gz": "2026-03-01 02:00:00+00:00", "a.csv.gz/a.csv": "2026-03-01 02:00:00+00:00",
    }  # fmt: skip


def test_private_address_is_not_asked_unless_the_setting_allows_it(tmp_path: Path) -> None:
    with serving() as web:
        with pytest.raises((PermanentError, TransientError, UsageError)) as caught:
            run_gather(tmp_path / "lake", f"{web.url}/a.csv", gathered_at=AT)
        assert web.asked == []
    assert "\n" not in str(caught.value)


def test_file_that_its_server_does_not_have_is_one_line(tmp_path: Path) -> None:
    with serving() as web:
        web.replies(Reply(status=404))
        with pytest.raises(PermanentError) as caught:
            run_gather(tmp_path / "lake", f"{web.url}/a.csv?token=geheim", allow_private_addresses=True)
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_page_in_place_of_the_file_is_one_reject(tmp_path: Path) -> None:
    with serving() as web:
        web.replies(Reply("<html><body>请先登录</body></html>".encode()))
        run_gather(tmp_path / "lake", f"{web.url}/a.csv", allow_private_addresses=True)
    assert [reason for _, _, reason in reasons_of(tmp_path / "lake")] == ["unknown_dialect"]
    assert rows_of(tmp_path / "lake", "raw_posts") == []
