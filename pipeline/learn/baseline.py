"""The usual tutorial, as strong as it gets without a thought: TF-IDF of characters and jieba words, logistic regression."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.learn.labels import Labels
from pipeline.tables import CLASSES
from pipeline.text.linear import Floats
from pipeline.text.segment import segment_texts


def _same(tokens: list[str]) -> list[str]:
    return tokens


def _vectors() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    chars = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True, dtype=np.float32)
    words = TfidfVectorizer(analyzer=_same, min_df=2, sublinear_tf=True, dtype=np.float32)
    return chars, words


def _fit_predict(
    train: tuple[list[str], list[list[str]], NDArray[np.int64]], test: tuple[list[str], list[list[str]]]
) -> Floats:
    import scipy.sparse as sp
    from sklearn.linear_model import LogisticRegression

    chars, words = _vectors()
    fit = sp.hstack([chars.fit_transform(train[0]), words.fit_transform(train[1])]).tocsr()
    there = sp.hstack([chars.transform(test[0]), words.transform(test[1])]).tocsr()
    model = LogisticRegression(C=1.0, max_iter=200).fit(fit, train[2])
    out = np.zeros((there.shape[0], len(CLASSES)))
    out[:, model.classes_] = model.predict_proba(there)
    return out


def baseline_probabilities(
    rows: Labels,
    folds: Iterable[int],
    say: Callable[[str], None],
    *,
    train_rows: NDArray[np.bool_] | None = None,
    other: Labels | None = None,
) -> Floats:
    """Out-of-fold probabilities of the gold rows by the baseline (trained on gold rows alone), or those of `other`."""
    gold = rows.measured
    texts = rows.texts.to_pylist()
    tokens = segment_texts(texts)

    def pick(mask: NDArray[np.bool_]) -> tuple[list[str], list[list[str]]]:
        at = np.flatnonzero(mask).tolist()
        return [texts[i] for i in at], [tokens[i] for i in at]

    if other is not None:
        mask = gold if train_rows is None else gold & train_rows
        there = other.texts.to_pylist()
        return _fit_predict((*pick(mask), rows.label[mask]), (there, segment_texts(there)))
    out = np.full((len(rows), len(CLASSES)), np.nan)
    for k in folds:
        say(f"baseline, fold {k + 1}")
        mask = gold & (rows.fold != k)
        out[rows.fold == k] = _fit_predict((*pick(mask), rows.label[mask]), pick(rows.fold == k))
    return out
