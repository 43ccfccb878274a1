"""The usual library of each stage, each ready to run: a function that does one pass and says over how many posts."""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.bench import posts as bench_posts
from tests.bench.peers import duplicates, feelings, same
from tests.bench.stages import LAKE

Work = Callable[[], int]
# Posts of one pass in a full run: two to four seconds of the slow ones.
PEER_POSTS = {
    "jieba.lcut": 5_000, "unicodedata + opencc-pyo3": 20_000, "re, pattern by pattern": 2_000,
    "TfidfVectorizer + LogisticRegression": 5_000, "HashingVectorizer + LogisticRegression": 5_000, "SnowNLP": 300,
    "datasketch, update": 1_000, "datasketch, bulk": 5_000, "pandas.to_parquet": 100_000, "pandas merge and groupby": 100_000,
}  # fmt: skip
KEY = ["platform", "post_id"]
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u206f\ufeff]")


class World:
    """What stages start from, read once: the posts in their seeded order and the tables of the lake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.share = json.loads((folder / "stages.json").read_text("utf-8"))["peer_stages"]

    def count(self, name: str) -> int:
        """Posts of one pass of a stage."""
        return max(int(PEER_POSTS[name] * self.share), 20)

    @cached_property
    def all_texts(self) -> list[str]:
        """Texts of the posts that our side has, in seeded order: any first n are a sample."""
        import pyarrow.parquet as pq

        return list(pq.read_table(self.folder / "stages.parquet", columns=["text"])["text"].to_pylist())

    def texts(self, name: str) -> list[str]:
        """Texts of one pass of a stage."""
        return self.all_texts[: self.count(name)]

    def frame(self, name: str) -> Any:
        """A table of the lake as a DataFrame, opened as any reader opens it: by its path."""
        import pandas as pd

        frame = pd.read_parquet(self.folder / LAKE / name)
        return frame.drop(columns=[column for column in frame.columns if column.startswith("part_")])


def stages(folder: Path) -> dict[str, Callable[[], Work]]:
    """By name, what prepares each stage and gives the work."""
    world = World(folder)
    makers = {
        "jieba.lcut": segment, "unicodedata + opencc-pyo3": normalise, "re, pattern by pattern": cues,
        "TfidfVectorizer + LogisticRegression": tfidf, "HashingVectorizer + LogisticRegression": hashing, "SnowNLP": sentiment,
        "datasketch, update": update, "datasketch, bulk": bulk, "pandas.to_parquet": write, "pandas merge and groupby": grouping,
    }  # fmt: skip
    return {name: (lambda make=make, name=name: make(world, name)) for name, make in makers.items()}


def segment(world: World, name: str) -> Work:
    """jieba.lcut in a comprehension."""
    import jieba

    jieba.setLogLevel(60)
    jieba.initialize()
    texts = world.texts(name)
    return lambda: len([jieba.lcut(text) for text in texts])


def fold(text: str, convert: Callable[[str], str]) -> str:
    """One spelling: no zero-width characters, NFKC, lower case, simplified."""
    return convert(unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).lower())


def normalise(world: World, name: str) -> Work:
    """Text by text; opencc-pyo3 is the fastest of the OpenCC bindings."""
    from opencc_pyo3 import OpenCC

    convert, texts = OpenCC("t2s").convert, world.texts(name)
    return lambda: len([fold(text, convert) for text in texts])


def cues(world: World, name: str) -> Work:
    """Every pattern of the lexicon over every folded text."""
    from opencc_pyo3 import OpenCC

    from pipeline.text.cues import load_lexicon

    patterns = [cue.pattern for cue in load_lexicon(bench_posts.ROOT / "corpora" / "lexicon").cues]
    convert = OpenCC("t2s").convert
    texts = [fold(text, convert) for text in world.texts(name)]
    return lambda: len([[len(pattern.findall(text)) for pattern in patterns] for text in texts])


def _fitted(vectorizers: list[Any]) -> tuple[list[Any], Any]:
    """Vectorizers of texts (the first) and of tokens (the second), and a logistic regression over both.

    It is fitted loosely, for its speed does not hang on its weights.
    """
    import jieba
    from scipy.sparse import hstack
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    texts, labels = bench_posts.labelled(1_000)
    chars, words = vectorizers
    matrix = hstack([chars.fit_transform(texts), words.fit_transform([jieba.lcut(text) for text in texts])])
    warnings.simplefilter("ignore", ConvergenceWarning)
    return vectorizers, LogisticRegression(max_iter=5, tol=0.1).fit(matrix, labels)


def _judging(world: World, name: str, vectorizers: list[Any]) -> Work:
    """Characters 1-4 and ready words to probabilities, in batches, so that the matrices stay small."""
    import jieba
    from scipy.sparse import hstack

    (chars, words), classifier = _fitted(vectorizers)
    texts = world.texts(name)
    tokens = [jieba.lcut(text) for text in texts]

    def work() -> int:
        both = hstack([chars.transform(texts), words.transform(tokens)])
        return len(classifier.predict_proba(both))

    return work


def tfidf(world: World, name: str) -> Work:
    """TfidfVectorizer of characters and of ready words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    chars = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True)
    return _judging(world, name, [chars, TfidfVectorizer(analyzer=same, min_df=2, sublinear_tf=True)])


