import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.time_kernel import UNREAD, read_times
from pipeline.sources.times import parse_time, parse_times
from pipeline.tables import PRECISIONS

GATHERED = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)  # Sunday 20:00 in Shanghai
MICROS = int(GATHERED.timestamp()) * 10**6


def read(text, gathered=MICROS):
    times = parse_times(pa.array([text]), None if gathered is None else np.array([gathered]))
    at = times.at.cast(pa.int64())[0].as_py()
    shown = None if at is None else str(datetime(1970, 1, 1) + timedelta(microseconds=at))
    return shown, times.precision[0].as_py(), times.unread[0].as_py()


@pytest.mark.parametrize(
    ("text", "utc", "precision"),
    [
        ("2026-03-01 10:01:05", "2026-03-01 02:01:05", "second"),
        ("2026-03-01T10:01:05", "2026-03-01 02:01:05", "second"),
        ("2026-03-01 10:01\xa0", "2026-03-01 02:01:00", "minute"),
        ("2026-03-01", "2026-02-28 16:00:00", "day"),
        ("2026/3/1 9:05", "2026-03-01 01:05:00", "minute"),
        ("2026年03月01日 10:01", "2026-03-01 02:01:00", "minute"),
        ("2026年3月1日", "2026-02-28 16:00:00", "day"),
        ("2026年3月1日 10时01分05秒", "2026-03-01 02:01:05", "second"),
        ("2026-03-01 10:01:05+08:00", "2026-03-01 02:01:05", "second"),
        ("2026-03-01T10:01:05.250Z", "2026-03-01 10:01:05.250000", "second"),
        ("2026-03-01 10:01 -0500", "2026-03-01 15:01:00", "minute"),
        ("1772330465", "2026-03-01 02:01:05", "second"),
        ("1772330465.0", "2026-03-01 02:01:05", "second"),
        ("1772330465250", "2026-03-01 02:01:05.250000", "second"),
        ("1772330465250123", "2026-03-01 02:01:05.250123", "second"),
        ("20260301", "2026-02-28 16:00:00", "day"),
        ("20260301100105", "2026-03-01 02:01:05", "second"),
        ("Sun Mar 01 10:01:05 +0800 2026", "2026-03-01 02:01:05", "second"),
        ("2024-02-29", "2024-02-28 16:00:00", "day"),
    ],
)
def test_absolute_time_is_read_whatever_the_gathering(text, utc, precision):
    assert read(text) == (utc, precision, False)
    assert read(text, None) == (utc, precision, False)


@pytest.mark.parametrize(
    ("text", "utc", "precision"),
    [
        ("刚刚", "2026-03-08 12:00:00", "approximate"),
        ("30秒前", "2026-03-08 11:59:30", "approximate"),
        ("5分钟前", "2026-03-08 11:55:00", "approximate"),
        ("半小时前", "2026-03-08 11:30:00", "approximate"),
        ("3 小时前", "2026-03-08 09:00:00", "approximate"),
        ("2天前", "2026-03-06 12:00:00", "approximate"),
        ("今天 09:30", "2026-03-08 01:30:00", "approximate"),
        ("昨天 23:59", "2026-03-07 15:59:00", "approximate"),
        ("昨天", "2026-03-06 16:00:00", "approximate"),
        ("03-01", "2026-02-28 16:00:00", "day"),
        ("3月1日 10:01", "2026-03-01 02:01:00", "minute"),
        ("03-08 23:00", "2026-03-08 15:00:00", "minute"),  # a page may run ahead of the clock within the day
        ("03-09", "2025-03-08 16:00:00", "day"),  # tomorrow: so it was last year
        ("12月31日", "2025-12-30 16:00:00", "day"),
        ("02-29", "2024-02-28 16:00:00", "day"),  # the latest leap day
    ],
)
def test_relative_time_is_counted_back_from_the_gathering(text, utc, precision):
    assert read(text) == (utc, precision, False)


