"""How many records a file holds, counted without its parser: the other half of the law that nothing disappears.

Each count works on lines, characters or the file's own footer, knows nothing of columns or dialects, and shares no code
with the module that reads the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

_SPACE = b" \t\r\n"
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{},"))
_STEP = np.zeros(256, np.int64)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1


def count_csv(lines: Iterable[str], delimiter: str) -> int:
    """Records of a CSV file, the header among them: lines that are not blank and end outside quotes.

    A quote opens a cell only at its very start, `""` inside quotes is a quote, and a last record whose quotes never
    close is a record.
    """
    opened = re.compile(rf'(?<![^{re.escape(delimiter)}])"[^"]*+(?:""[^"]*+)*+("?)')
    closing = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
    records, inside = 0, False
    for line in lines:  # per line: whether it ends inside quotes hangs on the line before
        body = line.rstrip("\r\n")
        if inside:
            end = closing.match(body)
            if end is None:
                continue
            body = "q" + body[end.end() :]
        inside = False
        if '"' in body:
            inside = any(cell[1] == "" for cell in opened.finditer(body))
        records += bool(body) and not inside
    return records + inside


def count_json_lines(lines: Iterable[str]) -> int:
    """Lines with more than JSON's white space in them."""
    return sum(bool(line.strip(" \t\r\n\ufeff")) for line in lines)


def count_json_items(text: str) -> int | None:
    """Items of the one JSON list that `text` is, by its brackets and commas alone; None where they do not match."""
    bare = _JSON_STRING.sub(b"0", text.encode("utf-8", "replace")).strip(_SPACE)
    if b'"' in bare:
        return None
    structure = np.frombuffer(bare.translate(None, _NOT_STRUCTURE), np.uint8)
    depth = np.cumsum(_STEP[structure])
    if bare[-1:] != b"]" or depth[-1] != 0 or (depth[:-1] < 1).any():
        return None
    commas = int(((structure == ord(",")) & (depth == 1)).sum())
    return commas + 1 if bare[1:-1].strip(_SPACE) else 0


def count_parquet(path: Path) -> int:
    """Rows by the Parquet file's footer."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
