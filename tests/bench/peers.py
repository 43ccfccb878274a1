"""The peers: scripts A, B and C as their users write them, with the usual libraries and no tricks for or against them.

A: jieba, TF-IDF, logistic regression, SnowNLP, datasketch, pandas to Parquet. B: A without SnowNLP. C: B without datasketch.
The model is fitted beforehand and loaded, the dictionary comes from jieba's cache: the set-up that is reported apart.

    python -m tests.bench.peers fit FOLDER POSTS                    the model, from so many labelled posts
    python -m tests.bench.peers A|B|B-bulk|C FOLDER SOURCE TARGET   one run over a Parquet file of posts
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.measure import own_peak_mb, since_start

if TYPE_CHECKING:  # imported where used: a contender pays for what it uses
    import pandas as pd

SCRIPTS = ("A", "B", "B-bulk", "C")
PERMUTATIONS, SIMILAR = 64, 0.7
MODEL = "peer.pickle"


def same(tokens: list[str]) -> list[str]:
    """The analyzer of texts that are cut already; a function of a module, for TfidfVectorizer(analyzer=jieba.lcut) cannot be
    pickled."""
    return tokens


def fit(folder: Path, posts: int) -> None:
    """TF-IDF of jieba's words and a logistic regression over labelled posts, saved as scikit-learn's users do."""
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from tests.bench.peers import same as analyzer  # by its module's name, not __main__'s
    from tests.bench.posts import labelled

    texts, labels = labelled(posts)
    vectorizer = TfidfVectorizer(analyzer=analyzer, min_df=2)
    matrix = vectorizer.fit_transform([jieba.lcut(text) for text in texts])
    classifier = LogisticRegression(max_iter=300).fit(matrix, labels)
    (folder / MODEL).write_bytes(pickle.dumps((vectorizer, classifier)))


def set_up(script: str, folder: Path) -> Any:
    """Imports, jieba's dictionary, the model; SnowNLP loads its tables when it is imported."""
    import jieba
    import pandas as pd  # noqa: F401 - its import is part of the set-up

    jieba.setLogLevel(60)
    jieba.initialize()
    if script == "A":
        import snownlp  # noqa: F401 - as above
    if script != "C":
        import datasketch  # noqa: F401 - as above
    return pickle.loads((folder / MODEL).read_bytes())


def judge(script: str, model: Any, source: Path, target: Path) -> tuple[int, dict[str, float]]:
    """Read, judge, write: how many posts, and the seconds of each step."""
    import jieba
    import pandas as pd

    clock = Clock()
    frame = pd.read_parquet(source)
    clock.lap("read")
    texts = frame["text"].tolist()
    tokens = [jieba.lcut(text) for text in texts]
    clock.lap("jieba.lcut")
    vectorizer, classifier = model
    matrix = vectorizer.transform(tokens)
    clock.lap("TfidfVectorizer")
    _put_labels(frame, classifier, matrix)
    clock.lap("LogisticRegression")
    if script == "A":
        frame["sentiment"] = feelings(texts)
        clock.lap("SnowNLP")
    if script != "C":
        frame["duplicate_of"] = duplicates(texts, bulk=script == "B-bulk")
        clock.lap("datasketch")
    frame.to_parquet(target)
    clock.lap("to_parquet")
    return len(frame), clock.seconds


def _put_labels(frame: pd.DataFrame, classifier: Any, matrix: Any) -> None:
    chances = classifier.predict_proba(matrix)
    frame["label"] = classifier.classes_[chances.argmax(axis=1)]
    for i, name in enumerate(classifier.classes_):
        frame[f"p_{name}"] = chances[:, i]


def feelings(texts: list[str]) -> list[float]:
    """SnowNLP's sentiment, 0-1, text by text."""
    from snownlp import SnowNLP

    return [SnowNLP(text).sentiments if text.strip() else 0.5 for text in texts]


def duplicates(texts: list[str], *, bulk: bool = False) -> list[int]:
    """For each text the number of an earlier one that is nearly the same, or -1, by MinHash and LSH of character 3-grams.

    Sketched as datasketch's documentation does, one `update` for each 3-gram, or by MinHash.bulk.
    """
    from datasketch import MinHash, MinHashLSH

    if bulk:
        sketches = MinHash.bulk([grams(text) for text in texts], num_perm=PERMUTATIONS)
    else:
        sketches = []
        for text in texts:
            sketch = MinHash(num_perm=PERMUTATIONS)
            for gram in grams(text):
                sketch.update(gram)
            sketches.append(sketch)
    index, found = MinHashLSH(threshold=SIMILAR, num_perm=PERMUTATIONS), []
    for i, sketch in enumerate(sketches):
        alike = index.query(sketch)
        found.append(min(alike) if alike else -1)
        index.insert(i, sketch)
    return found


def grams(text: str) -> set[bytes]:
    """The character 3-grams of a text; a shorter text is its own."""
    return {text[i : i + 3].encode("utf-8") for i in range(max(len(text) - 2, 1))}


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """What has passed since the last lap was for `name`."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def main(arguments: list[str]) -> None:
    """One script over one file; prints what it took."""
    what, folder = arguments[0], Path(arguments[1])
    if what == "fit":
        fit(folder, int(arguments[2]))
        return
    model = set_up(what, folder)
    setup = since_start()
    begun = time.perf_counter()
    posts, steps = judge(what, model, Path(arguments[2]), Path(arguments[3]))
    seconds, size = time.perf_counter() - begun, Path(arguments[3]).stat().st_size
    print(json.dumps({
        "posts": posts, "setup": setup, "seconds": seconds, "steps": steps, "bytes": size, "files": 1, "own_peak_mb": own_peak_mb(),
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
