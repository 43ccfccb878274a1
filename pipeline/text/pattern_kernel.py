"""The machine: programs of pattern_program run over code points, every expression in one pass, the GIL released.

A text is copied as classes, with class 0 ("no character") behind its window and before the first text, so that no step
asks for bounds. At every place the first two characters say which branches can begin there; each is run by backtracking
with a stack of its own, in the order in which `re` tries them, so that the match is the one that `re` finds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Bytes, Codes, Ints
from pipeline.text.compiled import kernel
from pipeline.text.pattern_alphabet import FREE
from pipeline.text.pattern_program import (
    ATOMIC,
    CHECK,
    DONE,
    GROUP,
    LAZY,
    LOOK,
    POSSESSIVE,
    REPEAT,
    SET,
    SWITCH,
    WORD,
)
from pipeline.text.pattern_tables import GOLDEN, PAIR_BITS

Numbers = NDArray[np.uint32]
Shorts = NDArray[np.uint16]
Small = NDArray[np.int32]
Words = NDArray[np.uint64]
MISSED, MATCHED, GAVE_UP = range(3)
_GOLDEN, _PAIR_SHIFT = np.uint64(GOLDEN), np.uint64(64 - PAIR_BITS)
_WORD, _BIT, _ONE = np.uint64(6), np.uint64(63), np.uint64(1)


@kernel
def _at(array: Any, index: Any) -> Any:
    """A number of a table. An unsigned index spares asking whether to count from the end; a signed result spares the
    floats that Numba makes of mixed integers."""
    return np.int64(array[np.uint32(index)])


@kernel
def _in(sets: Numbers, begin: int, cls: int) -> bool:
    """Whether a class is in the set whose bits begin there."""
    return bool((_at(sets, begin + (cls >> 5)) >> (cls & 31)) & 1)


@kernel
def _list(keys: Shorts, values: Numbers, begin: int, mask: int, cls: int, otherwise: int) -> int:
    """Where the list of a class begins, by the hash table of Edges that begins there."""
    slot = cls & mask
    while _at(keys, begin + slot) != cls:
        if _at(keys, begin + slot) == FREE:
            return otherwise
        slot = (slot + 1) & mask
    return int(_at(values, begin + slot))


@kernel
def _push(stack: Numbers, top: int, pc: int, x: int, y: int) -> int:
    """Note a choice; the new top."""
    stack[np.uint32(top)], stack[np.uint32(top + 1)], stack[np.uint32(top + 2)] = pc, x, y
    return top + 3


@kernel
def _back(sets: Numbers, follow: int, text: Shorts, p: int, least: int) -> int:
    """The last place up to `p` whose class is in a set; least - 1 if there is none from `least` on."""
    while p >= least and not _in(sets, follow, _at(text, p)):
        p -= 1
    return p


@kernel
def _read(codes: Codes, begin: int, length: int, classes: Shorts, lead: int, text: Shorts, seen: Ints) -> None:
    """Copy a text as classes, behind `lead` characters that stand before it; note where each class stands last."""
    for i in range(lead):
        text[i] = classes[codes[begin - lead + i]] if begin - lead + i >= 0 else 0
    for i in range(length):
        cls = classes[codes[np.uint32(begin + i)]]
        text[np.uint32(lead + i)] = cls
        seen[cls] = begin + i
    text[lead + length] = text[lead + length + 1] = 0


@kernel
def _places(text: Shorts, lead: int, length: int, pairs: Words, alone: Numbers, places: Numbers) -> int:
    """Where a branch can begin; how many places. Places that their two classes exclude cost no jump."""
    n_places, size = 0, np.uint64(len(alone))
    for i in range(lead, lead + length):
        one, two = _at(text, i), _at(text, i + 1)
        pair = ((np.uint64(one) * size + np.uint64(two)) * _GOLDEN) >> _PAIR_SHIFT
        places[np.uint32(n_places)] = i
        n_places += np.int64((pairs[pair >> _WORD] >> (pair & _BIT)) & _ONE) | (_at(alone, one) != 0)
    return n_places


@kernel
def _count_kinds(text: Shorts, lead: int, length: int, kinds: Bytes, counts: Small) -> None:
    """Add the characters of a text by kind."""
    for i in range(lead, lead + length):
        counts[kinds[_at(text, i)]] += 1


@kernel
def scan(
    codes: Codes, starts: Ints, row: int, classes: Shorts, alone: Numbers, tables: Numbers, pairs: Words, keys: Shorts,
    values: Numbers, lists: Numbers, rows: Numbers, words: Shorts, sets: Numbers, active: Small, kinds: Bytes, lead: int,
    patience: int, text: Shorts, places: Numbers, seen: Ints, stack: Numbers, free: Ints, counts: Small, forms: Small,
    hits: Ints, given_up: Ints, found: Ints,
) -> int:  # fmt: skip
    """Matches of all active expressions in texts `row` onward; the text before which it stopped for want of room.

    active: per expression how many characters before the place of its prefix a match begins; -1 where it is not asked for.
    text, places, seen, stack, free: scratch; seen holds per class where it stood last, free per expression where its last
    match ended. counts: texts by expressions, or no rows. forms: texts by kinds, or no rows. hits (5 columns: start, end,
    expression, ends of group 1 or -1) and given_up (text, expression, where to go on) are filled from found[0] and
    found[1] on.
    """
    size, width = len(alone), len(alone) // 32 + 1
    while row < len(starts) - 1:
        begin, length = starts[row], starts[row + 1] - starts[row]
        n_hits, n_given_up, full = found[0], found[1], len(given_up) - found[1] < len(active)
        away = begin - lead
        _read(codes, begin, length, classes, lead, text, seen)
        n_places = 0 if full else _places(text, lead, length, pairs, alone, places)
        if len(forms):
            _count_kinds(text, lead, length, kinds, forms[row])
        for at in range(n_places):
            place = _at(places, at)
            one, two, three = _at(text, place), _at(text, place + 1), _at(text, place + 2)
            entry = _list(keys, values, _at(tables, 2 * one), _at(tables, 2 * one + 1), two, _at(alone, one))
            while _at(lists, entry):
                number, pc, need = _at(lists, entry) - 1, _at(lists, entry + 1), _at(lists, entry + 2)
                third = _at(lists, entry + 3)
                entry += 4
                if third and third != three and (third < size or not _in(sets, (third - size) * width, three)):
                    continue
                start = place - _at(active, number)
                if _at(active, number) < 0 or start < lead or start + away < _at(free, number):
                    continue
                if need:
                    while _at(lists, need) and _at(seen, _at(lists, need)) <= start + away:
                        need += 1
                    if not _at(lists, need):
                        continue
                # -------- the machine: row `pc` at character `pos`, until MATCH or until nothing is left to try
                pos, top, frame, steps, opened, closed, ended = start, 0, 0, 0, 0, 0, MISSED
                while True:
                    if top + 3 > len(stack) or steps > patience:
                        ended = GAVE_UP
                        break
                    this, goes_on = 8 * pc, False
                    op, then, a, cls = _at(rows, this), _at(rows, this + 1), _at(rows, this + 2), _at(text, pos)
                    if op == WORD:
                        k, n = 0, _at(rows, this + 3)
                        while k < n and _at(words, a + k) == _at(text, pos + k):
                            k += 1
                        if k == n:
                            pos, pc, goes_on = pos + n, then, True
                    elif op == SET:
                        if _in(sets, a, cls):
                            pos, pc, goes_on = pos + 1, then, True
                    elif op == SWITCH:
                        branch = _list(keys, values, a, _at(rows, this + 3), cls, _at(rows, this + 4))
                        if _at(lists, branch):
                            if _at(lists, branch + 1):
                                top = _push(stack, top, pc, branch + 1, pos)
                            pc, goes_on = _at(lists, branch), True
                    elif REPEAT <= op <= POSSESSIVE:
                        p, least, most = pos, pos + _at(rows, this + 3), pos + _at(rows, this + 4)
                        while p < most and _in(sets, a, _at(text, p)):
                            p += 1
                        if op == REPEAT:  # no shorter than `least`, and what follows can begin there
                            p = _back(sets, _at(rows, this + 5), text, p, least)
                            if p > least:
                                top = _push(stack, top, pc, p, least)
                        if p >= least:
                            pos, pc, goes_on = p, then, True
                    elif op == CHECK:
                        if _in(sets, a, _at(text, pos - _at(rows, this + 3))) != (_at(rows, this + 4) != 0):
                            pc, goes_on = then, True
                    elif op == LOOK:
                        ahead = pos - _at(rows, this + 3)
                        if _in(sets, _at(rows, this + 5), _at(text, ahead)):
                            top, frame = _push(stack, top, pc, pos, frame), top
                            pos, pc, goes_on = ahead, a, True
                        elif _at(rows, this + 4):  # its body cannot begin here, and shall not
                            pc, goes_on = then, True
                    elif op == ATOMIC:
                        top, frame = _push(stack, top, pc, pos, frame), top
                        pc, goes_on = a, True
                    elif op == DONE:  # a body has matched: drop the choices it left
                        top, this, frame = frame, 8 * _at(stack, frame), _at(stack, frame + 2)
                        pc, goes_on = _at(rows, this + 1), True
                        if _at(rows, this) == LOOK:
                            pos, goes_on = _at(stack, top + 1), _at(rows, this + 4) == 0
                    elif op == LAZY:
                        p, least, most = pos, pos + _at(rows, this + 3), pos + _at(rows, this + 4)
                        while p < least and _in(sets, a, _at(text, p)):
                            p += 1
                        if p == least:
                            top = _push(stack, top, pc, p, most)
                            pos, pc, goes_on = p, then, True
                    elif op == GROUP:
                        top = _push(stack, top, pc, opened, closed)
                        if a:
                            closed = pos
                        else:
                            opened = pos
                        pc, goes_on = then, True
                    else:
                        ended = MATCHED
                        break
                    if goes_on:
                        continue
                    # -------- back to the last choice that is not used up
                    steps += 1
                    while top and not goes_on:
                        top -= 3
                        pc, x, y = _at(stack, top), _at(stack, top + 1), _at(stack, top + 2)
                        this = 8 * pc
                        op, then = _at(rows, this), _at(rows, this + 1)
                        if op == SWITCH:
                            if _at(lists, x + 1):
                                top = _push(stack, top, pc, x + 1, y)
                            pos, pc, goes_on = y, _at(lists, x), True
                        elif op == REPEAT:
                            p = _back(sets, _at(rows, this + 5), text, x - 1, y)
                            if p > y:
                                top = _push(stack, top, pc, p, y)
                            if p >= y:
                                pos, pc, goes_on = p, then, True
                        elif op == LAZY:
                            if x < y and _in(sets, _at(rows, this + 2), _at(text, x)):
                                top = _push(stack, top, pc, x + 1, y)
                                pos, pc, goes_on = x + 1, then, True
                        elif op == GROUP:
                            opened, closed = x, y
                        else:
                            frame = y
                            if op == LOOK and _at(rows, this + 4):
                                pos, pc, goes_on = x, then, True
                    if not goes_on:
                        break
                # -------- what became of it
                if ended == MATCHED:
                    free[number] = pos + away
                    if len(counts):
                        counts[row, number] += 1
                    if n_hits < len(hits):
                        hits[n_hits, 0], hits[n_hits, 1], hits[n_hits, 2] = start + away, pos + away, number
                        hits[n_hits, 3] = opened + away if closed else -1
                        hits[n_hits, 4] = closed + away if closed else -1
                        n_hits += 1
                    elif len(hits):
                        full = True
                elif ended == GAVE_UP:
                    given_up[n_given_up, 0], given_up[n_given_up, 1], given_up[n_given_up, 2] = (
                        row,
                        number,
                        start + away,
                    )
                    n_given_up += 1
                    free[number] = starts[row + 1]
        if full:  # the text is read again once there is more room
            free[:] = begin
            if len(counts):
                counts[row] = 0
            if len(forms):
                forms[row] = 0
            return row
        found[0], found[1] = n_hits, n_given_up
        row += 1
    return row
