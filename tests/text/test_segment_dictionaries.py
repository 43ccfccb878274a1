"""Any dictionaries: the segmenter over them is jieba over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import PermanentError
from pipeline.text.codepoints import from_list
from pipeline.text.segment import Segmenter
from tests.text.jieba_oracle import OWN, jieba_over

CHARS = "招代理人的一a1A.%+-#"  # few, so that words overlap and sums tie
ODD = CHARS + "γ，😀é \u3000鿿𠮷０"
FREQUENCIES = st.sampled_from([1, 1, 2, 3, 3, 4, 9, 16, 1000, 10**6])
TEXTS = st.lists(st.text(CHARS, max_size=25), max_size=6)


def words(chars: str) -> st.SearchStrategy[str]:
    """Words that jieba's own reader takes as one: neither blank at an end nor with what looks like a frequency."""
    return st.text(chars, min_size=1, max_size=5).filter(lambda word: word == word.strip() and word)


MAIN = st.lists(st.tuples(words(CHARS), st.one_of(FREQUENCIES, st.just(0))), min_size=1, max_size=25).filter(
    lambda lines: any(freq for _, freq in lines)
)
USER = st.lists(
    st.tuples(
        words(ODD),
        st.one_of(st.just(""), st.integers(0, 30).map(" {}".format), st.just(" 0"), st.just(" 99999999999999999999")),
        st.sampled_from(["", " n", " nr"]),
    ),
    max_size=12,
)


def written(
    folder: Path, main: list[tuple[str, int]] | None, user: list[tuple[str, str, str]]
) -> tuple[bytes | None, bytes]:
    """Both dictionaries in jieba's format, in files `main` and `user` of `folder`."""
    own = None if main is None else "".join(f"{word} {freq} n\n" for word, freq in main).encode()
    added = "".join(f"{word}{freq}{tag}\n" for word, freq, tag in user).encode()
    (folder / "user").write_bytes(added)
    if own is not None:
        (folder / "main").write_bytes(own)
    return own, added


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dictionaries")


@pytest.fixture(autouse=True, scope="module")
def no_cache() -> Iterator[None]:
    def refuse() -> Path:
        raise OSError("no cache folder here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.text.jieba_tables.cache_folder", refuse)
        yield


@settings(max_examples=250)
@given(MAIN, USER, TEXTS)
@example([("招代", 1), ("代理", 1), ("理", 1), ("招", 1)], [], ["招代理"])  # a tie: the longer word first
@example([("招", 9)], [("代理", " 0", "")], ["代理代理代理"])
@example([("招", 9)], [("a1", " 0", ""), ("代理", " 0", ""), ("代理", " 7", "")], ["a1代理的a1"])
def test_tokens_over_any_dictionaries_are_jiebas(
    folder: Path, main: list[tuple[str, int]], user: list[tuple[str, str, str]], texts: list[str]
) -> None:
    own, added = written(folder, main, user)
    segmenter = Segmenter(folder / "user", dictionary=folder / "main")
    texts = [*texts, "".join(word for word, *_ in [*main, *user]), *(word for word, *_ in user)]
    with jieba_over(added, own) as lcut:
        assert segmenter.texts(texts) == [lcut(text) for text in texts]


@settings(max_examples=60)
@given(MAIN, USER, TEXTS)
def test_numbers_over_any_dictionaries_are_places_among_the_words(
    folder: Path, main: list[tuple[str, int]], user: list[tuple[str, str, str]], texts: list[str]
) -> None:
    written(folder, main, user)
    segmenter = Segmenter(folder / "user", dictionary=folder / "main")
    numbers = {word: i for i, word in enumerate(segmenter.words)}
    batch = from_list([*texts, *(word for word, *_ in user)])
    tokens = segmenter.cut(batch)
    found = [batch.joined[a:b] for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)]
    assert tokens.ids.tolist() == [numbers.get(word, -1) for word in found]


