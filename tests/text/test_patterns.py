from __future__ import annotations

import re
import string
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.text import patterns
from pipeline.text.codepoints import TextBatch, from_arrow, from_list
from pipeline.text.normalise import normalise
from pipeline.text.pattern_alphabet import PatternError
from pipeline.text.patterns import Patterns
from tests.tiny import CORPORA, POSTS, reader, strings

Rows = list[list[int]]


def by_re(batch: TextBatch, expressions: list[re.Pattern[str]], *, group: bool = False) -> Rows:
    """What the machine must find."""
    return [
        [*match.span(), i, *(match.span(1) if group and expression.groups else (-1, -1))]
        for i, expression in enumerate(expressions)
        for begin, end in pairwise(batch.starts.tolist())
        for match in expression.finditer(batch.joined, begin, end)
    ]


def by_machine(batch: TextBatch, machine: Patterns, wanted: list[int] | None = None) -> Rows:
    found = machine.find(batch, wanted)
    columns = (found.starts, found.ends, found.number, found.group_starts, found.group_ends)
    return np.stack(columns, axis=1).tolist()


def machine_of(*expressions: str | re.Pattern[str], group: bool = False) -> Patterns:
    return Patterns([(str(i), text) for i, text in enumerate(expressions)], group=group)


def spans(expression: str | re.Pattern[str], *texts: str) -> list[str]:
    """The matches of one expression, found by the machine and by `re` alike."""
    batch = from_list(list(texts))
    found = by_machine(batch, machine_of(expression))
    assert found == by_re(batch, [re.compile(expression)])
    return [batch.joined[start:end] for start, end, *_ in found]


