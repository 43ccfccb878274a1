"""Files in and out of `score`: every row in its place, every cell as it was, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PermanentError, UsageError
from pipeline.scorefile import read_posts, target_of
from pipeline.scoreout import write_posts

ROWS = 'id,text,when\n007,"第一行\n第二行，有“引号”和""双引号""",2026-01-02\n0080,下雨了🌧,\n009,,2026-01-03 08:00:00\n'
TABLE = {
    "id": ["007", "0080", "009"],
    "text": ['第一行\n第二行，有“引号”和"双引号"', "下雨了🌧", ""],
    "when": ["2026-01-02", "", "2026-01-03 08:00:00"],
}
DANGEROUS = "=+-@\t\r\n＝＋－＠"


def read(tmp_path: Path, data: bytes, name: str = "posts") -> pa.Table:
    path = tmp_path / name
    path.write_bytes(data)
    return read_posts(path)


@pytest.mark.parametrize(
    "data",
    [
        ROWS.encode(),
        ROWS.encode("utf-8-sig"),
        ROWS.encode("gb18030"),
        ROWS.encode("utf-16"),
        ROWS.replace("\n", "\r\n").replace("一行\r\n", "一行\n").encode(),
        ("\n\n" + ROWS).encode(),
        ROWS.rstrip("\n").encode(),
        ROWS.replace("id,text,when", '"id","text","when"').encode(),
    ],
    ids=[
        "utf-8",
        "with a BOM",
        "gb18030",
        "utf-16",
        "CRLF",
        "after blank lines",
        "without a last newline",
        "quoted header",
    ],
)
def test_a_table_reads_the_same_however_it_was_saved(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data).to_pydict() == TABLE


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_what_a_spreadsheet_calls_csv_may_have_another_separator(tmp_path: Path, delimiter: str) -> None:
    data = f"id{delimiter}text\n007{delimiter}一, 二, 三\n".encode("utf-16")
    assert read(tmp_path, data).to_pydict() == {"id": ["007"], "text": ["一, 二, 三"]}


def test_a_name_over_two_lines_leaves_its_column_text(tmp_path: Path) -> None:
    assert read(tmp_path, '"post\nid",text\n007,下雨\n'.encode()).to_pydict() == {"post\nid": ["007"], "text": ["下雨"]}


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    table = read(tmp_path, b"id,text\n")
    assert (table.column_names, table.num_rows, table["text"].type) == (["id", "text"], 0, pa.string())


