"""Times as exporters and pages write them -> UTC microseconds and how precise they are.

A time without a zone is Asia/Shanghai. `time_kernel` reads what nearly every column holds (epoch numbers, plain local times,
times with a zone); only what it leaves is read one value at a time.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.local_time import OFFSET
from pipeline.sources.time_kernel import UNREAD, read_times
from pipeline.tables import PRECISIONS, TIME

Ints = NDArray[np.int64]
MISSING = ("", "0", "-", "null", "NULL", "None", "nan", "NaN", "NaT", "<NA>", "undefined")  # how "no value" is written
SPACE = " \t\r\n\u00a0\u3000\ufeff"
_EPOCH, _EARLIEST, _LATEST = datetime(1970, 1, 1), datetime(1980, 1, 1), datetime(2100, 1, 1)

_CLOCK = r"(?:\s*T?\s*(\d{1,2})\s*[:时]\s*(\d{1,2})(?:\s*[:分]\s*(\d{1,2})?(?:\.(\d{1,9}))?)?\s*[秒分]?)?"
_DATED = re.compile(
    rf"(\d{{4}})\s*[-/.年]\s*(\d{{1,2}})\s*[-/.月]\s*(\d{{1,2}})\s*日?{_CLOCK}\s*(Z|[+-]\d{{2}}:?\d{{2}})?"
)
_UNDATED = re.compile(rf"(\d{{1,2}})\s*[-/月]\s*(\d{{1,2}})\s*日?{_CLOCK}")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?")
_POSIX = re.compile(r"(\d{9,19})(?:\.\d+)?")
_CTIME = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2})\s+(\d{1,2}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4}) (\d{4})")
_MAIL = re.compile(  # RFC 822, as feeds and mail write times
    r"(?:[A-Z][a-z]{2,8}, ?)?(\d{1,2})[ -]([A-Z][a-z]{2})[ -](\d{4}) (\d{2}):(\d{2})(?::(\d{2}))? ?(GMT|UTC|UT|Z|[+-]\d{2}:?\d{2})?"
)
_AGO = re.compile(r"(\d{1,4}|半)\s*(秒|分|小时|天|周|个月|月|年)钟?\s*(?:前|以前|之前)")
_DAY = re.compile(rf"(今天|昨天|前天){_CLOCK}")
_NOW = ("刚刚", "刚才", "现在")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {"秒": 1, "分": 60, "小时": 3600, "天": 86400, "周": 604800, "月": 2592000, "个月": 2592000, "年": 31536000}
_DAYS_BACK = {"今天": 0, "昨天": 1, "前天": 2}


@dataclass(frozen=True)
class Times:
    """A column of times: UTC microseconds, a value of tables.PRECISIONS, and whether something stood there unread."""

    at: pa.Array
    precision: pa.Array
    unread: pa.Array


def parse_times(values: pa.Array, gathered_at: Ints | None) -> Times:
    """The times of a string array. Relative ones (N分钟前, 昨天 12:30, 03-08) are counted back from `gathered_at`, UTC
    microseconds per row; without it they are NULL, of precision approximate.
    """
    text = pc.fill_null(values, "")
    at, level = read_times(text)
    known, missing = level != UNREAD, np.zeros(len(text), bool)
    left = np.flatnonzero(~known)
    if len(left):
        rest = pc.utf8_trim(text.take(pa.array(left)), characters=SPACE)
        missing[left] = _flags(pc.is_in(rest, value_set=pa.array(MISSING)))
        at[left], level[left], known[left] = _other_forms(
            rest, missing[left], None if gathered_at is None else gathered_at[left]
        )
    waiting = ~known & (level >= 0)
    known &= (at >= _micros(_EARLIEST)) & (at < _micros(_LATEST))
    precision = pa.array(PRECISIONS).take(pa.array(level, mask=~known & ~waiting))
    return Times(pa.array(at, mask=~known).cast(TIME), precision, pa.array(~known & ~missing & ~waiting))


def _other_forms(
    text: pa.Array, missing: NDArray[np.bool_], gathered_at: Ints | None
) -> tuple[Ints, NDArray[np.int8], NDArray[np.bool_]]:
    """Time, precision and whether the time is known, of trimmed values."""
    at, level = read_times(text)
    known = level != UNREAD
    for place in np.flatnonzero(~known & ~missing):  # per value: the forms that no kernel reads are few
        time = parse_time(text[place].as_py(), None if gathered_at is None else int(gathered_at[place]))
        if time is not None:
            at[place], known[place], level[place] = time[0] or 0, time[0] is not None, PRECISIONS.index(time[1])
    return at, level, known


def parse_time(text: str, gathered_at: int | None) -> tuple[int | None, str] | None:
    """One time as UTC microseconds and precision; None where it is no time."""
    folded = unicodedata.normalize("NFKC", text).strip()
    try:
        return _absolute(folded) or _relative(folded, gathered_at)
    except (ValueError, OverflowError):  # 30 February, 25:00, a number beyond any calendar
        return None


def _absolute(text: str) -> tuple[int, str] | None:
    if found := _DATED.fullmatch(text):
        year, month, day, *clock, zone = found.groups()
        return _at(int(year), int(month), int(day), clock, zone)
    if found := _COMPACT.fullmatch(text):
        year, month, day, *clock = found.groups()
        return _at(int(year), int(month), int(day), [*clock, None], None)
    if found := _POSIX.fullmatch(text):
        per_second = 1000 ** ((len(found[1]) - 9) // 3)  # seconds have 9-11 digits, ms 12-14, us 15-17, ns 18-19
        return int(found[1]) * 10**6 // per_second, "second"
    if found := _CTIME.fullmatch(text):
        month_name, day, hour, minute, second, zone, year = found.groups()
        return _at(int(year), _MONTHS.index(month_name) + 1, int(day), [hour, minute, second, None], zone)
    if found := _MAIL.fullmatch(text):
        day, month_name, year, hour, minute, second, zone = found.groups()
        return _at(int(year), _MONTHS.index(month_name) + 1, int(day), [hour, minute, second, None], zone)
    return None


def _relative(text: str, gathered_at: int | None) -> tuple[int | None, str] | None:
    now = None if gathered_at is None else _EPOCH + timedelta(microseconds=gathered_at + OFFSET)
    found: re.Match[str] | None
    if text in _NOW:
        return gathered_at, "approximate"
    if found := _AGO.fullmatch(text):
        seconds = (0.5 if found[1] == "半" else int(found[1])) * _UNITS[found[2]]
        return (None if gathered_at is None else gathered_at - int(seconds * 10**6)), "approximate"
    if found := _DAY.fullmatch(text):
        if now is None:
            return None, "approximate"
        day = now - timedelta(days=_DAYS_BACK[found[1]])
        at, _ = _at(day.year, day.month, day.day, list(found.groups()[1:]), None)
        return at, "approximate"
    if found := _UNDATED.fullmatch(text):
        month, day_of_month, *clock = found.groups()
        return (None, "approximate") if now is None else _latest(now, int(month), int(day_of_month), clock)
    return None


def _latest(now: datetime, month: int, day: int, clock: list[str | None]) -> tuple[int, str] | None:
    """The latest such day up to `now`: this year's or the last one's; 29 February up to eight years back."""
    for year in range(now.year, now.year - 9, -1):
        if (month, day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400)):
            continue
        if datetime(year, month, day) <= now:
            return _at(year, month, day, clock, None)
    return None


def _at(year: int, month: int, day: int, clock: list[str | None], zone: str | None) -> tuple[int, str]:
    hour, minute, second, fraction = clock
    local = datetime(year, month, day, int(hour or 0), int(minute or 0), int(second or 0))
    micros = _micros(local) + int(f"{fraction or 0:0<6}"[:6])
    precision = "day" if hour is None else "minute" if second is None else "second"
    return micros - (OFFSET if zone is None else _offset(zone)), precision


def _offset(zone: str) -> int:
    if zone[0] not in "+-":  # Z, GMT
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (1 if zone[0] == "+" else -1) * minutes * 60_000_000


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


def _flags(values: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)
