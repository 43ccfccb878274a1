"""The calendar of the posts: Asia/Shanghai, as a fixed UTC+8.

China has kept UTC+8 without summer time since September 1991, before any platform read here, so days and hours are
integer arithmetic on microseconds and need no time zone database.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
OFFSET = 8 * HOUR
_EPOCH = date(1970, 1, 1)


def local_days(posted_at: Ints) -> Ints:
    """Local days since 1970-01-01 of UTC microseconds."""
    return (posted_at + OFFSET) // DAY


def local_hours(posted_at: Ints) -> Ints:
    """Local hour of the day, 0-23, of UTC microseconds."""
    return (posted_at + OFFSET) % DAY // HOUR


def day_number(day: date) -> int:
    """Days from 1970-01-01 to `day`."""
    return (day - _EPOCH).days


def end_of_day(day: date) -> int:
    """The UTC microsecond at which local `day` is over: posts of the day lie strictly before it."""
    return (day_number(day) + 1) * DAY - OFFSET


def dates(days: Ints) -> pa.Array:
    """Days since 1970-01-01 as a date32 array."""
    return pa.array(days.astype(np.int32)).view(pa.date32())


def months(days: Ints) -> Ints:
    """Months since 1970-01 of days since 1970-01-01."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
