from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local_time import dates, day_number, end_of_day, local_days, local_hours, months

MOMENTS = st.datetimes(datetime(1992, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_days_hours_and_months_are_those_of_the_time_zone_of_shanghai(moments: list[datetime]) -> None:
    local = [m.astimezone(ZoneInfo("Asia/Shanghai")) for m in moments]
    at = np.array([_micros(m) for m in moments])
    days = local_days(at)
    assert dates(days).to_pylist() == [m.date() for m in local]
    assert local_hours(at).tolist() == [m.hour for m in local]
    assert months(days).tolist() == [(m.year - 1970) * 12 + m.month - 1 for m in local]


def test_a_day_ends_where_the_next_begins() -> None:
    day = date(2015, 3, 1)
    last, first = np.array([end_of_day(day) - 1]), np.array([end_of_day(day)])
    assert (local_days(last)[0], local_days(first)[0]) == (day_number(day), day_number(day) + 1)


def test_days_before_1970_are_counted_downwards() -> None:
    assert dates(local_days(np.array([_micros(datetime(1969, 12, 31, 15, 59, tzinfo=UTC))]))).to_pylist() == [
        date(1969, 12, 31)
    ]
