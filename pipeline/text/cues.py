"""Cues of the lexicon (framed phrases with a reason) and the form of a text: links, emoticons, disguise, length."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PermanentError, one_line
from pipeline.text.codepoints import Ints, TextBatch
from pipeline.text.pattern_alphabet import PatternError, Ranges
from pipeline.text.patterns import Matches, Patterns

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
    expression: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The expression as `re` compiles it."""
        return re.compile(self.expression)


@dataclass(frozen=True)
class Lexicon:
    """The cues, the domain words for jieba, and a hash of both: models state the lexicon they were trained with.

    `machine` finds the cues, by their numbers, and behind them the marks of form.
    """

    cues: tuple[Cue, ...]
    words: Path
    version: str
    machine: Patterns = field(repr=False, compare=False)

    @cached_property
    def auto_share(self) -> Patterns:
        """What finds the strong cues of texts that an app wrote, and nothing else: cleaning asks for no more."""
        strong = [(c.name, c.expression) for c in self.cues if c.group == "auto_share" and c.weight == "strong"]
        return Patterns(strong, keep=True)

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
    return Lexicon(cues, folder / "words.txt", version, _machine(cues, entries, folder))


def _cue(entry: dict[str, str], folder: Path) -> Cue:
    name, group = one_line(entry.get("name", "?")), entry.get("group", "?")
    if group not in GROUPS:
        got = one_line(group)
        raise PermanentError(f"lexicon {folder}: cue {name}: got group {got}; expected one of {', '.join(GROUPS)}")
    if not isinstance(entry.get("pattern"), str):
        raise PermanentError(f"lexicon {folder}: cue {name}: no 'pattern'; expected a Python regular expression")
    return Cue(name, group, entry.get("weight", "weak"), entry["pattern"])


def _machine(cues: tuple[Cue, ...], entries: list[dict[str, Any]], folder: Path) -> Patterns:
    """The cues and the marks of form, compiled; the examples show which characters are common."""
    lists = [entry.get(key) for entry in entries for key in ("examples", "counter")]
    sample = " ".join(str(text) for texts in lists if isinstance(texts, list) for text in texts)
    expressions = [*((cue.name, cue.expression) for cue in cues), *_MARKS.items()]
    try:
        return Patterns(expressions, kinds=tuple(_KINDS.values()), sample=sample, keep=True)
    except PatternError as error:
        raise PermanentError(
            f"lexicon {folder}: cue {one_line(error)}; expected a Python regular expression that pipeline.text.patterns knows"
        ) from error


@dataclass(frozen=True)
class Hits:
    """Where cues stand in a batch's `joined`: half-open spans, and the number of the cue."""

    starts: Ints
    ends: Ints
    cue: Ints


@dataclass(frozen=True)
class CueReading:
    """What is told by cues and form: where cues stand, matches per text and cue (texts by cues), and the form."""

    hits: Hits
    cue_counts: NDArray[np.int32]
    form: dict[str, Ints]


def find_cues(batch: TextBatch, lexicon: Lexicon, *groups: str) -> Hits:
    """All matches of the lexicon's cues (those of `groups`, if stated) in a folded batch, by cue and place."""
    wanted = lexicon.columns(*groups) if groups else list(range(len(lexicon.cues)))
    return _hits(lexicon.machine.find(batch, wanted), len(lexicon.cues))


def read_cues(batch: TextBatch, lexicon: Lexicon, *, places: bool = True) -> CueReading:
    """What find_cues, count_cues and count_form find, in one pass; no hits unless their `places` are asked for."""
    found = lexicon.machine.scan(batch, matches=places, counts=True, kinds=True)
    n = len(lexicon.cues)
    counts, marks = np.ascontiguousarray(found.counts[:, :n]), found.counts[:, n:]
    return CueReading(_hits(found.matches, n), counts, _form(batch, marks, found.kinds))


def _hits(found: Matches, n_cues: int) -> Hits:
    end = int(np.searchsorted(found.number, n_cues))  # behind the cues come the marks
    return Hits(found.starts[:end], found.ends[:end], found.number[:end])


def count_cues(batch: TextBatch, hits: Hits, n_cues: int) -> Ints:
    """Matches per text and cue: texts by cues."""
    cells = batch.row_of(hits.starts) * n_cues + hits.cue
    return np.bincount(cells, minlength=len(batch) * n_cues).reshape(len(batch), n_cues).astype(np.int64)


_MARKS = {
    "links": r"(?:https?://|www\.|t\.cn/)[0-9a-z_./?=&%#~:;+,@!$'()*-]{2,300}",
    "mentions": r"@[\w\u4e00-\u9fff-]{1,30}",
    "topics": r"#[^#\x1e\n]{1,60}#",
    "emoticons": r"\[[\w\u4e00-\u9fff]{1,8}\]",
    "placeholders": r"〔(?:微信号|qq号|手机号|邮箱)〕",
    "repost_chain": r"//@",
    "headline": r"【[^】\x1e]{4,60}】",
}
_KINDS: dict[str, Ranges] = {
    # Pictographs: symbols and dingbats, emoji blocks, supplemental symbols (Unicode 16).
    "emoji": ((0x2600, 0x27C0), (0x2B05, 0x2B56), (0x1F000, 0x1F0FF), (0x1F200, 0x1FB00)),
    "digits": ((0x30, 0x3A),),
    "latin": ((0x61, 0x7B),),
    "han": ((0x4E00, 0xA000),),
    "lines": ((0x0A, 0x0B),),
    "exclamations": ((0x21, 0x22), (0xFF01, 0xFF02)),
    "questions": ((0x3F, 0x40), (0xFF1F, 0xFF20)),
    "stops": ((0x2C, 0x2D), (0x3002, 0x3003), (0xFF0C, 0xFF0D)),
    "tildes": ((0x7E, 0x7F), (0x2026, 0x2027), (0xFF5E, 0xFF5F)),
}


def count_form(batch: TextBatch) -> dict[str, Ints]:
    """Counts of form per folded text: marks (links, mentions, ...), characters by kind."""
    found = _marks().scan(batch, counts=True, kinds=True)
    return _form(batch, found.counts, found.kinds)


@lru_cache(maxsize=1)
def _marks() -> Patterns:
    return Patterns([*_MARKS.items()], kinds=tuple(_KINDS.values()), keep=True)


def _form(batch: TextBatch, marks: NDArray[np.int32], kinds: NDArray[np.int32]) -> dict[str, Ints]:
    """The counts by name; models are trained with this order."""
    named = dict(zip((*_MARKS, *_KINDS), (*marks.T, *kinds.T), strict=True))
    order = (*_MARKS, "emoji", "chars", *(name for name in _KINDS if name != "emoji"))
    return {name: batch.lengths if name == "chars" else named[name].astype(np.int64) for name in order}
