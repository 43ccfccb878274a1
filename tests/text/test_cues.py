from __future__ import annotations

import re
import tomllib
from pathlib import Path
from re import _parser
from re._constants import (
    ANY,
    AT,
    CATEGORY,
    CATEGORY_DIGIT,
    CATEGORY_WORD,
    IN,
    LITERAL,
    NEGATE,
    NOT_LITERAL,
    RANGE,
)
from re._parser import SubPattern
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PermanentError
from pipeline.text.codepoints import from_arrow, from_list
from pipeline.text.cues import GROUPS, count_cues, count_form, find_cues, load_lexicon, read_cues
from pipeline.text.normalise import normalise, normalise_texts
from tests.tiny import CORPORA, POSTS, reader, strings

LEXICON = CORPORA / "lexicon"
ENTRIES: list[dict[str, Any]] = tomllib.loads((LEXICON / "cues.toml").read_text("utf-8"))["cue"]
EXAMPLES = [text for entry in ENTRIES for text in entry["examples"] + entry["counter"]]
each_cue = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])


def _matches(entry: dict[str, Any], texts: list[str]) -> list[str]:
    """Those of the raw `texts` in which the cue is found, folded first as posts are."""
    folded = normalise_texts(strings(*texts)).to_pylist()
    return [raw for raw, text in zip(texts, folded, strict=True) if re.search(entry["pattern"], text)]


@each_cue
def test_a_cue_is_found_in_its_examples(entry: dict[str, Any]) -> None:
    assert 2 <= len(entry["examples"]) <= 6
    assert _matches(entry, entry["examples"]) == entry["examples"]


@each_cue
def test_a_cue_is_not_found_in_its_honest_look_alikes(entry: dict[str, Any]) -> None:
    assert len(entry["counter"]) >= 2
    assert _matches(entry, entry["counter"]) == []


@each_cue
def test_a_cue_has_no_group_and_no_empty_match(entry: dict[str, Any]) -> None:
    pattern = re.compile(entry["pattern"])
    assert pattern.groups == 0
    assert not [m for text in (*EXAMPLES, "") for m in pattern.finditer(text) if not m.group()]


@each_cue
def test_a_cue_ends_where_a_text_ends(entry: dict[str, Any]) -> None:
    """Each example, cut anywhere into two texts: nothing is found across the cut."""
    folded = normalise_texts(strings(*entry["examples"])).to_pylist()
    cut = "\x1e".join(f"{text[:i]}\x1e{text[i:]}" for text in folded for i in range(1, len(text)))
    assert not [m.group() for m in re.finditer(entry["pattern"], cut) if "\x1e" in m.group()]


def _accepts_separator(node: Any) -> bool:
    """Whether some part of a parsed pattern, look-around included, takes U+001E for one of its characters or an anchor."""
    if isinstance(node, tuple) and len(node) == 2:
        what, value = node
        if what is NOT_LITERAL:
            return bool(value != 0x1E)
        if what is IN:
            members = "".join(chr(v) for w, v in value if w is LITERAL)
            negated = value[0][0] is NEGATE
            listed = "\x1e" in members or any(w is RANGE and v[0] <= 0x1E <= v[1] for w, v in value)
            odd = [v for w, v in value if w is CATEGORY and v not in (CATEGORY_DIGIT, CATEGORY_WORD)]
            return bool(odd) or negated != listed
        if what in (ANY, AT) or (what is LITERAL and value == 0x1E):
            return True
        return _accepts_separator(value)
    return isinstance(node, SubPattern | list | tuple) and any(_accepts_separator(part) for part in node)


@each_cue
def test_no_part_of_a_cue_accepts_the_separator(entry: dict[str, Any]) -> None:
    assert not _accepts_separator(_parser.parse(entry["pattern"]))


