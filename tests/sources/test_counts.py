import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.counts import parse_count, parse_counts


@pytest.mark.parametrize(
    ("shown", "count", "capped"),
    [
        ("0", 0, False),
        (" 15\t", 15, False),
        ("1,234", 1234, False),
        ("12.0", 12, False),
        ("1.2万", 12_000, False),
        ("1.2万+", 12_000, True),
        ("100万+", 1_000_000, True),
        ("1000000", 1_000_000, True),
        ("1,000,000", 1_000_000, True),
        ("1.1亿", 110_000_000, False),
        ("2.1w", 21_000, False),
        ("2.1W+", 21_000, True),
        ("1.2k", 1200, False),
        ("3千", 3000, False),
        ("10+", 10, True),
        ("９９＋", 99, True),
        ("0.29万", 2900, False),  # 0.29 * 10000 is 2899.99... in floating point
        ("赞", None, None),
        ("", None, None),
        ("None", None, None),
        ("-1", None, None),
        ("99999999999999999999", None, None),
        ("999999999999亿", None, None),
    ],
)
def test_shown_count_becomes_a_number_and_a_mark_of_the_cap(shown, count, capped):
    counts, caps = parse_counts(pa.array([shown, "7"]))
    assert (counts[0].as_py(), caps[0].as_py()) == (count, capped)
    assert (counts[1].as_py(), caps[1].as_py()) == (7, False)


def test_null_stays_null():
    counts, caps = parse_counts(pa.array([None, "3"], pa.string()))
    assert counts.to_pylist() == [None, 3]
    assert caps.to_pylist() == [None, False]


@given(st.integers(0, 10**18 - 1))
def test_plain_number_is_itself(number):
    assert parse_counts(pa.array([str(number)]))[0].to_pylist() == [number]


@given(
    st.integers(1, 9999), st.integers(0, 9), st.sampled_from([("万", 10**4), ("亿", 10**8), ("k", 1000), ("千", 1000)])
)
def test_tenths_of_a_unit_are_exact(whole, tenth, unit):
    assert parse_count(f"{whole}.{tenth}{unit[0]}")[0] == (whole * 10 + tenth) * unit[1] // 10


@given(st.lists(st.text(max_size=12) | st.from_regex(r"[0-9.,]{0,9}[万亿wk千+]{0,2}", fullmatch=True), max_size=20))
def test_column_agrees_with_each_value_and_never_fails(values):
    counts, caps = parse_counts(pa.array([v.encode("utf-8", "replace").decode() for v in values], pa.string()))
    for value, count, cap in zip(values, counts.to_pylist(), caps.to_pylist(), strict=True):
        expected = parse_count(value.encode("utf-8", "replace").decode())
        assert (count, bool(cap)) == expected
