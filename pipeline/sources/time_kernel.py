"""The times that nearly every column holds, read from their bytes: epoch numbers, and dates with a clock, with a zone or without.

`times.parse_time` reads these and every other form, a value at a time; a test compares the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.hashing import bytes_of
from pipeline.local_time import OFFSET
from pipeline.tables import PRECISIONS
from pipeline.text.compiled import kernel

SECOND, MINUTE = PRECISIONS.index("second"), PRECISIONS.index("minute")
UNREAD = -1
_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # of each month; of February in a leap year
_MICROS, _DAY = 1_000_000, 86_400


def read_times(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """UTC microseconds, and SECOND, MINUTE or UNREAD, of each text: 10 digits (seconds), 13 (milliseconds), or
    YYYY-MM-DD, T or a space, HH:MM[:SS[.ffffff]], and Z, +HH:MM or +HHMM; Asia/Shanghai without one.
    """
    content, bounds = bytes_of(texts)
    at, level = np.zeros(len(texts), np.int64), np.full(len(texts), UNREAD, np.int8)
    _read(content, bounds, at, level)
    return at, level


@kernel
def _read(content: Any, bounds: Any, at: Any, level: Any) -> None:
    for row in range(len(bounds) - 1):
        start, end = bounds[row], bounds[row + 1]
        if end - start in (10, 13):
            number = _number(content, start, end)
            if number >= 0:
                at[row], level[row] = number * (_MICROS if end - start == 10 else 1000), SECOND
                continue
        if end - start >= 16:
            at[row], level[row] = _clock(content, start, end)


@kernel
def _number(content: Any, start: Any, end: Any) -> Any:
    """The number that these bytes write; -1 where one of them is no digit."""
    number = np.int64(0)
    for place in range(start, end):
        digit = np.int64(content[place]) - 48
        if digit < 0 or digit > 9:
            return np.int64(-1)
        number = number * 10 + digit
    return number


@kernel
def _clock(content: Any, start: Any, end: Any) -> Any:
    """Of YYYY-MM-DD HH:MM and what may follow: microseconds and precision; (0, UNREAD) where it is anything else."""
    between = content[start + 10]
    if content[start + 4] != 45 or content[start + 7] != 45 or content[start + 13] != 58 or between not in (32, 84):
        return 0, UNREAD
    year, month = _number(content, start, start + 4), _number(content, start + 5, start + 7)
    day = _number(content, start + 8, start + 10)
    hour, minute = _number(content, start + 11, start + 13), _number(content, start + 14, start + 16)
    if not (year >= 0 and 0 < month < 13 and 0 < day <= _DAYS[month] and 0 <= hour < 24 and 0 <= minute < 60):
        return 0, UNREAD
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return 0, UNREAD
    second, fraction, place = _second(content, start + 16, end)
    shift = _zone(content, place, end) if place >= 0 else np.int64(_DAY)
    if shift == _DAY:
        return 0, UNREAD
    seconds = _days(year, month, day) * _DAY + hour * 3600 + minute * 60 + second
    return seconds * _MICROS + fraction - shift * _MICROS, SECOND if place > start + 16 else MINUTE


@kernel
def _second(content: Any, at: Any, end: Any) -> Any:
    """The seconds of :SS.ffffff, if it is there, their fraction in microseconds, and the place after; place -1 if it is none."""
    if at == end or content[at] != 58:
        return np.int64(0), np.int64(0), at
    second = _number(content, at + 1, at + 3) if end - at >= 3 else np.int64(-1)
    if second < 0 or second > 59:
        return second, np.int64(0), np.int64(-1)
    place, fraction, unit = at + 3, np.int64(0), np.int64(_MICROS)
    if place == end or content[place] != 46:
        return second, fraction, place
    place += 1
    while place < end and 48 <= content[place] <= 57 and unit > 1:
        unit //= 10
        fraction += (np.int64(content[place]) - 48) * unit
        place += 1
    return second, fraction, place if unit < _MICROS else np.int64(-1)


@kernel
def _zone(content: Any, at: Any, end: Any) -> Any:
    """How many seconds the zone that stands from `at` to the end is before UTC; a whole day where it is no zone."""
    if at == end:
        return np.int64(OFFSET // _MICROS)
    sign, none = content[at], np.int64(_DAY)
    if sign == 90:
        return np.int64(0) if end - at == 1 else none
    if sign not in (43, 45) or end - at not in (5, 6) or (end - at == 6 and content[at + 3] != 58):
        return none
    hours, minutes = _number(content, at + 1, at + 3), _number(content, end - 2, end)
    if not (0 <= hours < 24 and 0 <= minutes < 60):
        return none
    return (hours * 3600 + minutes * 60) * (1 if sign == 43 else -1)


@kernel
def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970 of a date, years counted from March on so that a leap day is the last."""
    from_march = (month + 9) % 12
    year -= from_march >= 10
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * from_march + 2) // 5 + day - 1 - 719_468
