"""jieba's precise mode with HMM over an array of code points: jieba 0.42.1's own algorithm, token for token.

Per text: the best path from right to left over the words that begin at each character (ties go to the longer word, sums in
jieba's order, so every float is jieba's), then runs of lone characters through finalseg's hidden Markov model. Both are
linear in the length, in time and memory.

Tried and lost, with what it cost (40,000 posts of 61 characters, variants in turn): rjieba with corrections, half the posts
a second, and 19% of posts full of links different without them; signed indices, half slower, since Numba then checks each for
below zero; separate arrays instead of records for the nodes, 15% slower; no `pair` pass, 10% slower (it has no branch to
mispredict, and its cache misses overlap); choosing the best word without a branch, or testing first whether a node has
children, 15% slower. Log probabilities by an index of 5,000 frequencies: the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.codepoints import Codes, Ints
from pipeline.text.compiled import kernel

Floats = NDArray[np.float64]
# Classes of characters by rank (jieba_build.py): 0 outside jieba's words, 1-62 ASCII letters and digits, then +#&._%- , then
# the 20,950 Chinese characters of its regular expressions.
SYMBOLS, HAN = 63, 70
BMP = 0x10000
# Indices stay unsigned, and two of them give one: an unsigned with a plain Python number would be a float in Numba.
_ZERO, _ONE, _TWO = np.uint64(0), np.uint64(1), np.uint64(2)
_BMP, _SYMBOLS, _HAN = np.uint64(BMP), np.uint64(SYMBOLS), np.uint64(HAN)
_CR, _LF, _DOT, _PERCENT, _NOUGHT, _TEN = (np.uint64(code) for code in b"\r\n.%0\n")
_STATES = np.uint64(3)  # a state of the model in two bits: B 0, M 1, E 2, S 3


@kernel
def cut_kernel(
    codes: Codes,
    texts: Ints,
    rank: NDArray[np.uint16],
    nodes: Any,  # records (weight, check, base): a double-array trie
    numbers: NDArray[np.int32],
    forced: NDArray[np.bool_],
    emit: Floats,
    odds: Floats,
    others: NDArray[np.uint32],
    other_numbers: NDArray[np.int32],
    ids: NDArray[np.int32],
    starts: Ints,
    ends: Ints,
    offsets: Ints,
) -> Any:
    """Write the tokens of every text to ids, starts, ends (as long as codes) and offsets; how many there are.

    Tables as in jieba_build.Tables. Every text in `codes` ends with a separator, whose rank is 0, so that no walk leaves it.
    """
    longest = 0
    for row in range(len(texts) - 1):
        longest = max(longest, texts[row + 1] - texts[row])
    r = np.empty(longest + 1, np.uint32)  # rank of each character
    pair = np.empty(longest + 1, np.uint32)  # at i: node of the characters i-1 and i, 0 for none
    score = np.empty(longest + 1, np.float64)  # of the best path from here to the end of the block
    end = np.empty(longest + 1, np.uint32)  # where the token that begins here ends
    node_of = np.empty(longest + 1, np.uint32)  # its node, 0 for one yet to be looked up
    back = np.empty(longest + 1, np.uint8)
    unknown, start_b, start_m, start_e, start_s = odds[0], odds[1], odds[2], odds[3], odds[4]
    be, bm, eb, es, me, mm, sb, ss = odds[5], odds[6], odds[7], odds[8], odds[9], odds[10], odds[11], odds[12]
    none = -np.inf
    n_others = len(others)
    k = _ZERO
    for row in range(len(texts) - 1):
        offsets[row] = k
        a = np.uint64(texts[row])
        n = np.uint64(texts[row + 1]) - a - _ONE
        for j in range(n + _ONE):
            code = codes[a + j]
            r[j] = rank[code if code < _BMP else _ZERO]
        for j in range(n):
            t = nodes[r[j]].base + r[j + _ONE]
            pair[j + _ONE] = t if nodes[t].check == r[j] else _ZERO

        # The best path: jieba's calc over its DAG.
        score[n] = 0.0
        i = n
        while i > _ZERO:
            i = i - _ONE
            x = i + _ONE
            if r[i] == _ZERO:
                score[i] = 0.0
                node_of[i] = _ZERO
                end[i] = x + _ONE if codes[a + i] == _CR and codes[a + x] == _LF else x
                continue
            best_end, best_node = x, r[i]
            best = nodes[r[i]].weight + score[x]
            t = pair[x]
            while t != _ZERO:
                x = x + _ONE
                found = nodes[t].weight + score[x]
                if found >= best:
                    best, best_end, best_node = found, x, t
                node = t
                t = nodes[node].base + r[x]
                if nodes[t].check != node:
                    break
            if best == none:  # no word begins here
                best_end, best_node = i + _ONE, r[i]
                best = unknown + score[i + _ONE]
            score[i], end[i], node_of[i] = best, best_end, best_node

        # Runs of lone characters that are no word: finalseg.
        x = _ZERO
        while x < n:
            y = np.uint64(end[x])
            if y != x + _ONE or r[x] == _ZERO:
                x = y
                continue
            while r[y] != _ZERO and end[y] == y + _ONE:
                y = y + _ONE
            if y == x + _ONE:
                x = y
                continue
            t, i = pair[x + _ONE], x + _TWO
            while t != _ZERO and i < y:
                node = t
                t = nodes[node].base + r[i]
                if nodes[t].check != node:
                    t = _ZERO
                i = i + _ONE
            if t != _ZERO and nodes[t].weight != none:
                x = y
                continue
            while x < y:
                z = x + _ONE
                if r[x] < _HAN:
                    if r[x] < _SYMBOLS:  # [a-zA-Z0-9]+(\.\d+)?%?
                        while z < y and r[z] < _SYMBOLS:
                            z = z + _ONE
                        if codes[a + z] == _DOT:
                            w = z + _ONE
                            while w < y and _NOUGHT <= codes[a + w] < _NOUGHT + _TEN:
                                w = w + _ONE
                            z = w if w > z + _ONE else z
                        if z < y and codes[a + z] == _PERCENT:
                            z = z + _ONE
                    else:
                        while z < y and _SYMBOLS <= r[z] < _HAN:
                            z = z + _ONE
                    end[x] = z
                    if z > x + _ONE:
                        node_of[x] = _ZERO
                    x = z
                    continue
                c = r[x]
                b, m = start_b + emit[c, 0], start_m + emit[c, 1]
                e, s = start_e + emit[c, 2], start_s + emit[c, 3]
                while z < y and r[z] >= _HAN:
                    c = r[z]
                    p, q = e + eb + emit[c, 0], s + sb + emit[c, 0]
                    from_s = q >= p  # of equal chances the greater letter
                    new_b = q if from_s else p
                    p, q = b + bm + emit[c, 1], m + mm + emit[c, 1]
                    to_m = q >= p
                    new_m = q if to_m else p
                    p, q = b + be + emit[c, 2], m + me + emit[c, 2]
                    to_e = q >= p
                    new_e = q if to_e else p
                    p, q = e + es + emit[c, 3], s + ss + emit[c, 3]
                    to_s = q >= p
                    new_s = q if to_s else p
                    b, m, e, s = new_b, new_m, new_e, new_s
                    # Two bits for each state: the one before it.
                    back[z] = (2 + from_s) | (to_m << 2) | (to_e << 4) | ((2 + to_s) << 6)
                    z = z + _ONE
                state = _STATES if s >= e else _TWO
                i, last = z, z
                while i > x:  # from the end: a state B, or S, or the run's begin, opens the token that ends at `last`
                    i = i - _ONE
                    before = (np.uint64(back[i]) >> (state << _ONE)) & _STATES
                    if i == x or before >= _TWO:
                        end[i] = last
                        if last > i + _ONE:
                            node_of[i] = _ZERO
                        last = i
                    state = before
                x = z

        # The tokens, looked up where the path had no node.
        x = _ZERO
        while x < n:
            y, node = np.uint64(end[x]), np.uint64(node_of[x])
            if node == _ZERO and r[x] != _ZERO:
                node, i = np.uint64(pair[x + _ONE]), x + _TWO
                while node != _ZERO and i < y:
                    t = nodes[node].base + r[i]
                    node = t if nodes[t].check == node else _ZERO
                    i = i + _ONE
                if forced[node] and r[x] >= _HAN:  # a word that the user wants split
                    for j in range(x, y):
                        end[j], node_of[j] = j + _ONE, r[j]
                    continue
            number = numbers[node]
            if n_others and r[x] == _ZERO and y == x + _ONE:
                place = np.searchsorted(others, codes[a + x])
                if place < n_others and others[place] == codes[a + x]:
                    number = other_numbers[place]
            ids[k], starts[k], ends[k] = number, a + x, a + y
            k = k + _ONE
            x = y
    offsets[len(texts) - 1] = k
    return k


@kernel
def byte_ends(codes: Codes, starts: Ints, ends: Ints, begin: int, offsets: NDArray[np.int32]) -> None:
    """Write to offsets (one more than tokens) the byte of their UTF-8 at which each begins and the last ends, from `begin`.

    A surrogate counts as one byte: to_arrow writes a question mark.
    """
    at = begin
    for k in range(len(ends)):
        offsets[k] = at
        for i in range(starts[k], ends[k]):
            code = codes[i]
            wide = 1 + (code >= 0x80) + (code >= 0x800) + (code >= BMP)
            at += 1 if 0xD800 <= code < 0xE000 else wide
    offsets[len(ends)] = at
