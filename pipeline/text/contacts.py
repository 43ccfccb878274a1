"""Find contact handles (WeChat and QQ ids, phones, mail) in folded texts and replace them by typed placeholders.

Handles are replaced before any feature, reason, exemplar or hash is made, so that no table outside the restricted zone
holds one. A handle needs a cue beside it (微信: ..., qq ...), except phone numbers and mail addresses, whose own form says
what they are. Links stay: they say what kind of shop a post leads to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.text.codepoints import Ints, TextBatch, from_arrow, from_codes, to_arrow
from pipeline.text.normalise import Normalised, normalise

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
_HANDLE = "[a-z](?: ?[-_a-z0-9]){5,19}(?![a-z0-9])"
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
_COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


@dataclass(frozen=True)
class Contacts:
    """Where handles stand: half-open spans of the original batch's `joined`, sorted, apart; and their kinds."""

    starts: Ints
    ends: Ints
    kinds: list[str]


def find(folded: Normalised) -> Contacts:
    """The handles of a batch, found in its folded form; spans of the original."""
    joined = folded.batch.joined
    found = [
        (match.start(match.lastindex or 0), rank, match.end(match.lastindex or 0), name.partition("_")[0])
        for rank, (name, pattern) in enumerate(_COMPILED.items())
        for match in pattern.finditer(joined)  # one pass over the whole batch; the loops are per hit
    ]
    spans: list[tuple[int, int, str]] = []
    for start, _, end, kind in sorted(found):  # of patterns that meet at one place the first says what it is
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), spans[-1][2])
        else:
            spans.append((start, end, kind))
    starts = np.array([s for s, _, _ in spans], np.int64)
    ends = np.array([e for _, e, _ in spans], np.int64)
    first, last = folded.span(starts, ends) if spans else (starts, ends)
    return Contacts(first, last, [kind for _, _, kind in spans])


@dataclass(frozen=True)
class Redacted:
    """The batch with placeholders, and handles per text; for each of its code points where in the original's `joined`
    that for which it stands begins and ends: itself, or for any part of a placeholder the whole handle."""

    original: TextBatch
    batch: TextBatch
    first: Ints
    last: Ints
    counts: Ints

    def span(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Half-open spans of the redacted `joined` as half-open spans of the original's (empty stays empty)."""
        return self.first[start], np.where(end > start, self.last[np.maximum(end - 1, start)], self.first[start])


def redact_batch(batch: TextBatch) -> Redacted:
    """`batch` with every handle replaced by its placeholder."""
    found = find(normalise(batch))
    codes, first, last, at = [], [], [], 0
    for start, end, kind in zip(found.starts.tolist(), found.ends.tolist(), found.kinds, strict=True):  # per handle
        placeholder = np.array([ord(c) for c in PLACEHOLDERS[kind]], np.uint32)
        codes += [batch.codes[at:start], placeholder]
        first += [np.arange(at, start), np.full(len(placeholder), start)]
        last += [np.arange(at, start) + 1, np.full(len(placeholder), end)]
        at = end
    codes.append(batch.codes[at:])
    first.append(np.arange(at, len(batch.codes)))
    last.append(first[-1] + 1)
    counts = np.bincount(batch.row_of(found.starts), minlength=len(batch)).astype(np.int64)
    return Redacted(batch, from_codes(np.concatenate(codes)), np.concatenate(first), np.concatenate(last), counts)


def redact(texts: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, Ints]:
    """The texts with every handle replaced by its placeholder, and how many were replaced in each."""
    redacted = redact_batch(from_arrow(texts))
    return to_arrow(redacted.batch), redacted.counts
