"""jieba's dictionary, a user's words and finalseg's model as the arrays of jieba_kernel.py.

jieba itself reads the dictionaries (load_userdict computes the frequencies that are not given), and every logarithm is taken
as it takes it, so that sums and ties come out as jieba's. The trie is a double array: the child of node t by a character of
rank r is u = base[t] + r if check[u] == t. That is exact: no two words can be confused, whatever the dictionary.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.text.compiled import kernel
from pipeline.text.jieba_kernel import BMP, HAN

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NODE = np.dtype([("weight", "f8"), ("check", "u4"), ("base", "u4")])
_NOBODY = 0xFFFFFFFF  # check of a place that is no node
_NARROW = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+#&._%-"  # ranks 1-69; 63 on are symbols
_HAN_FIRST, _HAN_LAST = 0x4E00, 0x9FD5
_WARMEST = 10**15  # frequencies above count as this in what only orders the nodes


@dataclass(frozen=True)
class Tables:
    """What the kernel reads. Ranks and nodes of one character are the same numbers; node 0 is none."""

    rank: NDArray[np.uint16]  # by code point of the basic plane
    nodes: NDArray[Any]  # NODE records: log probability as a word (-inf for none), parent, place of the children
    numbers: NDArray[np.int32]  # by node: the word's index in `words`, -1 for none
    forced: NDArray[np.bool_]  # by node: a word of frequency 0 given by the user, which the HMM may not make
    emit: Floats  # by rank: the emission of B, M, E, S
    odds: Floats  # log probability of no word; start of B, M, E, S; steps BE BM EB ES ME MM SB SS
    others: NDArray[np.uint32]  # code points, ascending, of one-character words that jieba takes for no word character
    other_numbers: NDArray[np.int32]
    words: NDArray[np.uint8]  # every word by its number, UTF-8, a line each


@dataclass(frozen=True)
class Dictionary:
    """The words by number, their frequencies (0: never by the dictionary), those never by the HMM, and jieba's total."""

    words: list[str]
    frequencies: list[int]
    forced: frozenset[str]
    total: int


def read_dictionary(main: bytes, user: bytes | None) -> Dictionary:
    """The words of a main dictionary in its order, then those of a user dictionary not in it; jieba parses both.

    Raises ValueError for what jieba cannot read.
    """
    import jieba
    from jieba import finalseg

    added: dict[str, None] = {}
    forced = set()

    class Recorder(jieba.Tokenizer):  # type: ignore[misc]
        def add_word(self, word: str, freq: str | None = None, tag: str | None = None) -> None:
            others = word in finalseg.Force_Split_Words
            super().add_word(word, freq, tag)
            added[word] = None
            if freq is not None and int(freq) == 0:
                forced.add(word)
                if not others:  # a set that all tokenizers of the process share
                    finalseg.Force_Split_Words.discard(word)

    tokenizer = Recorder()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(io.BytesIO(main))
    tokenizer.initialized = True
    words = dict.fromkeys(line.strip().split(b" ", 1)[0].decode() for line in io.BytesIO(main))
    if user is not None:
        tokenizer.load_userdict(io.BytesIO(user))
    every = list(words | added)
    return Dictionary(every, [tokenizer.FREQ[word] for word in every], frozenset(forced), tokenizer.total)


def build_tables(dictionary: Dictionary) -> Tables:
    """The arrays of a dictionary; some 2 s for jieba's own."""
    codes, bounds = _flat(dictionary.words)
    warmth = np.array([min(f, _WARMEST) for f in dictionary.frequencies], np.float64)
    rank = _ranks(codes, np.repeat(warmth, np.diff(bounds)))
    ranks = np.where(codes < BMP, rank[np.minimum(codes, BMP - 1)], 0).astype(np.int64)
    within = np.minimum.reduceat(ranks, bounds[:-1]) > 0 if len(bounds) > 1 else np.zeros(0, np.bool_)
    trie = _grow(ranks, bounds, np.flatnonzero(within), int(rank.max()))
    place, nodes = _lay_out(trie, warmth)
    at = place[trie.node_of[within]]  # of each word within
    numbers = np.full(len(nodes), -1, np.int32)
    numbers[at] = np.flatnonzero(within)
    log_total = math.log(dictionary.total)
    logs = {f: math.log(f) - log_total if f else -math.inf for f in set(dictionary.frequencies)}
    nodes["weight"][at] = np.array([logs[f] for f in dictionary.frequencies])[within]
    forced = np.zeros(len(nodes), np.bool_)
    forced[at] = np.array([word in dictionary.forced for word in dictionary.words], np.bool_)[within]
    lone = np.flatnonzero(~within & (np.diff(bounds) == 1))
    lone = lone[np.argsort(codes[bounds[lone]])]
    emit, steps = _model(rank)
    return Tables(
        rank,
        nodes,
        numbers,
        forced,
        emit,
        np.array([math.log(1) - log_total, *steps]),
        codes[bounds[lone]],
        lone.astype(np.int32),
        np.frombuffer("\n".join(dictionary.words).encode(), np.uint8),
    )


