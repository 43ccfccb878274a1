"""How many records a file holds, counted without its parser: the other half of the law that nothing disappears.

Each count works on lines, characters or the file's own footer, knows nothing of columns or dialects, and shares no code
with the module that reads the same form.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.text.compiled import kernel

_ZIP_END = 1 << 17  # bytes at the end of a zip in which its last record stands
_ZIP_DIRECTORY = 1 << 26  # bytes of a directory that is looked at
_START, _INSIDE, _QUOTED, _AFTER_QUOTE = range(4)  # of a CSV cell


def count_csv(chunks: Iterable[bytes], delimiter: str) -> int:
    """Records of a CSV file, the header among them: lines that are not blank and end outside quotes.

    A quote opens a cell only at its very start, `""` inside quotes is a quote, and a last record whose quotes never
    close is a record. The text comes as UTF-8 in any pieces.
    """
    state = np.array([_START, 0, 0], np.int64)  # where in a cell; whether the record holds anything; records
    for chunk in chunks:
        _walk_csv(np.frombuffer(chunk, np.uint8), ord(delimiter), state)
    return int(state[2] + state[1])


@kernel
def _walk_csv(data: Any, delimiter: Any, state: Any) -> None:
    mode, filled, records = state
    for byte in data:
        if mode == _QUOTED:
            mode = _AFTER_QUOTE if byte == 34 else _QUOTED
        elif mode == _AFTER_QUOTE and byte == 34:
            mode = _QUOTED
        elif byte in (10, 13):
            records += filled
            mode, filled = _START, 0
        elif byte == delimiter:
            mode, filled = _START, 1
        else:
            mode, filled = _QUOTED if byte == 34 and mode == _START else _INSIDE, 1
    state[0], state[1], state[2] = mode, filled, records


def count_json_lines(chunks: Iterable[bytes | str]) -> int:
    """Lines with more than JSON's white space (and byte order marks) in them; the text in any pieces of whole characters,
    lines among them.
    """
    count, is_open = 0, False
    for chunk in chunks:
        data = chunk.encode("utf-8", "replace") if isinstance(chunk, str) else chunk
        bare = data.replace(b"\xef\xbb\xbf", b"").translate(None, b" \t\r")
        count += len(re.findall(rb"[^\n]+", bare)) - (is_open and bare[:1] not in (b"\n", b""))
        is_open = bare[-1:] != b"\n" if bare else is_open
    return count


def count_json_items(chunks: Iterable[bytes]) -> int | None:
    """Items of the JSON lists that a text is, by their brackets and commas alone; None where they do not match. The text
    comes as UTF-8 in any pieces.
    """
    state = np.zeros(8, np.int64)
    for chunk in chunks:
        _walk_json(np.frombuffer(chunk, np.uint8), state)
    quoted, _, depth, _, _, bad, closed, items = state.tolist()
    return None if quoted or depth or bad or not closed else items


@kernel
def _walk_json(data: Any, state: Any) -> None:
    """state: in a string; after a backslash; depth; commas of the list; whether it holds anything; whether something
    stands outside lists; whether the last one has ended; items of those that have.
    """
    quoted, escaped, depth, commas, filled, bad, closed, items = state
    for byte in data:
        if quoted:
            if escaped:
                escaped = 0
            elif byte == 92:
                escaped = 1
            elif byte == 34:
                quoted = 0
            continue
        if byte in (32, 9, 10, 13):
            continue
        if depth == 0:
            bad |= byte != 91
            closed = commas = filled = 0
        if byte in (93, 125):
            if depth == 1:
                bad |= byte != 93
                closed, items = 1, items + (commas + 1 if filled else 0)
            depth -= 1
            bad |= depth < 0
            continue
        filled |= depth > 0
        if byte == 34:
            quoted = 1
        elif byte in (91, 123):
            depth += 1
        elif byte == 44 and depth == 1:
            commas += 1
    state[:] = np.array([quoted, escaped, depth, commas, filled, bad, closed, items])


def count_parquet(path: Path) -> int:
    """Rows by the Parquet file's footer."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def count_members(path: Path) -> int | None:
    """Files in a zip archive by its central directory, folders and hidden ones apart; None for what is no zip, or a
    damaged one, or one of 4 GB and more.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return None
        file.seek(max(0, size - _ZIP_END))
        tail = file.read()
        end = tail.rfind(b"PK\5\6")
        if end < 0 or len(tail) < end + 20:
            return None
        entries, length, start = struct.unpack_from("<HII", tail, end + 10)
        file.seek(start)
        return _count_entries(file.read(min(length, _ZIP_DIRECTORY)), entries)


def _count_entries(directory: bytes, entries: int) -> int | None:
    at = count = 0
    for _ in range(entries):
        if directory[at : at + 4] != b"PK\1\2" or len(directory) < at + 46:
            return None
        name_size, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        name = directory[at + 46 : at + 46 + name_size]
        parts = [part for part in re.split(rb"[/\\]", name) if part not in (b".", b"..")]
        count += not name.endswith(b"/") and not any(part[:1] in (b".", b"_") for part in parts)
        at += 46 + name_size + extra + comment
    return count


_XML_PART = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(/?)([^\s<>/!?]+)((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*?)(/?)>", re.DOTALL
)


def count_feed_items(text: str) -> int:
    """Items and entries of a sound feed, by its tags: those that lie in the channel, the RDF or the feed itself."""
    count, names = 0, list[str]()
    for part in _XML_PART.finditer(text):  # per tag
        closes, name, _, is_empty = part.groups()
        if name is None:
            continue
        name = name.rpartition(":")[2]
        if closes:
            names.pop()
            continue
        above = names[-1] if names else ""
        inside = "item" in names or "entry" in names
        count += not inside and (
            (name == "item" and above in ("channel", "RDF", "rdf")) or (name, above) == ("entry", "feed")
        )
        if not is_empty:
            names.append(name)
    return count