@pytest.mark.parametrize("text", ["刚刚", "5分钟前", "今天 09:30", "昨天", "03-01", "3月1日 10:01"])
def test_relative_time_is_unknown_without_the_gathering(text):
    assert read(text, None) == (None, "approximate", False)


@pytest.mark.parametrize("text", ["", " ", "0", "None", "nan", "NaT", "null", "-"])
def test_missing_time_is_no_complaint(text):
    assert read(text) == (None, None, False)


@pytest.mark.parametrize(
    "text",
    ["昨儿个", "2026-02-30", "2026-03-01 25:00", "2026-13-01 10:01:05", "1.77E+09", "9999年前", "0999-01-01", "12345",
     "9" * 300, "2026-03-01 10:01:05 明天"],
)  # fmt: skip
def test_time_that_cannot_be_read_is_told(text):
    assert read(text) == (None, None, True)


def test_one_impossible_date_does_not_spoil_the_column():
    times = parse_times(pa.array(["2026-02-30 10:00:00", "2026-03-01 10:01:05"]), None)
    assert times.unread.to_pylist() == [True, False]
    assert times.at[1].as_py() == datetime(2026, 3, 1, 2, 1, 5, tzinfo=UTC)


_DATE, _CLOCK = r"[12][0-9]{3}-(?:0[0-9]|1[0-3])-[0-3][0-9]", r"[0-2][0-9]:[0-6][0-9](?::[0-6][0-9](?:\.[0-9]{1,7})?)?"
_CLOCKS = st.from_regex(rf"\A{_DATE}[ T]{_CLOCK}(?:Z|[+-][0-2][0-9]:?[0-6][0-9])?\Z")


@given(st.lists(_CLOCKS.map(str.strip) | st.from_regex(r"\A[1-9](?:[0-9]{9}|[0-9]{12})\Z"), min_size=1, max_size=9))
def test_kernel_reads_what_the_slow_way_reads(texts):
    at, level = read_times(pa.array(texts))
    for text, time, precision in zip(texts, at.tolist(), level.tolist(), strict=True):
        if precision != UNREAD:
            assert (time, PRECISIONS[precision]) == parse_time(text, None)
        else:  # a date or zone that is none, or more digits than microseconds have
            assert parse_time(text, None) is None or re.search(r"\.\d{7}|[+-](?:2[4-9]|\d\d:?6)", text)


@pytest.mark.parametrize(
    "text", ["2026-03-01 10:01", "2026-03-01T10:01:05", "2024-02-29 10:01:05.25Z", "2026-03-01 10:01-0530"]
)
def test_kernel_reads_the_usual_forms(text):
    assert read_times(pa.array([text]))[1] != UNREAD


FORMS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y年%m月%d日 %H:%M:%S", "%Y%m%d%H%M%S"]


@given(st.datetimes(datetime(2001, 9, 10), datetime(2099, 12, 30)), st.sampled_from(FORMS))
def test_local_time_in_any_form_is_eight_hours_ahead_of_utc(local, form):
    local = local.replace(microsecond=0)
    assert read(local.strftime(form))[0] == str(local - timedelta(hours=8))


@given(st.datetimes(datetime(2001, 9, 10), datetime(2099, 12, 30)), st.integers(-720, 720))
def test_zone_is_kept(utc, minutes):
    utc = utc.replace(microsecond=0)
    sign, hours = "+" if minutes >= 0 else "-", f"{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    assert read(f"{utc + timedelta(minutes=minutes)}{sign}{hours}")[0] == str(utc)


@given(st.lists(st.text("0123456789-:/. T年月日昨今天前分钟秒+Z", max_size=22) | st.text(max_size=12), max_size=12))
def test_column_agrees_with_each_value_and_never_fails(texts):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    times = parse_times(pa.array(texts, pa.string()), np.full(len(texts), MICROS))
    for text, at in zip(texts, times.at.cast(pa.int64()).to_pylist(), strict=True):
        if at is not None:
            assert parse_time(text.strip(" \t\r\n\u00a0\u3000\ufeff"), MICROS)[0] == at
