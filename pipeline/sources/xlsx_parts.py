"""What a workbook is packed of: looked through before it is parsed, and the rows of its sheets counted in their XML."""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
import zipfile
import zlib
from pathlib import Path

from pipeline.sources.rejects import RefusedFileError

MAGIC = b"PK\x03\x04"
MAX_BYTES = 1 << 28  # of all parts: shared strings are held as a whole
MAX_ROW = 1 << 23  # of XML without the end of a row: a row is held as a whole
MAX_ROW_TAGS = 400_000  # of XML without the end of a row: the widest row of a spreadsheet has 16,384 cells
MAX_ROWS = 1 << 20  # of a sheet: no spreadsheet has more
MAX_TAGS = 6_000_000  # of any other part: its elements are held until its end, those of a million strings
MAX_RATIO, FREE_BYTES = 200, 1 << 26  # bytes unpacked for a byte packed, once FREE_BYTES are; as archives.py says
_CHUNK = 1 << 20
_BOOK, _LINKS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError, OSError)


def is_workbook(path: Path) -> bool:
    """Whether the contents are a zip that holds a workbook."""
    try:
        with zipfile.ZipFile(path) as parts:
            return _BOOK in parts.NameToInfo
    except _DAMAGE:
        return False


def check(path: Path) -> None:
    """Unpack every part once, in bounded space, keeping nothing. Raises RefusedFileError for what unpacks to far more
    than it holds, for XML with a document type (entities), and for damage.
    """
    room = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * path.stat().st_size))
    try:
        with zipfile.ZipFile(path) as parts:
            for info in parts.infolist():
                room -= info.file_size  # zipfile reads no more than this
                if room < 0:
                    raise RefusedFileError("archive_bomb", f"a workbook of more than {MAX_RATIO} times its size")
                _look(parts, info)
    except _DAMAGE as error:
        raise RefusedFileError("broken_workbook", error) from error


def _look(parts: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    is_xml = info.filename.lower().endswith((".xml", ".rels", ".vml"))
    is_sheet = info.filename.startswith("xl/worksheets/")
    tail, since_row, row_tags, n_rows, n_tags = b"", 0, 0, 0, 0
    with parts.open(info) as part:
        while chunk := part.read(_CHUNK):
            seen = tail + chunk
            end = chunk.rfind(b"</row")
            since_row, row_tags = (since_row, row_tags) if end < 0 else (0, 0)
            since_row, row_tags = since_row + len(chunk) - max(end, 0), row_tags + chunk.count(b"<", max(end, 0))
            n_rows, n_tags = n_rows + chunk.count(b"</row"), n_tags + chunk.count(b"<")
            if is_xml and (b"<!DOCTYPE" in seen or b"<!ENTITY" in seen or b"\x00" in chunk):  # NUL: not UTF-8
                raise RefusedFileError("broken_workbook", f"a document type or no UTF-8 in {info.filename}")
            if is_sheet and (since_row > MAX_ROW or row_tags > MAX_ROW_TAGS or n_rows > MAX_ROWS):
                raise RefusedFileError("broken_workbook", f"a row too large, or too many, in {info.filename}")
            if is_xml and not is_sheet and n_tags > MAX_TAGS:
                raise RefusedFileError("broken_workbook", f"more than {MAX_TAGS:,} elements in {info.filename}")
            tail = chunk[-16:]


def filled_rows(path: Path) -> list[int]:
    """How many rows of each worksheet hold something, in the order of the workbook, by their XML alone."""
    with zipfile.ZipFile(path) as parts:
        return [_filled(parts, name) for name in _sheets(parts)]


def _sheets(parts: zipfile.ZipFile) -> list[str]:
    """The parts that are worksheets, in the order of the workbook."""
    links = {
        link.get("Id"): link
        for link in ET.fromstring(parts.read(_LINKS))  # noqa: S314  `check` refuses entities
    }
    found = []
    for sheet in ET.fromstring(parts.read(_BOOK)).iter():  # noqa: S314  `check` refuses entities
        if _local(sheet.tag) == "sheet":
            link = next((links[value] for name, value in sheet.attrib.items() if _local(name) == "id"), None)
            if link is not None and link.get("Type", "").endswith("/worksheet"):
                found.append(posixpath.normpath(posixpath.join("/xl", link.get("Target", "")))[1:])
    return found


def _filled(parts: zipfile.ZipFile, name: str) -> int:
    n_rows, is_filled = 0, False
    with parts.open(name) as part:
        for _, element in ET.iterparse(part):  # noqa: S314  `check` refuses entities
            tag = _local(element.tag)
            is_filled = is_filled or (tag == "v" and bool(element.text)) or tag == "is"
            if tag == "row":
                n_rows, is_filled = n_rows + is_filled, False
                element.clear()
    return n_rows


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
