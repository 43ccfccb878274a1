"""Counts as platforms show them (1.2万, 100万+, 3k, 赞) -> whole numbers, and which of them are only a lower bound."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.times import SPACE

CAP = 1_000_000  # Weibo shows no more than 100万+, which exporters write as this number
_PLAIN = r"^\d{1,18}$"
_SHOWN = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,18})(\.\d{1,6})?\s*(亿|万|千|百|w|k|m)?\s*(\+)?")
_UNITS = {"亿": 10**8, "万": 10**4, "w": 10**4, "千": 10**3, "k": 10**3, "百": 100, "m": 10**6, None: 1}


def parse_counts(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """int64 counts, NULL where there is no number (an empty cell, or the word 赞 that stands for none shown), and
    whether the platform capped them; both NULL together.
    """
    text = pc.utf8_trim(values, characters=SPACE)
    plain = pc.if_else(pc.match_substring_regex(text, _PLAIN), text, None).cast(pa.int64())
    capped = pc.equal(plain, CAP)
    rest = pc.and_(pc.is_valid(text), pc.is_null(plain))
    if not pc.any(rest).as_py():
        return plain, capped
    distinct = pc.unique(text.filter(rest))
    shown = [parse_count(value.as_py()) for value in distinct]  # per distinct value: there are few forms
    places = pc.index_in(text, value_set=distinct)
    numbers = pa.array([count for count, _ in shown], pa.int64()).take(places)
    flags = pa.array([None if count is None else is_capped for count, is_capped in shown], pa.bool_()).take(places)
    return pc.coalesce(plain, numbers), pc.coalesce(capped, flags)


def parse_count(text: str) -> tuple[int | None, bool]:
    """One count, and whether it is a lower bound; None where there is no number."""
    found = _SHOWN.fullmatch(unicodedata.normalize("NFKC", text).strip().lower())
    if found is None:
        return None, False
    whole, fraction, unit, plus = found.groups()
    count = int(Decimal(whole.replace(",", "") + (fraction or "")) * _UNITS[unit])
    return (count, plus is not None or count == CAP) if count < 2**63 else (None, False)