@pytest.mark.parametrize(
    ("expression", "texts", "found"),
    [
        ("招代理", ["诚招代理，招代", "招", "招代理招代理"], ["招代理"] * 3),
        ("好|好吃|吃", ["好吃好"], ["好", "吃", "好"]),
        ("好吃|好", ["好吃好"], ["好吃", "好"]),
        ("[招加]微?信", ["招信加微信加微微信"], ["招信", "加微信"]),
        ("[^好]吃", ["好吃饭，吃", "吃"], ["，吃"]),
        ("a{2,3}", ["aaaaaaaa a"], ["aaa", "aaa", "aa"]),
        ("a{2,3}?", ["aaaaa"], ["aa", "aa"]),
        ("a.{0,3}b", ["a12b3b", "a1234b"], ["a12b"]),
        ("a.{0,3}?b", ["ab1b"], ["ab"]),
        ("a[ab]*+b", ["aaabb"], []),
        ("(?>a|ab)c", ["abc ac"], ["ac"]),
        ("(?:ab|a)(?:bc|c)", ["abc"], ["abc"]),
        ("(?:ab?){2,3}c", ["aabc", "abababac"], ["aabc", "ababac"]),
        ("(?:a|bc)+?d", ["abcad"], ["abcad"]),
        ("(?:a{1,2}b){2}", ["aabab"], ["aabab"]),
        ("代理(?!人)", ["代理人代理"], ["代理"]),
        ("代理(?=价|商)", ["代理价代理人"], ["代理"]),
        ("a(?=b(?!c))", ["abc ab"], ["a"]),
        ("(?<![0-9])1", ["11 1"], ["1", "1"]),
        ("(?<=ab)c", ["abc c bc"], ["c"]),
        ("(?<!ab)c", ["abc c"], ["c"]),
        ("(?<=(?<=a)b)c", ["abcbc"], ["c"]),
        (r"(?<![^\x1e])好", ["好好", "好"], ["好", "好"]),
        (r"(?<=\x1e)好", ["好好", "好"], ["好"]),
        (r"好(?![^\x1e])", ["好好", "好人"], ["好"]),
        (r"a\x1e", ["a", "ba"], ["a\x1e", "a\x1e"]),
        ("^a", ["aa", "a"], ["a"]),
        (r"\Aa", ["aa", "a"], ["a"]),
        (re.compile("^a", re.M), ["aa\na", "a"], ["a", "a"]),
        ("a$", ["a", "a"], []),
        (r".$", ["a"], ["\x1e"]),
        (r"\x1e\Z", ["a", "b"], ["\x1e", "\x1e"]),
        (re.compile("a$", re.M), ["a\nba", "a"], ["a"]),
        (r"\ba+\b", ["a ba aa招 aa"], ["a", "aa"]),
        (r"\Ba", ["ab招a"], ["a"]),
        ("a.b", ["a\nb"], []),
        (re.compile("a.b", re.S), ["a\nb"], ["a\nb"]),
        (re.compile(" a  b # and no more", re.X), ["ab"], ["ab"]),
        (r"\d+", ["12３ ٣x"], ["12３", "٣"]),
        (r"[^\W\d]{2}", ["a1 ab招_"], ["ab", "招_"]),
        (r"\S\s", ["a b\u3000"], ["a ", "b\u3000"]),
        ("😀{2}", ["😀😀😀"], ["😀😀"]),
        ("(?!)a|b", ["ab"], ["b"]),
        ("(?:a|)b", ["ab b"], ["ab", "b"]),
    ],
)
def test_a_match_is_that_of_re(expression: str | re.Pattern[str], texts: list[str], found: list[str]) -> None:
    assert spans(expression, *texts) == found


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        (r"(a)\1", "a reference to a group"),
        (r"(a)?(?(1)b|c)", "a condition"),
        ("(?i)ab", "a flag"),
        ("(?i:a)b", "a flag"),
        ("a*", "empty string"),
        ("(?=a)", "empty string"),
        ("(?:a?)*b", "what can be empty"),
        ("(?:ab)*+c", "possessive"),
        ("(?:(?:(?:abc|d){0,90}e){0,90}f){1,90}", "more than"),
        ("a(", "missing )"),
        ("(?<=a+)b", "variable width"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(expression: str, why: str) -> None:
    with pytest.raises(PatternError, match=rf"^a cue: .*{re.escape(why)}"):
        Patterns([("fine", "ab"), ("a cue", expression)])


def test_a_group_inside_a_repeat_is_refused_only_where_its_place_is_wanted() -> None:
    assert spans("(ab)+", "ababa") == ["abab"]
    with pytest.raises(PatternError, match="group 1 inside a repeat"):
        machine_of("(ab)+", group=True)


@pytest.mark.parametrize("expression", ["a(b+)c", "a(?:(b)|c)d", "(a|ab)(?:c|bcd)", "x|(a)b", "((?:ab){1,2})(c?)"])
def test_the_place_of_group_1_is_that_of_re(expression: str) -> None:
    batch, compiled = from_list(["abbc abd acd abcd", "xab", "ababc"]), re.compile(expression)
    found = by_machine(batch, machine_of(expression, group=True))
    assert found == by_re(batch, [compiled], group=True)
    assert found


LETTERS = "ab招# \n"
CHARACTER = st.sampled_from(LETTERS).map(re.escape)
MEMBERS = st.lists(
    st.sampled_from(["a", "b", "a-c", r"\w", r"\d", r"\s", r"\W", " ", "招", r"\n", r"\x1e"]), min_size=1, max_size=3
).map("".join)
ONE = st.one_of(CHARACTER, CHARACTER, MEMBERS.map("[{}]".format), MEMBERS.map("[^{}]".format), st.just("."))
TIMES = st.sampled_from(
    ["?", "*", "+", "{1,3}", "{0,2}", "{2}", "{2,}", "??", "*?", "+?", "{1,3}?", "?+", "*+", "{1,2}+"]
)
ANCHOR = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z"])


def _more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(
        several.map("".join),
        several.map("".join),
        several.map("|".join).map("(?:{})".format),
        st.builds("(?:{}){}".format, inner, TIMES),
        st.builds("{}{}".format, ONE, TIMES),
        st.builds("(?{}{})".format, st.sampled_from("=!"), inner),
        st.builds("(?<{}{})".format, st.sampled_from("=!"), st.lists(ONE, min_size=1, max_size=3).map("".join)),
        inner.map("(?>{})".format),
    )


EXPRESSION = st.recursive(st.one_of(ONE, ONE, ONE, ANCHOR), _more, max_leaves=14)
SMALL_TEXTS = st.lists(st.text(LETTERS + "c1", max_size=16), max_size=8)


def _understood(expressions: list[str], *, group: bool = False) -> tuple[Patterns, list[re.Pattern[str]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sets that look like the nested sets to come
        try:
            return machine_of(*expressions, group=group), [re.compile(text) for text in expressions]
        except PatternError as refused:
            assume("empty" not in str(refused) and "possessive" not in str(refused))
            raise


@settings(max_examples=200)
@given(st.lists(EXPRESSION, min_size=1, max_size=3), SMALL_TEXTS)
def test_any_expression_finds_what_re_finds(expressions: list[str], texts: list[str]) -> None:
    machine, compiled = _understood(expressions)
    batch = from_list(texts)
    found = by_machine(batch, machine)
    assert found == by_re(batch, compiled)
    counted = machine.scan(batch, counts=True).counts
    assert counted.shape == (len(texts), len(expressions))
    assert counted.T.tolist() == [
        np.bincount(batch.row_of(np.array([f[0] for f in found if f[2] == i], np.int64)), minlength=len(texts)).tolist()
        for i in range(len(expressions))
    ]


@settings(max_examples=80)
@given(EXPRESSION, EXPRESSION, EXPRESSION, SMALL_TEXTS)
def test_any_group_stands_where_re_has_it(before: str, inside: str, behind: str, texts: list[str]) -> None:
    machine, compiled = _understood([f"(?:{before})({inside})(?:{behind})", f"({inside})|{behind}"], group=True)
    batch = from_list(texts)
    assert by_machine(batch, machine) == by_re(batch, compiled, group=True)


@settings(max_examples=60)
@given(EXPRESSION, SMALL_TEXTS)
def test_where_the_machine_gives_up_re_goes_on(expression: str, texts: list[str]) -> None:
    machine, compiled = _understood([expression])
    batch = from_list(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns, "PATIENCE", 1)
        patch.setattr(patterns, "DEPTH", 2)
        assert by_machine(batch, machine) == by_re(batch, compiled)
        counts = machine.scan(batch, counts=True).counts
    assert counts.sum() == len(by_re(batch, compiled))


def test_the_machine_does_give_up() -> None:
    machine, batch = machine_of("(?:a|aa)+b"), from_list(["a" * 40_000 + "b", "aab"])
    assert machine.find(batch).ends.tolist() == [40_001, 40_005]
    assert "compiled" in vars(machine)  # `re` was asked: the first text has more choices than the stack holds


def test_more_matches_than_were_foreseen_are_all_told() -> None:
    texts = ["ab" * 500, "", "b" * 77, "ab" * 3_000]
    batch, machine = from_list(texts), machine_of("a", "b", "[ab]")
    assert by_machine(batch, machine) == by_re(batch, [re.compile(e) for e in ("a", "b", "[ab]")])
    found = machine.scan(batch, matches=True, counts=True, kinds=True)
    assert found.counts.tolist() == [[t.count("a"), t.count("b"), len(t)] for t in texts]


def test_only_wanted_expressions_are_found() -> None:
    batch, machine = from_list(["abc", "cab"]), machine_of("a", "b", "c")
    assert by_machine(batch, machine, [2, 0]) == [row for row in by_machine(batch, machine) if row[2] != 1]
    assert by_machine(batch, machine, []) == []


def test_characters_are_counted_by_kind() -> None:
    machine = Patterns([("a", "a")], kinds=(((0x30, 0x3A),), ((0x61, 0x62), (0x4E00, 0xA000))))
    found = machine.scan(from_list(["a1招b", "", "22"]), kinds=True)
    assert found.kinds.tolist() == [[1, 2], [0, 0], [2, 0]]
    assert len(found.matches.starts) == len(found.counts) == 0


@given(st.text(max_size=12), st.text(LETTERS, max_size=40))
def test_a_sample_changes_no_match(text: str, sample: str) -> None:
    expressions = [("0", "a.{0,4}(?:b|招)#"), ("1", "(?:招|b)+ ?a")]
    batch = from_list([text, sample, sample + text])
    plain, told = (Patterns(expressions, sample=s) for s in ("", sample))
    assert by_machine(batch, plain) == by_machine(batch, told)


@given(POSTS, POSTS)
def test_matches_of_a_text_are_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    def counts(texts: list[str | None]) -> Rows:
        return reader().lexicon.machine.scan(normalise(from_arrow(strings(*texts))).batch, counts=True).counts.tolist()

    assert counts(some + more) == counts(some) + counts(more)


def test_threads_share_a_machine() -> None:
    machine = reader().lexicon.machine
    batches = [from_list([f"诚招代理{i}名，一件代发，加薇❤信：lili88{i:02d}"] * 200) for i in range(8)]
    alone = [by_machine(batch, machine) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda batch: by_machine(batch, machine), batches * 4)) == alone * 4
    assert all(alone)


def test_a_batch_that_cannot_be_written_to_is_read() -> None:
    batch = from_list(["ab"])
    batch.codes.setflags(write=False)
    assert by_machine(batch, machine_of("ab")) == [[0, 2, 0, -1, -1]]


def _own_texts() -> list[str]:
    paths = sorted((CORPORA / "posts").glob("*.csv"))
    options = pa_csv.ParseOptions(newlines_in_values=True)
    return [text for path in paths for text in pa_csv.read_csv(path, parse_options=options)["text"].to_pylist()]


def test_every_cue_and_mark_finds_in_own_posts_what_re_finds() -> None:
    machine = reader().lexicon.machine
    batch = normalise(from_list(_own_texts()[:1_000])).batch
    found = by_machine(batch, machine)
    assert found == by_re(batch, machine.compiled)
    assert len({row[2] for row in found}) > len(machine) * 0.8


def test_every_cue_and_mark_finds_in_letters_drawn_from_them_what_re_finds() -> None:
    machine = reader().lexicon.machine
    letters = sorted(set("".join(text for _, text, _ in machine.made_from.sources)) - set(string.ascii_uppercase))
    dice = np.random.default_rng(5)
    texts = ["".join(dice.choice(letters, 30)) for _ in range(300)]
    words = re.findall(r"[一-龥]{2,4}", "".join(text for _, text, _ in machine.made_from.sources))
    texts += ["".join(dice.choice(words, 12)) for _ in range(500)]
    batch = from_list(texts)
    assert by_machine(batch, machine) == by_re(batch, machine.compiled)


def test_cues_of_real_posts_are_those_of_re(shared: Path) -> None:
    table = pa_csv.read_csv(
        shared / "datasets" / "posts_gold" / "train.csv", parse_options=pa_csv.ParseOptions(newlines_in_values=True)
    )
    machine = reader().lexicon.machine
    batch = normalise(from_arrow(table["text"].cast(pa.string()).slice(0, 1_200))).batch
    assert by_machine(batch, machine) == by_re(batch, machine.compiled)
