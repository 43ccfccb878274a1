"""The scripts that we run against do what they say: a peer that failed to find anything would be no peer."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.bench import peers
from tests.bench.stages_peers import _grouped, fold

POSTS = [
    "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌",
    "诚招全国代理，一件代发零囤货，想做的加我微信",
    "今天带女儿去动物园看长颈鹿，她高兴得一路上都在唱歌！",
    "好",
]


@pytest.mark.parametrize("bulk", [False, True])
def test_datasketch_finds_the_copy(bulk: bool) -> None:
    assert peers.duplicates(POSTS, bulk=bulk) == [-1, -1, 0, -1]


def test_grams_are_the_sets_of_three_characters() -> None:
    assert peers.grams("abab") == {b"aba", b"bab"}
    assert peers.grams("好") == {"好".encode()}


def test_a_fitted_script_judges_a_file_row_by_row(tmp_path) -> None:
    (tmp_path / "posts.parquet").touch()
    pd.DataFrame({"post_id": list("abcd"), "text": POSTS}).to_parquet(tmp_path / "posts.parquet")
    peers.fit(tmp_path, 200)
    posts, steps = peers.judge("A", peers.set_up("A", tmp_path), tmp_path / "posts.parquet", tmp_path / "out.parquet")
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert posts == 4
    assert list(out["post_id"]) == list("abcd")
    assert out[[c for c in out if c.startswith("p_")]].sum(axis=1).tolist() == pytest.approx([1] * 4)
    assert out["sentiment"].between(0, 1).all()
    assert list(out["duplicate_of"]) == [-1, -1, 0, -1]
    assert list(steps) == [
        "read", "jieba.lcut", "TfidfVectorizer", "LogisticRegression", "SnowNLP", "datasketch", "to_parquet",
    ]  # fmt: skip


def test_folding_text_by_text_gives_one_spelling() -> None:
    assert fold("Ａ\u200b臺", lambda text: text.replace("臺", "台")) == "a台"


def test_pandas_groups_posts_by_author_and_day() -> None:
    key = pd.DataFrame({"platform": "weibo", "post_id": ["1", "2", "3"]})
    at = pd.to_datetime(["2020-01-01T10:00Z", "2020-01-01T17:00Z", "2020-01-01T18:00Z"])  # 17:00 is the next local day
    posts = key.assign(author_id="a", posted_at=at, is_repost=False, likes=1, comments=0, reposts=0)
    rows = key.assign(p_sell=0.5, p_recruit=0.0, sentiment=0.1, n_mentions=0, n_links=0, n_emoticons=0, n_tokens=3)
    judged = key.assign(is_broadcast=True, broadcast_probability=0.9)
    assert _grouped(posts, rows, judged, key.assign(n_posts_before=0)) == 3
