"""Values of JSON as they read: the escapes in strings turned into characters, on UTF-8 bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.text.compiled import kernel

PLAIN, ESCAPED, NUMBER, TRUE, FALSE, NULL = range(6)  # kinds of values; a string without escapes is plain


@kernel
def hex_at(data: Any, at: Any) -> Any:
    """Four hex digits; -1 where they are none."""
    value: Any = 0
    for k in range(at, at + 4):
        byte = np.int64(data[k])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif 65 <= byte <= 70:
            digit = byte - 55
        elif 97 <= byte <= 102:
            digit = byte - 87
        else:
            return -1
        value = value * 16 + digit
    return value


@kernel
def _put(code: Any, texts: Any, to: Any) -> Any:
    """A code point as UTF-8; where the next byte goes. A surrogate is U+FFFD."""
    if 0xD800 <= code < 0xE000:
        code = 0xFFFD
    if code < 0x80:
        texts[to] = code
        return to + 1
    if code < 0x800:
        texts[to], texts[to + 1] = 0xC0 | (code >> 6), 0x80 | (code & 0x3F)
        return to + 2
    if code < 0x10000:
        texts[to], texts[to + 1] = 0xE0 | (code >> 12), 0x80 | ((code >> 6) & 0x3F)
        texts[to + 2] = 0x80 | (code & 0x3F)
        return to + 3
    texts[to], texts[to + 1] = 0xF0 | (code >> 18), 0x80 | ((code >> 12) & 0x3F)
    texts[to + 2], texts[to + 3] = 0x80 | ((code >> 6) & 0x3F), 0x80 | (code & 0x3F)
    return to + 4


@kernel
def _escape(data: Any, at: Any, end: Any, texts: Any, to: Any) -> Any:
    """The character of the escape whose backslash stands at `at`; where to go on, and where the next byte goes."""
    byte = data[at + 1]
    if byte == 117:
        code, at = hex_at(data, at + 2), at + 6
        if 0xD800 <= code < 0xDC00 and at + 6 <= end and data[at] == 92 and data[at + 1] == 117:
            low = hex_at(data, at + 2)
            if 0xDC00 <= low < 0xE000:
                code, at = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 6
        return at, _put(code, texts, to)
    code = np.int64(byte)
    if byte == 110:
        code = 10
    elif byte == 116:
        code = 9
    elif byte == 114:
        code = 13
    elif byte == 98:
        code = 8
    elif byte == 102:
        code = 12
    return at + 2, _put(code, texts, to)


@kernel
def fill(data: Any, starts: Any, ends: Any, kinds: Any, offsets: Any, texts: Any) -> Any:
    """Values one after another as they read, and where each begins; how many bytes. NULL has none."""
    to = 0
    for i in range(len(starts)):
        offsets[i] = to
        if kinds[i] == NULL:
            continue
        at, end = starts[i], ends[i]
        while at < end:
            if kinds[i] == ESCAPED and data[at] == 92:
                at, to = _escape(data, at, end, texts, to)
            else:
                texts[to] = data[at]
                at, to = at + 1, to + 1
    offsets[len(starts)] = to
    return to