def test_a_user_dictionary_beside_jiebas_own_is_read_as_jieba_reads_it(folder: Path) -> None:
    """With frequencies that jieba computes, words that it splits, words of its own given anew, words that no text can hold."""
    draw = Random(11)
    given_words = ["".join(draw.choices("微信代购面膜的一件发a1.%", k=draw.randint(2, 5))) for _ in range(300)]
    lines = [f"{word}{draw.choice(['', '', ' 5', ' 0', ' 3000 n'])}" for word in given_words]
    user = "\n".join(["新词甲 3 n", "今天", "新词乙", "新词甲 5", "两个 词 7", "的 0", "代购 2", *lines]).encode()
    (folder / "user").write_bytes(user)
    segmenter = Segmenter(folder / "user")
    own = dict.fromkeys(line.split(" ")[0] for line in OWN.read_text("utf-8").splitlines())
    assert segmenter.words[: len(own) + 3] == [*own, "新词甲", "新词乙", "两个 词"]
    texts = ["".join(draw.choices(given_words, k=9)) for _ in range(300)] + [
        "今天的新词甲，两个 词",
        "的确是我的代购" * 9,
    ]
    with jieba_over(user) as lcut:
        assert segmenter.texts(texts) == [lcut(text) for text in texts]


def test_a_word_of_frequency_0_is_split_here_and_nowhere_else(folder: Path) -> None:
    from jieba import finalseg

    written(folder, [("的", 5)], [("招代", " 0", "")])
    before = set(finalseg.Force_Split_Words)
    segmenter = Segmenter(folder / "user", dictionary=folder / "main")
    assert before == finalseg.Force_Split_Words
    assert segmenter.texts(["招代"]) == [["招", "代"]]
    assert Segmenter(dictionary=folder / "main").texts(["招代"]) == [["招代"]]


def test_a_word_that_another_tokenizer_split_stays_so_there(folder: Path) -> None:
    from jieba import finalseg

    written(folder, [("的", 5)], [("招代", " 0", "")])
    with jieba_over("招代 0\n".encode()) as lcut:
        Segmenter(folder / "user", dictionary=folder / "main")
        assert lcut("招代") == ["招", "代"]
    assert "招代" not in finalseg.Force_Split_Words


def test_the_dictionary_that_a_process_shares_does_not_get_the_users_words(folder: Path) -> None:
    import jieba

    written(folder, [("的", 5)], [("一件代发", "", "")])
    Segmenter(folder / "user", dictionary=folder / "main")
    assert "一件代发" not in jieba.dt.FREQ


@pytest.mark.parametrize("user", [b"\xff\xfe\n", "好\n".encode("gbk")])
def test_a_user_dictionary_that_is_not_utf_8_is_one_clear_error(folder: Path, user: bytes) -> None:
    (folder / "bad").write_bytes(user)
    (folder / "main").write_text("的 5\n", "utf-8")
    with pytest.raises(PermanentError, match=r"bad: .*expected UTF-8 lines"):
        Segmenter(folder / "bad", dictionary=folder / "main")


def test_a_main_dictionary_that_jieba_cannot_read_is_one_clear_error(folder: Path) -> None:
    (folder / "bad").write_text("没有频率\n", "utf-8")
    with pytest.raises(PermanentError, match=r"bad: .*expected UTF-8 lines"):
        Segmenter(dictionary=folder / "bad")


def test_a_byte_order_mark_blank_lines_and_carriage_returns_are_read_as_jieba_reads_them(folder: Path) -> None:
    user = "\ufeff招代 3 n\r\n\r\n  理人  \n代理人 \n".encode()
    (folder / "user").write_bytes(user)
    (folder / "main").write_text("的 5\n", "utf-8")
    with jieba_over(user, (folder / "main").read_bytes()) as lcut:
        text = "招代理人代理人\ufeff招代"
        assert Segmenter(folder / "user", dictionary=folder / "main").texts([text]) == [lcut(text)]