@pytest.mark.parametrize(
    "bad", ["a.b", "a[^b]", r"a\s", r"a\S", "^a", "a$", "(?![^a])b", "a(?:b|[^c]{0,3})", "\x1e", "[\x00-a]"]
)
def test_a_pattern_that_reaches_over_the_separator_is_noticed(bad: str) -> None:
    assert _accepts_separator(_parser.parse(bad))


def test_names_are_unique_and_groups_are_known() -> None:
    names = [entry["name"] for entry in ENTRIES]
    assert len(names) == len(set(names))
    assert {entry["group"] for entry in ENTRIES} <= set(GROUPS)
    assert {entry["weight"] for entry in ENTRIES} <= {"strong", "weak"}


def test_every_domain_word_comes_out_as_one_token() -> None:
    words = [line.split()[0] for line in (LEXICON / "words.txt").read_text("utf-8").splitlines()]
    split = [tokens for tokens in reader().segmenter.texts(words) if len(tokens) != 1]
    assert split == []
    assert normalise_texts(strings(*words)).to_pylist() == words  # a word that folding changes would never be met


def test_the_version_changes_with_cues_and_with_words(tmp_path: Path) -> None:
    cues, words = (LEXICON / "cues.toml").read_bytes(), (LEXICON / "words.txt").read_bytes()
    versions = set()
    for more_cues, more_words in ((b"", b""), (b"# one more line\n", b""), (b"", "山货 3 n\n".encode())):
        (tmp_path / "cues.toml").write_bytes(cues + more_cues)
        (tmp_path / "words.txt").write_bytes(words + more_words)
        versions.add(load_lexicon(tmp_path).version)
    assert len(versions) == 3
    assert load_lexicon(LEXICON).version in versions


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("[[cue", "cues.toml"),
        ("cue = 3", "cues.toml"),
        ("cue = ['a']", "cues.toml"),
        (b"\xff\xfe", "cues.toml"),
        ("[[cue]]\nname = 'a'\ngroup = 'nonsense'\npattern = 'x'", "nonsense"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'\npattern = '('", "agent_fee"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'", "agent_fee"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'\npattern = 7", "agent_fee"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'\npattern = '''(\n\n'''", "agent_fee"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'\npattern = '(?i)vx'", "cue agent_fee: a flag"),
        ("[[cue]]\nname = 'agent_fee'\ngroup = 'sell'\npattern = 'x*'", "cue agent_fee: it matches the empty string"),
        ("[[cue]]\nname = 'a'\ngroup = 'sell'\npattern = '(?P<n>x)(?P=n)'\nexamples = 3", "cue a: a reference"),
    ],
)
def test_a_broken_cue_file_is_one_line_that_says_where(tmp_path: Path, broken: str | bytes, said: str) -> None:
    (tmp_path / "words.txt").write_text("", "utf-8")
    (tmp_path / "cues.toml").write_bytes(broken.encode() if isinstance(broken, str) else broken)
    with pytest.raises(PermanentError) as told:
        load_lexicon(tmp_path)
    assert said in str(told.value)
    assert str(tmp_path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_lexicon_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"expected cues\.toml and words\.txt") as told:
        load_lexicon(tmp_path / "nowhere")
    assert "\n" not in str(told.value)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(EXAMPLES), max_size=5), st.lists(st.sampled_from(EXAMPLES), max_size=5))
def test_cues_of_a_text_are_the_same_in_any_batch(some: list[str], more: list[str]) -> None:
    cues = reader().lexicon.cues

    def counts(texts: list[str]) -> list[list[int]]:
        folded = normalise(from_list(texts)).batch
        return count_cues(folded, find_cues(folded, reader().lexicon), len(cues)).tolist()

    assert counts(some + more) == counts(some) + counts(more)


def test_hits_say_where_a_cue_stands() -> None:
    folded = normalise(from_list(["早安", "诚招代理，一件代发"])).batch
    cues = reader().lexicon.cues
    hits = find_cues(folded, reader().lexicon)
    found = {
        cues[c].name: folded.joined[s:e]
        for s, e, c in zip(hits.starts.tolist(), hits.ends.tolist(), hits.cue.tolist(), strict=True)
    }
    assert "一件代发" in found.values()
    assert set(folded.row_of(hits.starts).tolist()) == {1}


def test_only_the_groups_asked_for_are_found() -> None:
    folded, lexicon = normalise(from_list(EXAMPLES)).batch, reader().lexicon
    every, some = find_cues(folded, lexicon), find_cues(folded, lexicon, "sell", "price")
    keep = np.isin(every.cue, lexicon.columns("sell", "price"))
    assert some.cue.tolist() == every.cue[keep].tolist()
    assert some.starts.tolist() == every.starts[keep].tolist()
    assert len(set(some.cue.tolist())) > 5


@settings(deadline=None)
@given(st.lists(st.sampled_from(EXAMPLES), max_size=5), POSTS)
def test_one_pass_finds_what_several_find(examples: list[str], posts: list[str | None]) -> None:
    folded, lexicon = normalise(from_arrow(strings(*examples, *posts))).batch, reader().lexicon
    found, hits = read_cues(folded, lexicon), find_cues(folded, lexicon)
    assert [found.hits.starts.tolist(), found.hits.ends.tolist(), found.hits.cue.tolist()] == [
        hits.starts.tolist(), hits.ends.tolist(), hits.cue.tolist()
    ]  # fmt: skip
    assert found.cue_counts.tolist() == count_cues(folded, hits, len(lexicon.cues)).tolist()
    form = count_form(folded)
    assert {name: counts.tolist() for name, counts in found.form.items()} == {n: c.tolist() for n, c in form.items()}
    assert list(found.form) == list(form)
    without = read_cues(folded, lexicon, places=False)
    assert not len(without.hits.starts)
    assert without.cue_counts.tolist() == found.cue_counts.tolist()


def test_hits_are_by_cue_and_place() -> None:
    hits = find_cues(normalise(from_list(EXAMPLES)).batch, reader().lexicon)
    rows = list(zip(hits.cue.tolist(), hits.starts.tolist(), strict=True))
    assert rows == sorted(rows)


def _form(text: str) -> dict[str, int]:
    return {name: int(n[0]) for name, n in count_form(normalise(from_list([text])).batch).items()}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("看这里http://t.cn/RzQ81kd很好 www.taobao.com", {"links": 2}),
        ("谢谢@小鱼儿_88 和@阿禾", {"mentions": 2}),
        ("#早安# #晚安#", {"topics": 2}),
        ("累[泪][泪]😴🔥", {"emoticons": 2, "emoji": 2}),
        ("加我〔微信号〕或〔QQ号〕", {"placeholders": 2}),
        ("不错//@阿禾:好//@小鱼儿:嗯", {"repost_chain": 2}),
        ("【快讯：明天降温】多穿点", {"headline": 1}),
        ("一\n二\n三", {"lines": 2, "chars": 5, "han": 3}),
        ("3盒58元abc", {"digits": 3, "latin": 3, "han": 2}),
        ("真的！！吗？？？", {"exclamations": 2, "questions": 3}),
        ("好，嗯。行～～", {"stops": 2, "tildes": 2}),
    ],
)
def test_form_is_counted(text: str, counts: dict[str, int]) -> None:
    found = _form(text)
    assert {name: found[name] for name in counts} == counts


@settings(deadline=None)
@given(POSTS, POSTS)
def test_form_of_a_text_is_the_same_in_any_batch(some: list[str | None], more: list[str | None]) -> None:
    def form(texts: list[str | None]) -> np.ndarray[Any, Any]:
        return np.stack(list(count_form(normalise(from_arrow(strings(*texts))).batch).values()), axis=1)

    assert (form(some + more) == np.concatenate([form(some), form(more)])).all()
