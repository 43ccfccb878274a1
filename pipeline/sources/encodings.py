"""The encoding of a text file, decided once for the whole file, and its lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.sources import mojibake
from pipeline.sources.rejects import RefusedFileError

_CHUNK = 1 << 20  # bytes read at a time
LONGEST = 1 << 24  # characters of a line
FIRST = 1 << 16  # bytes in which a header stands
_MARK = codecs.BOM_UTF8
_MARKS = re.compile(rb"([\r\n])(?:\xef\xbb\xbf)+")
_SAMPLE = 1 << 16  # bytes by which a garbled file is known
GARBLED = "garbled"  # an encoding of our own: see mojibake
_NO_TEXT = {
    b"PK\x03\x04": "a zip archive or an Office file", b"\x1f\x8b": "gzip", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR",
    b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"SQLite format 3\0": "an SQLite database",
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Office file", b"\x7fELF": "a program",
}  # fmt: skip
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32 = codecs.BOM_UTF32_LE  # begins like UTF-16
_MUCH = 8  # Chinese characters: fewer may stand in GB18030 by chance, of nine one does
_CHINESE = re.compile("[\u4e00-\u9fff]")


def encoding_of(path: Path) -> str:
    """utf-8-sig (also plain UTF-8), gb18030 or utf-16: the first that reads the whole file, a last character cut
    short excepted; or GARBLED. Raises RefusedFileError for bytes that are no such text.
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
        return _garbled_or_not(path, head)
    if head.startswith(codecs.BOM_UTF8) or _is_damaged_utf8(path) or not _reads(path, "gb18030"):
        raise RefusedFileError("unreadable_encoding", "damaged or mixed bytes")
    return "gb18030"


def _garbled_or_not(path: Path, head: bytes) -> str:
    if head.isascii() or not mojibake.is_garbled(head[:_SAMPLE].decode("utf-8", "ignore")):
        return "utf-8-sig"
    if not mojibake.is_repairable(lines(path, "utf-8-sig", "\n")):
        raise RefusedFileError("unreadable_encoding", "UTF-8 that was read as GBK and saved, characters lost")
    return GARBLED


def lines(path: Path, encoding: str, newline: str) -> Iterator[str]:
    """The lines with their ends; `newline` as in `open`. A byte order mark at the start of a line, which exporters
    leave where they append, is dropped; a last character cut short reads as U+FFFD. A line of more than LONGEST
    characters comes in pieces.
    """
    base = "utf-8-sig" if encoding == GARBLED else encoding
    with path.open(encoding=base, errors="replace", newline=newline) as file:
        for line in file:  # per line: the parsers of text formats take lines
            yield (mojibake.repaired(line) if encoding == GARBLED else line).lstrip("\ufeff")


def whole_text(path: Path, encoding: str) -> str:
    """All of the file, as `lines` reads it."""
    return "".join(lines(path, encoding, "\n"))


def text_chunks(path: Path, encoding: str, size: int = 1 << 21) -> Iterator[bytes]:
    """The text as UTF-8, about `size` bytes at a time, never ending inside a character; marks and a cut last character as
    in `lines`.
    """
    held, at_line_start = b"", True
    for chunk in _as_utf8(path, encoding, size):
        data = held + chunk
        held = next((tail for tail in (b"\xef\xbb", b"\xef") if data.endswith(tail)), b"")  # of a mark, perhaps
        data = data[: len(data) - len(held)]
        if _MARK in data:
            data = _without_marks(data, at_line_start)
        if data:
            at_line_start = data[-1:] in b"\r\n"
            yield data
    if held:
        yield held


def _without_marks(data: bytes, at_line_start: bool) -> bytes:
    data = _MARKS.sub(rb"\1", data)
    while at_line_start and data.startswith(_MARK):
        data = data[len(_MARK) :]
    return data


def _as_utf8(path: Path, encoding: str, size: int) -> Iterator[bytes]:
    if encoding == "utf-8-sig":
        yield from _whole_characters(_chunks(path, size))
        return
    if encoding == GARBLED:
        yield from (line.encode() for line in lines(path, encoding, ""))
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in _chunks(path, size):
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _whole_characters(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same valid UTF-8, no chunk ending inside a character; a last character cut short is U+FFFD."""
    cut = b""
    for chunk in chunks:
        data = cut + chunk
        cut = data[len(data) - _cut_short(data) :]
        yield data[: len(data) - len(cut)]
    if cut:
        yield "\ufffd".encode()


def _cut_short(data: bytes) -> int:
    """How many bytes at the end begin a character that is not whole."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < 2 + (byte >= 0xE0) + (byte >= 0xF0) else 0
        if byte < 0x80:
            return 0
    return 0


def _chunks(path: Path, size: int = _CHUNK) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def _reads(path: Path, encoding: str) -> bool:
    if encoding == "utf-8":
        return all(_is_utf8(chunk) for chunk in _whole_characters(_chunks(path)))
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True  # what the decoder still holds is one character cut short


def _is_utf8(data: bytes) -> bool:
    """Whether these are whole characters of UTF-8; Arrow tells it several times as fast as a decoder."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    try:
        pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _is_damaged_utf8(path: Path) -> bool:
    """Whether much Chinese in UTF-8 stands beside the wrong bytes: GB18030 would read such a file as garbage.

    Chinese in GB18030, read as UTF-8, is nearly all U+FFFD: a hundredth of it is Chinese, of short texts by chance more.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    wrong = chinese = 0
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        wrong += text.count("\ufffd")
        chinese += len(_CHINESE.findall(text))
    return chinese * (20 if chinese >= _MUCH else 2) > wrong
