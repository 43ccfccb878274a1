import io
import random
import time
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

DATA = Path(__file__).parents[1] / "data"


def workbook(*sheets):
    """A workbook of sheets, each its title and its rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return saved(book)


def saved(book):
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rewritten(content, changes):
    """The workbook with other contents in some of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in [*old.namelist(), *(name for name in changes if name not in old.namelist())]:
            new.writestr(name, changes.get(name) or old.read(name))
    return out.getvalue()


POSTS = [["text", "posted_at", "likes", "author_id"], ["晒了两天的笋干", datetime(2026, 3, 1, 8, 0, 1), 3, "a"]]
SHEET = "xl/worksheets/sheet1.xml"


def test_rows_of_a_sheet(gather, check_law):
    gathered = gather(workbook(("帖子", [*POSTS, ["收了", date(2026, 3, 2), 1.0, 4510000000000001]])))
    check_law(gathered)
    first, second = gathered.posts.to_pylist()
    assert (first["text"], first["likes"], first["posted_at"].isoformat()) == (
        "晒了两天的笋干",
        3,
        "2026-03-01T00:00:01+00:00",
    )
    assert (second["posted_at_precision"], second["author_id"]) == ("day", "4510000000000001")
    assert gathered.file["n_rows_framed"].to_pylist() == [2]


def test_gaps_and_repeated_headers_between_rows(gather, check_law):
    gathered = gather(workbook(("帖子", [*POSTS, [None] * 4, ["隔一行"], POSTS[0], ["又一行"]])))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["晒了两天的笋干", "隔一行", "又一行"]
    assert gathered.rejects.select(["source_row", "reason"]).to_pylist() == [
        {"source_row": 3, "reason": "repeated_header"}
    ]


def test_sheets_nobody_knows_are_a_reject_each_and_empty_ones_none(gather, check_law):
    gathered = gather(workbook(("空", []), ("说明", [["甲", "乙"], [1, 2], [3, 4]]), ("帖子", POSTS), ("再来", POSTS)))
    check_law(gathered)
    assert gathered.posts["source_row"].to_pylist() == [1, 2]
    (reject,) = gathered.rejects.to_pylist()
    assert (reject["source_row"], reject["reason"]) == (3, "unknown_table")
    assert "sheet 说明 of 2 rows with columns 甲, 乙" in reject["detail"]


def test_workbook_without_a_known_sheet_is_refused(gather, check_law):
    for content, reason in (
        (workbook(("说明", [["甲"], [1]])), "unknown_dialect"),
        (workbook(("空", [])), "empty_file"),
    ):
        gathered = gather(content)
        check_law(gathered)
        assert gathered.rejects["reason"].to_pylist() == [reason]


def test_id_that_a_spreadsheet_rounded_is_rejected(gather):
    gathered = gather(workbook(("帖子", [["text", "author_id"], ["早", 4.5100000000000012e17]])))
    assert gathered.rejects["reason"].to_pylist() == ["mangled_id"]


def test_formula_is_what_was_saved_with_it(gather):
    content = workbook(("帖子", [["text", "author_id"], ["=1+1", "a"], ["晚", "b"]]))
    sheet = zipfile.ZipFile(io.BytesIO(content)).read(SHEET)
    gathered = gather(
        rewritten(content, {SHEET: sheet.replace(b"<v></v>", b"<v>2</v>").replace(b"<v />", b"<v>2</v>")})
    )
    assert gathered.posts["text"].to_pylist() == ["2", "晚"]


def test_sheet_reads_as_the_same_rows_in_csv(gather):
    import csv

    path = DATA / "qzone_sheets" / "800000031_说说列表.csv"
    with path.open(encoding="utf-8", newline="") as file:
        content = workbook(("Sheet1", list(csv.reader(file))))
    drop = ["batch_id"]
    sheet, text = (gather(data, "800000031_说说列表.x").posts for data in (content, path.read_bytes()))
    assert sheet.drop_columns(drop).equals(text.drop_columns(drop))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({SHEET: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}, "broken_workbook"),
        ({SHEET: "<worksheet/>".encode("utf-16")}, "broken_workbook"),
        ({SHEET: b"<worksheet><sheetData><row><c t='s'><v>99</v></c></row>"}, "broken_workbook"),
        ({"xl/media/a.bin": b"\0" * 200_000_000}, "archive_bomb"),
        ({SHEET: b"<worksheet><sheetData><row>" + b"<c/>" * 800_000 + b"</row>"}, "broken_workbook"),
        ({SHEET: b"<worksheet><sheetData><row>" + b" " * 9_000_000 + b"</row>"}, "broken_workbook"),
        ({SHEET: b"<worksheet><sheetData>" + b"<row></row>" * 2_000_000}, "broken_workbook"),
        ({"xl/sharedStrings.xml": b"<sst>" + b"<si/>" * 7_000_000}, "broken_workbook"),
    ],
)
def test_hostile_workbook_is_refused_quickly(gather, check_law, change, reason):
    content, start = rewritten(workbook(("帖子", POSTS)), change), time.process_time()
    gathered = gather(content)
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == [reason]
    assert time.process_time() - start < 5


ROW = '<row r="{}"><c r="A{}" t="inlineStr"><is><t>{}</t></is></c></row>'


def test_row_beyond_any_sheet_or_out_of_order_refuses_the_workbook(gather, check_law):
    for numbers in ((1, 2, 10**12), (1, 5, 3)):
        rows = "".join(ROW.format(n, n, word) for n, word in zip(numbers, ("text", "早", "晚"), strict=True))
        sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
        gathered = gather(rewritten(workbook(("帖子", POSTS)), {SHEET: sheet.encode()}))
        check_law(gathered)
        assert gathered.rejects["reason"].to_pylist() == ["broken_workbook"]


def test_truncated_workbook_is_no_text(gather, check_law):
    gathered = gather(workbook(("帖子", POSTS))[:-40])
    check_law(gathered)
    assert gathered.rejects["source_row"].to_pylist() == [None]


def test_rows_do_not_hang_on_the_batch_size(gather):
    content = workbook(("帖子", [POSTS[0], *([f"第{n}句", None, n, "a"] for n in range(250))]))
    assert gather(content, batch_rows=100).posts.equals(gather(content, batch_rows=20_000).posts)


PIECES = [
    b"<row>", b"</row>", b"<c>", b"<v>9</v>", b"<v/>", b's="99"', b't="s"', b't="d"', b't="e"', b't="b"', b'r="ZZZZ1"',
    b"&#0;", b"&a;", b"9" * 400, b"\xff", b"", b"<is><t>x</t></is>", b'r="0"', b'r="-1"', b'r="1.0"', b"<!--", b'spans="a"',
]  # fmt: skip


def damaged(content, chance):
    """The workbook after a few changes of one of its parts, or of its bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        name = chance.choice([SHEET, *parts.namelist()])
        whole = parts.read(name) if chance.random() < 0.8 else content
    at_once = whole is content
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(whole) + 1)
        end = min(len(whole), start + chance.choice([0, 1, 5, 40, 400]))
        whole = whole[:start] + chance.choice([*PIECES, whole[start:end] * 2]) + whole[end:]
    return whole if at_once else rewritten(content, {name: whole or b" "})


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_breaks_the_law(gather, check_law, seed):
    chance = random.Random(seed)
    content = workbook(("帖子", [*POSTS, [None], ["收了", date(2026, 3, 2), 1.5, "b"]]), ("说明", [["甲"], [True]]))
    for _ in range(5):
        check_law(gather(damaged(content, chance), batch_rows=100))
