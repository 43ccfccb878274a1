"""Find contact handles (WeChat and QQ ids, phones, mail) in folded texts and replace them by typed placeholders.

Handles are replaced before any feature, reason, exemplar or hash is made, so that no table outside the restricted zone
holds one. A handle needs a cue beside it (微信: ..., qq ...), except phone numbers and mail addresses, whose own form says
what they are. Links stay: they say what kind of shop a post leads to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.text.codepoints import Ints, TextBatch, from_arrow, slices, to_arrow
from pipeline.text.normalise import Normalised, normalise, renormalise
from pipeline.text.patterns import Patterns

PLACEHOLDERS = {"wechat": "〔微信号〕", "qq": "〔QQ号〕", "phone": "〔手机号〕", "mail": "〔邮箱〕"}

# On folded text (lower case, simplified, half width). 薇威韦维喂徽溦 stand for 微; 芯心欣❤♥ for 信; a sign may part them.
_WEIXIN = (
    "(?:微信|微亻言|绿泡泡|[薇威韦维徽溦微喂][ .*·_-]{0,2}(?:❤?[信芯心欣x]|[❤♥])|(?<![a-z])(?:v[信芯心❤♥]|vx|wx|weixin|wechat)"
    "|[加➕伽家佳嘉茄夹]我? ?v|\\+ ?v(?![a-z]))"
)
_SHORT = "(?:[薇威韦徽溦微]|维(?! ?[a-ek] ?[0-9]))"  # not 维c1000mg
_QQ = "(?:qq|[q扣][群号]|扣扣|叩叩|抠抠|球球|企鹅|[加+➕]我? ?[q扣])"
_NAMED = (
    "(?: ?(?:公众号|号码|群号|帐号|账号|同号|同步|号|群|id|加|是|为|搜索?|请加|联系|咨询|或者?|和|及|/"
    "|qq|扣扣|微信|vx|手机|电话)){0,4}"
)
_GAP = "[ \n.,、,，=~—→➡👉⬇👇《【\\[(（\"“'/_·-]{0,4}"
_COLON = f"{_GAP}[:：;]{_GAP}"
_CUE = "(?:qq|vx|wx|weixin|wechat|tel)(?![a-z])"  # behind a space it begins the next handle
_HANDLE = f"[a-z](?:(?: (?!{_CUE}))?[-_a-z0-9]){{5,19}}(?![a-z0-9])"
# 微信iphone7 打不开 holds no handle
_DEVICE = "(?:iphone|ipad|android|windows|huawei|xiaomi|samsung|oppo|vivo)(?![a-z_-])"
_DIGIT = f"(?!{_DEVICE})(?=[a-z_ -]{{0,19}}[0-9]){_HANDLE}"  # a handle with a digit: nor is 微信 hello
_MIXED = f"(?!{_DEVICE})(?=[a-z_ -]{{0,19}}[0-9_-]){_HANDLE}"  # with a digit, _ or -
_DATE = "(?:19|20)[0-9]{2}[ -][01]?[0-9][ -][0-3]?[0-9](?![0-9])"
_NUMBER = f"(?!{_DATE})[0-9](?:[ -]?[0-9〇零幺]){{4,}}"
_MORE = f"(?: ?(?:[、,/|&]|或者?|和|及) ?(?:{_MIXED}|{_NUMBER}))*"  # a second handle needs no cue of its own
PATTERNS = {
    "mail": r"[a-z0-9][a-z0-9._%+-]{0,40}@(?:[a-z0-9-]{1,40}\.){1,4}(?:com|cn|net|org|edu|gov|cc|me|io|tv|hk|tw|vip|top)",
    "phone": r"(?:(?<![0-9a-z_/.=-])|(?<=tel)|(?<=[一-龥]-)|(?<=v)(?<![0-9a-z]v))(?:\+?86[ -]?)?"
    r"1[3-9][0-9](?:(?:[ -]?[0-9]){8}|\.[0-9]{4}\.[0-9]{4})(?![0-9_])(?!(?!vx|wx|v(?![0-9a-z])|qq|weixin|wechat)[a-z])",
    "wechat": rf"(?:{_WEIXIN}|(?<![a-z])v|[薇溦微]){_NAMED}{_COLON}({_HANDLE}{_MORE})",
    "wechat_bare": rf"{_WEIXIN}{_NAMED}{_GAP}({_MIXED}{_MORE})",
    "wechat_short": rf"{_SHORT}{_NAMED}(?:{_COLON}|{_GAP})((?:{_DIGIT}|{_NUMBER}){_MORE})",
    "wechat_number": rf"{_WEIXIN}{_NAMED}(?:{_COLON}|{_GAP})({_NUMBER}{_MORE})",
    "qq": rf"{_QQ}{_NAMED}(?:{_COLON}|{_GAP})({_NUMBER}{_MORE})",
}
KINDS = tuple(PLACEHOLDERS)
_KIND = np.array([KINDS.index(name.partition("_")[0]) for name in PATTERNS])  # of each pattern
_CODES = [[ord(char) for char in placeholder] for placeholder in PLACEHOLDERS.values()]
_SIZES = np.array([len(codes) for codes in _CODES], np.int64)


@lru_cache(maxsize=1)
def machine() -> Patterns:
    """What finds handles."""
    return Patterns([*PATTERNS.items()], group=True, keep=True)


@dataclass(frozen=True)
class Contacts:
    """Where handles stand: half-open spans of the original batch's `joined`, sorted, apart; and their kinds in KINDS."""

    starts: Ints
    ends: Ints
    kinds: Ints


