from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings

from pipeline.text import segment
from pipeline.text.segment import Segmenter, segment_texts
from tests.tiny import CORPORA, POSTS, strings

WORDS = CORPORA / "lexicon" / "words.txt"
OFFER = "面膜一件代发，零囤货"
POSTS_BY_HAND = [
    "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌",
    "加薇❤lili8899 了解，Ｖ信同号！！http://t.cn/RzQ81kd",
    "哈哈哈哈哈哈哈哈笑死我了23333",
    "#早安# 愿你眼里有光[太阳] @小鱼儿 转发微博//@阿禾:不错",
    "臺灣代購 直郵 $58.5 50% C++ AT&T",
    "第一行\r\n第二行\t\u3000第三行\x1e完",
    "龘靐齉爩𠮷野家😀👨‍👩‍👧",
    "",
]


@pytest.fixture(scope="module")
def jieba_itself(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer over jieba's default dictionary, and finalseg as published whatever xinren did to it."""
    import jieba
    from jieba import finalseg

    source = Path(finalseg.__file__).read_text("utf-8")
    published: dict[str, Any] = {"__name__": "jieba.finalseg", "__package__": "jieba.finalseg"}
    exec(source, published)
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = str(tmp_path_factory.mktemp("jieba"))

    def lcut(text: str) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finalseg, "viterbi", published["viterbi"])
            return tokenizer.lcut(text)

    return lcut


@pytest.mark.parametrize("text", POSTS_BY_HAND)
def test_tokens_are_jiebas(jieba_itself: Any, text: str) -> None:
    assert segment_texts([text]) == [jieba_itself(text)]


@settings(deadline=None)
@given(POSTS)
@example(["招代" * 40, "的" * 30, "江湖骗子专骗老实人儿媳妇们"])
def test_tokens_are_jiebas_for_any_text(jieba_itself: Any, texts: list[str | None]) -> None:
    plain = [text or "" for text in texts]
    assert segment_texts(plain) == [jieba_itself(text) for text in plain]
    assert ["".join(tokens) for tokens in segment_texts(plain)] == plain


def test_tokens_of_real_posts_are_jiebas(shared: Path, jieba_itself: Any) -> None:
    texts = pq.read_table(shared / "datasets/weibo_2014/posts.parquet", columns=["content"])["content"]
    posts = [text or "" for text in texts.slice(3_000, 2_000).to_pylist()]
    assert segment_texts(posts) == [jieba_itself(text) for text in posts]


def test_domain_words_stay_whole_in_their_own_segmenter_only() -> None:
    with_words = Segmenter(WORDS)
    assert "一件代发" in with_words.texts([OFFER])[0]
    assert "一件代发" not in segment_texts([OFFER])[0]


def test_domain_words_do_not_reach_the_tokenizer_that_a_process_shares() -> None:
    import jieba

    Segmenter(WORDS)
    assert "一件代发" not in jieba.dt.FREQ


def test_a_string_array_gives_lists_row_for_row_and_null_none() -> None:
    column = pa.chunked_array([strings("今天下雨"), strings(None, "回家")])
    found = Segmenter().tokens(column)
    assert found.type == pa.list_(pa.field("element", pa.string()))
    assert found.to_pylist() == [["今天", "下雨"], [], ["回家"]]


def test_the_cache_lies_in_a_folder_of_the_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import jieba

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    old = os.umask(0)
    try:
        Segmenter()
    finally:
        os.umask(old)
    folder = tmp_path / "cache" / "xinren"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [p.name for p in folder.iterdir()] == [f"jieba-{jieba.__version__}.cache"]


def test_with_nowhere_to_write_no_dictionary_is_read_from_the_shared_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import marshal
    import tempfile

    planted = ({"一件代发": 10**9, "一": 1, "一件": 1, "一件代": 1}, 10**9 + 3)
    for name in ("jieba.cache", "jieba-0.42.1.cache"):
        (tmp_path / name).write_bytes(marshal.dumps(planted))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(segment.os, "access", lambda *_: False)
    assert "一件代发" not in Segmenter().texts([OFFER])[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["jieba-0.42.1.cache", "jieba.cache"]


def test_a_hundred_thousand_lone_characters_take_time_by_their_length() -> None:
    begin = time.process_time()
    [tokens] = segment_texts(["招代" * 25_000])
    assert len(tokens) == 25_000
    assert time.process_time() - begin < 8  # 1 s; jieba's own way, by the square of the length, took 25 s


def test_importing_the_module_opens_no_dictionary() -> None:
    import subprocess

    code = "import sys, pipeline.text.reading; sys.exit('jieba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
