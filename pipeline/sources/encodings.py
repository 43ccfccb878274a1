"""The encoding of a text file, decided once for the whole file, and its lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.sources.rejects import RefusedFileError

_CHUNK = 1 << 20  # bytes read at a time
_NO_TEXT = {
    b"PK\x03\x04": "a zip archive or an Office file", b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR",
    b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office file", b"\x7fELF": "a program",
}  # fmt: skip
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32 = codecs.BOM_UTF32_LE  # begins like UTF-16
_CHINESE = re.compile("[\u4e00-\u9fff]")


def encoding_of(path: Path) -> str:
    """utf-8-sig (also plain UTF-8), gb18030 or utf-16: the first that reads the whole file, a last character cut
    short excepted. Raises RefusedFileError for bytes that are no such text.
    """
    head = next(_chunks(path), b"")
    for magic, what in _NO_TEXT.items():
        if head.startswith(magic):
            raise RefusedFileError("not_text", what)
    if head.startswith(_UTF16):
        if _reads(path, "utf-16") and not head.startswith(_UTF32):
            return "utf-16"
        raise RefusedFileError("unreadable_encoding", "a UTF-16 or UTF-32 byte order mark, but no UTF-16 after it")
    if head.count(0) * 10 > len(head):  # text holds a stray NUL at most
        raise RefusedFileError("not_text", "more than a tenth NUL bytes")
    if _reads(path, "utf-8"):
        return "utf-8-sig"
    if head.startswith(codecs.BOM_UTF8) or _is_damaged_utf8(path) or not _reads(path, "gb18030"):
        raise RefusedFileError("unreadable_encoding", "damaged or mixed bytes")
    return "gb18030"


def lines(path: Path, encoding: str, newline: str) -> Iterator[str]:
    """The lines with their ends; `newline` as in `open`. A byte order mark at the start of a line, which exporters
    leave where they append, is dropped; a last character cut short reads as U+FFFD.
    """
    with path.open(encoding=encoding, errors="replace", newline=newline) as file:
        for line in file:  # per line: the parsers of text formats take lines
            yield line.lstrip("\ufeff")


def whole_text(path: Path, encoding: str) -> str:
    """All of the file, as `lines` reads it."""
    return "".join(lines(path, encoding, "\n"))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _reads(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True  # what the decoder still holds is one character cut short


def _is_damaged_utf8(path: Path) -> bool:
    """Whether much Chinese in UTF-8 stands beside the wrong bytes: GB18030 would read such a file as garbage.

    Chinese in GB18030, read as UTF-8, is nearly all U+FFFD with next to no Chinese in it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    wrong = chinese = 0
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        wrong += text.count("\ufffd")
        chinese += len(_CHINESE.findall(text))
    return chinese * 20 > wrong