def test_a_text_of_megabytes_is_a_text(tmp_path: Path) -> None:
    text = "长" * 1_500_000
    assert read(tmp_path, f"id,text\n1,短\n2,{text}\n3,短\n".encode())["text"].to_pylist() == ["短", text, "短"]
    assert read(tmp_path, json.dumps({"text": text}).encode())["text"].to_pylist() == [text]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"id,text\n1,a\n2,b,c\n", "Expected 2 columns, got 3"),
        (b"id,text\n1,a\n2\n", "Expected 2 columns, got 1"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a PNG picture"),
        (b"PK\x03\x04\x14\x00", "a zip archive or an Office file"),
        (b"", "nothing but white space"),
        ("正文\n".encode() + b"\xff\xff", "unreadable|damaged"),
        (b'{"text": "a"}\n{"text": ', "Expecting value"),
        (b'{"text": "a"}\n7\n', "record 2 is no JSON object"),
        (b"PAR1 and no more", "Parquet"),
    ],
)
def test_what_cannot_be_read_says_what_it_is_and_where(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(PermanentError, match=said) as raised:
        read(tmp_path, data, "posts.csv")
    assert "posts.csv: " in str(raised.value)
    assert "\n" not in str(raised.value)


OBJECTS: list[dict[str, Any]] = [
    {"id": "007", "text": "2026-01-02", "likes": 3, "user": {"name": "阿禾"}},
    {"id": "008", "text": "断行\n再说 😀", "tags": ["早", "安"]},
    {"id": 2**70, "text": None},
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("as_list", [False, True])
def test_objects_read_the_same_as_lines_and_as_a_list(tmp_path: Path, indent: int | None, as_list: bool) -> None:
    dumped = [json.dumps(row, ensure_ascii=False, indent=indent) for row in OBJECTS]
    table = read(tmp_path, (f"[{','.join(dumped)}]" if as_list else "\n".join(dumped)).encode())
    assert table["text"].to_pylist() == ["2026-01-02", "断行\n再说 😀", None]
    assert table["text"].type == pa.string()
    assert table["id"].to_pylist() == ["007", "008", str(2**70)]
    assert table["likes"].to_pylist() == [3, None, None]
    assert table["tags"].to_pylist() == [None, ["早", "安"], None]


def test_half_a_character_is_shown_as_such(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"text": "\\ud83d \xe5\xa5\xbd"}')["text"].to_pylist() == ["\ufffd 好"]


def test_parquet_comes_back_with_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {"text": ["早", None], "n": pa.array([1, 2], pa.int8()), "at": pa.array([1, None], pa.timestamp("us", "UTC"))}
    )
    folder = tmp_path / "part_platform=weibo"
    folder.mkdir()
    pq.write_table(table, folder / "x.parquet")
    assert read_posts(folder / "x.parquet").equals(table)


ANY_TABLE = pa.table({
    "text": ["早安，\n=1+1", None, "，\"引号\""], "n": [1, -2, None], "share": [0.5, None, -0.25], "yes": [True, None, False],
    "at": pa.array([datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")),
    "day": [date(2026, 1, 2), None, None], "tags": [["早"], None, []], "user": [{"name": "=阿禾"}, None, {"name": None}],
    "price": [Decimal("-1.50"), None, None], "word": pa.array(["=a", None, "b"]).dictionary_encode(),
    "raw": pa.array([b"=x", None, b"\xff"]), "gap": pa.nulls(3), "took": pa.array([1, None, 2], pa.duration("s")),
    "big": pa.array(["=大", None, "x"], pa.large_string()), "view": pa.array(["=看", None, "x"], pa.string_view()),
})  # fmt: skip


def test_parquet_out_is_the_table(tmp_path: Path) -> None:
    write_posts(ANY_TABLE, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == ANY_TABLE.to_pylist()


def test_jsonl_out_is_the_table(tmp_path: Path) -> None:
    write_posts(ANY_TABLE, tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    expected = [json.loads(json.dumps(row, default=str)) for row in ANY_TABLE.to_pylist()]
    assert rows == expected
    again = read_posts(tmp_path / "out.jsonl")
    same = ["text", "n", "share", "yes", "tags", "user"]
    assert again.select(same).to_pylist() == ANY_TABLE.select(same).to_pylist()


def cells(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_csv_out_holds_every_type_as_text_with_a_bom(tmp_path: Path) -> None:
    write_posts(ANY_TABLE, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes()[:3] == b"\xef\xbb\xbf"
    head, first, second, _ = cells(tmp_path / "out.csv")
    assert head == ANY_TABLE.column_names
    assert set(second) == {"", "-2"}
    row = dict(zip(head, first, strict=True))
    assert row["text"] == "早安，\n=1+1"
    assert (row["tags"], row["user"], row["price"], row["day"]) == (
        '["早"]',
        '{"name": "=阿禾"}',
        "-1.50",
        "2026-01-02",
    )
    assert [row[name] for name in ("word", "big", "view")] == ["'=a", "'=大", "'=看"]
    assert row["at"].startswith("2026-01-02 03:04:05")
    assert row["raw"][0] not in DANGEROUS


def test_csv_out_of_csv_in_is_the_same_cells(tmp_path: Path) -> None:
    write_posts(read(tmp_path, ROWS.encode()), tmp_path / "out.csv")
    assert read_posts(tmp_path / "out.csv").to_pydict() == TABLE


LEADING = st.text(st.sampled_from(DANGEROUS + " \u3000'\"a你1,;\ufeff\u200b\x00"), max_size=3)


@given(st.lists(st.builds(str.__add__, LEADING, st.text(max_size=5)), min_size=1, max_size=5), LEADING)
def test_no_cell_and_no_name_begins_as_a_formula(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], name: str
) -> None:
    texts = [text.encode("utf-8", "replace").decode().replace("\x00", "0") for text in texts]
    name = name.replace("\x00", "0")
    path = tmp_path_factory.getbasetemp() / "formula.csv"
    columns = [pa.array(texts), pa.array([[text] for text in texts]), pa.array(texts).dictionary_encode()]
    write_posts(pa.table(columns, names=[name, "list", "coded"]), path)
    rows = cells(path)
    assert len(rows) == len(texts) + 1
    for row in rows:
        for cell in row:
            assert cell[:1] not in tuple(DANGEROUS)
            assert cell.lstrip(" \t\r\n\f")[:1] not in tuple("=+-@＝＋－＠")
    for text, row in zip(texts, rows[1:], strict=True):
        assert row[0].removeprefix("'") == text or row[0] == text


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
def test_a_file_that_cannot_be_written_whole_stays_as_it_was(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / name
    target.write_bytes(b"old")

    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermanentError, match=rf"{name}: No space left on device"):
        write_posts(ANY_TABLE, target)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_the_default_target_stands_beside_the_source(tmp_path: Path) -> None:
    assert target_of(tmp_path / "posts.csv", None) == tmp_path / "posts.scored.parquet"


def test_a_source_under_another_name_is_still_the_source(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").touch()
    (tmp_path / "link.csv").symlink_to("posts.csv")
    with pytest.raises(UsageError, match="is the input itself"):
        target_of(tmp_path / "posts.csv", str(tmp_path / "link.csv"))


def test_a_place_without_the_right_to_write_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermanentError, match="cannot write there"):
        target_of(tmp_path / "posts.csv", str(tmp_path / "out.csv"))
