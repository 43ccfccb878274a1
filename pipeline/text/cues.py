"""Cues of the lexicon (framed phrases with a reason) and the form of a text: links, emoticons, disguise, length."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.errors import PermanentError, one_line
from pipeline.text.anchors import AnchorIndex
from pipeline.text.codepoints import Ints, TextBatch

GROUPS = (
    "contact", "obfuscation", "recruit", "stock_pressure", "sell", "price", "shop_link", "call_to_action", "follow_bait",
    "lottery", "auto_share", "first_person", "affect_positive", "affect_negative", "genuine", "news_frame", "soup",
)  # fmt: skip


@dataclass(frozen=True)
class Cue:
    """One framed pattern of the lexicon, run on folded text."""

    name: str
    group: str
    weight: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Lexicon:
    """The cues, the domain words for jieba, and a hash of both: models state the lexicon they were trained with."""

    cues: tuple[Cue, ...]
    words: Path
    version: str
    anchors: AnchorIndex = field(repr=False, compare=False)

    def columns(self, *groups: str) -> list[int]:
        """The numbers of the cues in these groups."""
        return [i for i, cue in enumerate(self.cues) if cue.group in groups]


def load_lexicon(folder: Path) -> Lexicon:
    """The lexicon of `folder` (cues.toml, words.txt). Raises PermanentError naming the entry that is wrong."""
    try:
        raw, words = (folder / "cues.toml").read_bytes(), (folder / "words.txt").read_bytes()
    except OSError as error:
        raise PermanentError(
            f"lexicon {folder}: {error.strerror}; expected cues.toml and words.txt; set --corpora"
        ) from error
    try:
        entries = tomllib.loads(raw.decode("utf-8")).get("cue", [])
        cues = tuple(_cue(entry, folder) for entry in entries)
    except (ValueError, AttributeError, TypeError) as error:  # no UTF-8, no TOML, or [[cue]] holds no tables
        why = one_line(error)
        raise PermanentError(f"lexicon {folder}: cues.toml: {why}; expected TOML with [[cue]] tables") from error
    version = hashlib.sha256(raw + b"\0" + words).hexdigest()[:12]
    # The file's own examples are the sample of texts in whose characters anchors shall be rare.
    anchors = AnchorIndex([cue.pattern for cue in cues], raw.decode("utf-8"))
    return Lexicon(cues, folder / "words.txt", version, anchors)


def _cue(entry: dict[str, str], folder: Path) -> Cue:
    name, group = one_line(entry.get("name", "?")), entry.get("group", "?")
    if group not in GROUPS:
        got = one_line(group)
        raise PermanentError(f"lexicon {folder}: cue {name}: got group {got}; expected one of {', '.join(GROUPS)}")
    try:
        return Cue(name, group, entry.get("weight", "weak"), re.compile(entry["pattern"]))
    except (KeyError, TypeError, re.error) as error:
        why = f"no {error}" if isinstance(error, KeyError) else one_line(error)
        raise PermanentError(f"lexicon {folder}: cue {name}: {why}; expected a Python regular expression") from error


@dataclass(frozen=True)
class Hits:
    """Where cues stand in a batch's `joined`: half-open spans, and the number of the cue."""

    starts: Ints
    ends: Ints
    cue: Ints


def find_cues(batch: TextBatch, lexicon: Lexicon, *groups: str) -> Hits:
    """All matches of the lexicon's cues (those of `groups`, if stated) in a folded batch, by cue and place.

    A cue runs over the texts that hold a character it needs; the loop is over those, for `re` has no batch call.
    """
    joined, starts, found = batch.joined, batch.starts.tolist(), []
    for i, rows in enumerate(lexicon.anchors.candidates(batch)):
        if not groups or lexicon.cues[i].group in groups:
            finditer = lexicon.cues[i].pattern.finditer
            found += [(*m.span(), i) for row in rows.tolist() for m in finditer(joined, starts[row], starts[row + 1])]
    table = np.array(found, np.int64).reshape(-1, 3)
    return Hits(table[:, 0], table[:, 1], table[:, 2])


def count_cues(batch: TextBatch, hits: Hits, n_cues: int) -> Ints:
    """Matches per text and cue: texts by cues."""
    cells = batch.row_of(hits.starts) * n_cues + hits.cue
    return np.bincount(cells, minlength=len(batch) * n_cues).reshape(len(batch), n_cues).astype(np.int64)


# Ranges of pictographs: symbols and dingbats, emoji blocks, supplemental symbols (Unicode 16).
_PICTOGRAPHS = ((0x2600, 0x27C0), (0x2B05, 0x2B56), (0x1F000, 0x1F0FF), (0x1F200, 0x1FB00))
_MARKS = {
    "links": re.compile(r"(?:https?://|www\.|t\.cn/)[0-9a-z_./?=&%#~:;+,@!$'()*-]{2,300}"),
    "mentions": re.compile(r"@[\w\u4e00-\u9fff-]{1,30}"),
    "topics": re.compile(r"#[^#\x1e\n]{1,60}#"),
    "emoticons": re.compile(r"\[[\w\u4e00-\u9fff]{1,8}\]"),
    "placeholders": re.compile(r"〔(?:微信号|qq号|手机号|邮箱)〕"),
    "repost_chain": re.compile(r"//@"),
    "headline": re.compile(r"【[^】\x1e]{4,60}】"),
}


def count_form(batch: TextBatch) -> dict[str, Ints]:
    """Counts of form per folded text: marks (links, mentions, ...), characters by kind."""
    codes = batch.codes
    out = {name: _count(batch, pattern) for name, pattern in _MARKS.items()}
    emoji = np.zeros(len(codes), bool)
    for low, high in _PICTOGRAPHS:
        emoji |= (codes >= low) & (codes < high)
    return out | {
        "emoji": batch.count(emoji),
        "chars": batch.lengths,
        "digits": batch.count((codes >= 0x30) & (codes <= 0x39)),
        "latin": batch.count((codes >= 0x61) & (codes <= 0x7A)),
        "han": batch.count((codes >= 0x4E00) & (codes <= 0x9FFF)),
        "lines": batch.count(codes == 0x0A),
        "exclamations": batch.count((codes == 0x21) | (codes == 0xFF01)),
        "questions": batch.count((codes == 0x3F) | (codes == 0xFF1F)),
        "stops": batch.count((codes == 0x3002) | (codes == 0x2C) | (codes == 0xFF0C)),
        "tildes": batch.count((codes == 0x7E) | (codes == 0x2026) | (codes == 0xFF5E)),
    }


def _count(batch: TextBatch, pattern: re.Pattern[str]) -> Ints:
    at = np.array([m.start() for m in pattern.finditer(batch.joined)], np.int64)
    return np.bincount(batch.row_of(at), minlength=len(batch)).astype(np.int64)