def find(folded: Normalised) -> Contacts:
    """The handles of a batch, found in its folded form; spans of the original."""
    found = machine().find(folded.batch)
    start = np.where(found.group_starts < 0, found.starts, found.group_starts)
    end = np.where(found.group_starts < 0, found.ends, found.group_ends)
    order = np.lexsort((found.number, start))  # of patterns that meet at one place the first says what it is
    start, end, kind = start[order], end[order], _KIND[found.number[order]]
    if not len(start):
        return Contacts(start, end, kind)
    reach = np.maximum.accumulate(end)
    opens = np.concatenate(([True], start[1:] >= reach[:-1]))
    first = np.flatnonzero(opens)
    start, end = folded.span(start[first], np.maximum.reduceat(end, first))
    return Contacts(start, end, kind[first])


_APART = re.compile(r" ?(?:[、,/|&]|或者?|和|及) ?")  # between two handles behind one cue
_SPELT = str.maketrans({"〇": "0", "零": "0", "幺": "1", " ": None})


def handles_of(batch: TextBatch, found: Contacts) -> tuple[Ints, list[str]]:
    """Each handle in one spelling, and its text: folded, without spaces; numbers without signs and country code.

    The channel is left out: one number serves for phone, WeChat and QQ.
    """
    if not len(found.starts):
        return np.zeros(0, np.int64), []
    written = to_arrow(normalise(from_arrow(slices(batch, found.starts, found.ends))).batch).to_pylist()
    split = [_spelt(text) for text in written]  # per handle
    rows = np.repeat(batch.row_of(found.starts), [len(some) for some in split])
    return rows, [one for some in split for one in some]


_WHOLE = re.compile(r"(?=[a-z_-]*[0-9_-])[a-z][-_a-z0-9]{5,19}|[0-9]{5,}")
_MOBILE = re.compile(r"(?:86)?1[3-9][0-9]{9}")
_FEWEST = 5  # characters of a handle


def _spelt(written: str) -> list[str]:
    spelt = []
    for one in (handle for some in _APART.split(written) for handle in _unspaced(some)):
        digits = re.sub("[+.-]", "", one.removeprefix("tel"))
        spelt.append(re.sub("^86(?=1[0-9]{10}$)", "", digits) if digits.isdigit() else one)
    return [one for one in spelt if one]