def hashing(world: World, name: str) -> Work:
    """HashingVectorizer of the same."""
    from sklearn.feature_extraction.text import HashingVectorizer

    chars = HashingVectorizer(analyzer="char", ngram_range=(1, 4), n_features=2**18)
    return _judging(world, name, [chars, HashingVectorizer(analyzer=same, n_features=2**18)])


def sentiment(world: World, name: str) -> Work:
    """SnowNLP(text).sentiments."""
    texts = world.texts(name)
    return lambda: len(feelings(texts))


def update(world: World, name: str) -> Work:
    """MinHash as datasketch's documentation writes it, LSH query and insert."""
    texts = world.texts(name)
    return lambda: len(duplicates(texts))


def bulk(world: World, name: str) -> Work:
    """MinHash.bulk, LSH query and insert."""
    texts = world.texts(name)
    return lambda: len(duplicates(texts, bulk=True))


def write(world: World, name: str) -> Work:
    """A DataFrame of table posts to one file."""
    frame = world.frame("posts").head(world.count(name))

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            frame.to_parquet(f"{folder}/posts.parquet")
        return len(frame)

    return work


def grouping(world: World, name: str) -> Work:
    """Merge what is known of a post, group by author and day, then by author."""
    names = ("posts", "post_features", "post_judgements", "campaign_members")
    posts, rows, judged, members = (world.frame(name) for name in names)
    posts = posts[[*KEY, "author_id", "posted_at", "is_repost", "likes", "comments", "reposts"]].head(world.count(name))
    rows = rows[[*KEY, "p_sell", "p_recruit", "sentiment", "n_mentions", "n_links", "n_emoticons", "n_tokens"]]
    judged, members = judged[[*KEY, "is_broadcast", "broadcast_probability"]], members[[*KEY, "n_posts_before"]]

    def work() -> int:
        return _grouped(posts, rows, judged, members)

    return work


def _grouped(posts: Any, rows: Any, judged: Any, members: Any) -> int:
    known = posts.merge(rows, on=KEY).merge(judged, on=KEY).merge(members, on=KEY, how="left")
    known["date"] = known["posted_at"].dt.tz_convert("Asia/Shanghai").dt.floor("D")
    known["is_copy"] = known["n_posts_before"].fillna(0) > 0
    sums = [
        "n_mentions",
        "n_links",
        "n_emoticons",
        "n_tokens",
        "is_repost",
        "is_broadcast",
        "is_copy",
        "likes",
        "comments",
        "reposts",
    ]
    means = ["p_sell", "p_recruit", "sentiment", "broadcast_probability"]
    days = known.groupby(["author_id", "date"]).agg(
        n_posts=("post_id", "size"), **{n: (n, "sum") for n in sums}, **{n: (n, "mean") for n in means}
    )
    authors = days.reset_index().groupby("author_id").agg(
        n_posts=("n_posts", "sum"), n_days=("date", "nunique"), first=("date", "min"), last=("date", "max"),
        n_broadcast=("is_broadcast", "sum"), n_copies=("is_copy", "sum"), feeling=("sentiment", "mean"),
    )  # fmt: skip
    authors["trust"] = 1 - (authors["n_broadcast"] + authors["n_copies"]) / (2 * authors["n_posts"])
    return len(posts)