def _flat(words: list[str]) -> tuple[NDArray[np.uint32], Ints]:
    """All code points, and where each word begins (one more than words)."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    return codes, np.cumsum([0, *map(len, words)])


def _ranks(codes: NDArray[np.uint32], warmth: Floats) -> NDArray[np.uint16]:
    """The rank of each code point: frequent characters first, so that what is often read lies together."""
    low = codes < BMP
    score = np.bincount(codes[low], weights=warmth[low], minlength=BMP)
    rank = np.zeros(BMP, np.uint16)
    rank[[ord(c) for c in _NARROW]] = np.arange(1, HAN)
    han = np.arange(_HAN_FIRST, _HAN_LAST + 1)
    rank[han[np.argsort(-score[han], kind="stable")]] = np.arange(HAN, HAN + len(han))
    return rank


@dataclass(frozen=True)
class _Trie:
    """Prefixes level by level: parent and rank of each (those of one character are their ranks), and each word's node."""

    parent: Ints
    rank: Ints
    node_of: Ints
    ones: int  # prefixes of one character, 0 included


def _grow(ranks: Ints, bounds: Ints, words: Ints, last_rank: int) -> _Trie:
    node_of = np.full(len(bounds) - 1, -1, np.int64)
    parents, chars = [np.zeros(last_rank + 1, np.int64)], [np.arange(last_rank + 1)]
    count, depth = last_rank + 1, 1
    alive, node = words, ranks[bounds[words]]
    while len(alive):
        done = bounds[alive + 1] - bounds[alive] == depth
        node_of[alive[done]] = node[done]
        alive, node = alive[~done], node[~done]
        keys, inverse = np.unique(node << 16 | ranks[bounds[alive] + depth], return_inverse=True)
        parents.append(keys >> 16)
        chars.append(keys & 0xFFFF)
        node = count + inverse
        count, depth = count + len(keys), depth + 1
    return _Trie(np.concatenate(parents), np.concatenate(chars), node_of, last_rank + 1)


def _lay_out(trie: _Trie, warmth: Floats) -> tuple[Ints, NDArray[Any]]:
    """Where each prefix lies, and the nodes; rows of children in order of how often jieba's words pass through them."""
    heat = np.bincount(trie.node_of[trie.node_of >= 0], warmth[trie.node_of >= 0], len(trie.parent))
    below = np.zeros(len(heat))
    for node in range(len(heat) - 1, trie.ones - 1, -1):  # half a million additions, once: children come after parents
        below[trie.parent[node]] += heat[node] + below[node]
    children = np.arange(trie.ones, len(heat))
    children = children[np.lexsort((trie.rank[children], trie.parent[children]))]
    parents, first = np.unique(trie.parent[children], return_index=True)
    first = np.append(first, len(children)).astype(np.int64)
    order = np.argsort(-below[parents], kind="stable")
    base = np.zeros(len(parents), np.int64)
    last = _place(order, first, trie.rank[children], trie.ones, base)
    place = np.arange(len(heat))
    place[children] = np.repeat(base, np.diff(first)) + trie.rank[children]
    nodes = np.zeros(last + trie.ones + 1, NODE)  # no walk from any node leaves it
    nodes["weight"], nodes["check"] = -np.inf, _NOBODY
    nodes["check"][place[children]] = place[trie.parent[children]]
    nodes["base"][place[parents]] = base
    return place, nodes


@kernel
def _place(order: Ints, first: Ints, ranks: Ints, begin: int, base: Ints) -> int:
    """Give each row of children the first places from `begin` that are free for all of them; the last place taken.

    Row k is ranks[first[k]:first[k+1]]. Rows of one size start to search where the last such row was put.
    """
    used = np.zeros(1 << 21, np.bool_)
    hint = np.full(64, begin, np.int64)
    last = begin
    for k in order:
        row = ranks[first[k] : first[k + 1]]
        size = min(len(row), 63)
        at = max(hint[size], row[0] + 1)  # base 0 is for nodes without children
        while True:
            if at + row[-1] >= len(used):
                used = np.concatenate((used, np.zeros(len(used), np.bool_)))
            free = True
            for rank in row:
                if used[at - row[0] + rank]:
                    free = False
                    break
            if free:
                break
            at += 1
        base[k] = at - row[0]
        hint[size] = at
        for rank in row:
            used[base[k] + rank] = True
        last = max(last, base[k] + row[-1])
    return last


def _model(rank: NDArray[np.uint16]) -> tuple[Floats, list[float]]:
    """finalseg's emissions by rank, and its start and step log probabilities in the order of Tables.odds."""
    from jieba import finalseg

    emit = np.full((int(rank.max()) + 1, 4), finalseg.MIN_FLOAT)
    for column, state in enumerate("BMES"):
        found = {ord(char): chance for char, chance in finalseg.emit_P[state].items()}
        codes = np.fromiter(found, np.int64)
        emit[rank[codes], column] = np.fromiter(found.values(), np.float64)
    emit[:HAN] = finalseg.MIN_FLOAT  # never asked for: finalseg's model sees Chinese characters only
    steps = [finalseg.trans_P[a][b] for a, b in ("BE", "BM", "EB", "ES", "ME", "MM", "SB", "SS")]
    return emit, [finalseg.start_P[state] for state in "BMES"] + steps
