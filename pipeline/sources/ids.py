"""Ids: cleaned, checked for a spreadsheet's rounding, and made where the source has none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources.columns import has_byte
from pipeline.sources.tally import Tally
from pipeline.sources.times import MISSING, SPACE

DERIVED = "x-"
_MANGLED = r"^\d(?:\.\d+)?[eE]\+\d+$"  # 4.45457E+15; an id in hex has no plus
_FLOAT = r"^(?:\d{1,15}|[1-8]\d{15})\.0+$"  # below 2^53 a float still holds every digit
_ANY_FLOAT = r"^\d+\.0+$"


def clean_ids(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Ids without the tabs and byte order marks exporters put around them, NULL where there is none (nan, None, ...),
    and whether digits are lost.
    """
    text = pc.utf8_trim(values, characters=SPACE + "'\"")
    text = pc.if_else(pc.is_in(text, value_set=pa.array([word for word in MISSING if word != "0"])), None, text)
    if not has_byte(text, b".+"):
        return text, pa.repeat(False, len(text))
    exact = pc.match_substring_regex(text, _FLOAT)
    text = pc.if_else(pc.fill_null(exact, False), pc.replace_substring_regex(text, r"\.0+$", ""), text)
    lost = pc.or_(pc.match_substring_regex(text, _MANGLED), pc.match_substring_regex(text, _ANY_FLOAT))
    return text, pc.fill_null(lost, False)


def without_zero(ids: pa.Array) -> pa.Array:
    """The ids, NULL where they are 0: how exporters write that there is no parent."""
    return pc.if_else(pc.equal(ids, "0"), None, ids)


class DerivedIds:
    """Ids for the posts of one file whose source gives none.

    The id is `x-` and the hash of (platform, author, time, text) as exported and of how often that tuple was met in the
    file: real repeats stay apart, and reading the file again adds none.
    """

    def __init__(self) -> None:
        self._met = Tally()

    def make(self, posts: Iterable[tuple[str | None, ...]]) -> list[str]:
        """An id per (platform, author, time, text), in order."""
        # Per row: the hash of a row is no column operation. JSON, because no two tuples read alike in it.
        said = [hashlib.sha256(json.dumps(post, ensure_ascii=False).encode()) for post in posts]
        heads = np.frombuffer(b"".join(one.digest()[:8] for one in said), "<u8")
        return [_derived(one, times) for one, times in zip(said, self._met.add(heads).tolist(), strict=True)]


def _derived(said: hashlib._Hash, times: int) -> str:
    said.update(f"\n{times}".encode())
    return DERIVED + said.hexdigest()[:32]


_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def mid_of(bid: str) -> str | None:
    """The number of a post of Weibo, from the short form in its address: four characters write seven digits."""
    if not 4 < len(bid) <= 12 or any(character not in _BASE62 for character in bid):
        return None
    digits = ""
    for end in range(len(bid), 0, -4):
        value = 0
        for character in bid[max(0, end - 4) : end]:
            value = value * 62 + _BASE62.index(character)
        digits = f"{value:07d}{digits}"
    return digits.lstrip("0") or None