def _unspaced(written: str) -> list[str]:
    """A handle without the spaces inside it; a new one begins behind a space where one is whole before it, and words end it."""
    found, last = [], ""
    for piece in (part.translate(_SPELT) for part in written.split(" ")):
        if not _WHOLE.fullmatch(last) or _MOBILE.fullmatch(last + piece):
            last += piece
        elif piece.isalpha():
            break
        elif len(piece) < _FEWEST:
            last += piece
        else:
            found.append(last)
            last = piece
    return [*found, last]


@dataclass(frozen=True)
class Redacted:
    """The batch with placeholders, and how many per text; `at` is where in it each placeholder of `found` begins.

    `unredacted` is the original, folded.
    """

    original: TextBatch
    unredacted: Normalised
    batch: TextBatch
    counts: Ints
    found: Contacts
    at: Ints

    @cached_property
    def rows(self) -> Ints:
        """The texts that hold a handle."""
        return np.flatnonzero(self.counts)

    @cached_property
    def folded(self) -> Normalised:
        """`normalise(batch)`: only the texts with handles are folded again."""
        if not len(self.rows):
            return self.unredacted
        return renormalise(self.batch, self.unredacted, self.original, self.rows)

    def texts(self, original: pa.Array) -> pa.Array:
        """The texts as strings; `original` holds those of the original batch, which stay as they are without a handle."""
        if not len(self.rows):
            return original
        mask = np.zeros(len(self.batch), bool)
        mask[self.rows] = True
        return pc.replace_with_mask(original, pa.array(mask), to_arrow(self.batch.take(self.rows)))

    @cached_property
    def first(self) -> Ints:
        """For each code point where in the original's `joined` that for which it stands begins: itself, or for any part
        of a placeholder the whole handle."""
        return self._origin(np.arange(len(self.batch.codes)), self.found.starts)

    @cached_property
    def last(self) -> Ints:
        """For each code point where that ends."""
        return self._origin(np.arange(len(self.batch.codes)), self.found.ends - 1) + 1

    def span(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Half-open spans of the redacted `joined` as half-open spans of the original's (empty stays empty)."""
        first = self._origin(start, self.found.starts)
        return first, np.where(end > start, self._origin(end - 1, self.found.ends - 1) + 1, first)

    def _origin(self, places: Ints, of_handles: Ints) -> Ints:
        """Where in the original these places of the redacted batch come from; of a placeholder, a place of its handle."""
        if not len(self.at):
            return places
        behind = np.searchsorted(self.at, places, side="right")
        handle, sizes = behind - 1, _SIZES[self.found.kinds]
        gained = np.concatenate(([0], np.cumsum(sizes - (self.found.ends - self.found.starts))))
        inside = (behind > 0) & (places < (self.at + sizes)[handle])
        return np.where(inside, of_handles[handle], places - gained[behind])


def redact_batch(batch: TextBatch) -> Redacted:
    """`batch` with every handle replaced by its placeholder; the batch itself if it holds none."""
    folded = normalise(batch)
    found = find(folded)
    if not len(found.starts):
        return Redacted(batch, folded, batch, np.zeros(len(batch), np.int64), found, found.starts)
    gained = np.concatenate(([0], np.cumsum(_SIZES[found.kinds] - (found.ends - found.starts))))
    pieces, at = [], 0
    for start, end, kind in zip(
        found.starts.tolist(), found.ends.tolist(), found.kinds.tolist(), strict=True
    ):  # per handle
        pieces += [batch.codes[at:start], np.array(_CODES[kind], np.uint32)]
        at = end
    codes = np.concatenate([*pieces, batch.codes[at:]])
    starts = batch.starts + gained[np.searchsorted(found.starts, batch.starts)]
    counts = np.bincount(batch.row_of(found.starts), minlength=len(batch)).astype(np.int64)
    return Redacted(batch, folded, TextBatch(codes, starts), counts, found, found.starts + gained[:-1])


def redact(texts: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Ints]:
    """The texts with every handle replaced by its placeholder (NULL stays), and how many were replaced in each."""
    plain = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    redacted = redact_batch(from_arrow(plain))
    return redacted.texts(plain.cast(pa.string())), redacted.counts
