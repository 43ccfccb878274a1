"""The text judge: train it on labelled posts, and measure it by folds and on the dev posts beside the usual baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.judge_model import likeliest
from pipeline.learn import labels, metrics
from pipeline.learn.baseline import baseline_probabilities
from pipeline.learn.camouflage import camouflaged
from pipeline.learn.fetched import fetched_posts
from pipeline.learn.fit import Calibration, Design, Entries, Known, Weights, calibrate, to_model
from pipeline.learn.label_texts import LAKE
from pipeline.learn.labels import Labels
from pipeline.learn.public_posts import Unlabelled, public_posts, read_labels, unlabelled
from pipeline.learn.reviews import reviews
from pipeline.learn.self_training import fit_posts
from pipeline.tables import BROADCAST, CLASSES
from pipeline.text.linear import Floats, LinearModel, softmax
from pipeline.text.reading import Reader, Reading

Progress = Callable[[str], None]
FOLDS = range(5)
SEED = 20150718


@dataclass(frozen=True)
class Corpus:
    """Labelled posts, read once."""

    labels: Labels
    reading: Reading
    unlabelled: Unlabelled
    models: list[tuple[Entries, Weights]] = field(default_factory=list, repr=False)  # see fold_models

    @property
    def known(self) -> Known:
        """What a fit is told of each post. Standard are the readings that are measured on, and those of the user's own lake."""
        known = self.labels
        return Known(known.author, known.label, known.weight, known.measured | (known.dataset == LAKE), len(CLASSES))

    def fit(self, reader: Reader, rows: NDArray[np.bool_], fold: int | None = None) -> tuple[Entries, Weights]:
        """Learned from the labelled posts in `rows` and the unlabelled ones, but for those of authors of `fold`."""
        others = self.unlabelled.fold != fold if fold is not None else np.ones(len(self.unlabelled.fold), bool)
        return fit_posts(reader, self.reading, rows, self.known, self.unlabelled, others, seed=SEED)


def training_corpus(
    data: Path, corpora: Path, reader: Reader, more: Labels | None = None, say: Progress = lambda _: None
) -> Corpus:
    """posts_gold/train.csv of the data folder without disputed rows, the project's own posts, the public posts of
    posts_read.parquet, reviews, and `more`; beside them public posts without a label."""
    gold = labels.gold(data / "posts_gold" / "train.csv")
    posts = public_posts(data, fetched_posts(corpora, say))
    say(f"{len(posts)} public posts")
    found = [read_labels(corpora, posts, say), reviews(data, learned=True), more]
    parts = [gold, labels.own(corpora), *(f for f in found if f is not None)]
    rows = labels.concat(parts)
    others = unlabelled(posts, rows, labels.gold(data / "posts_gold" / "dev.csv"), reader, seed=SEED)
    rows = rows.take(rows.label >= 0)
    return Corpus(rows, reader.read(rows.texts), others)


def fold_models(corpus: Corpus, reader: Reader, say: Progress) -> list[tuple[Entries, Weights]]:
    """For each fold a model that saw neither its authors nor a near-duplicate of its posts; fitted once a corpus."""
    for k in FOLDS[len(corpus.models) :]:
        say(f"fold {k + 1} of {len(FOLDS)}")
        corpus.models.append(corpus.fit(reader, corpus.labels.outside(k), k))
    return corpus.models


def out_of_fold(corpus: Corpus, reader: Reader, say: Progress, reading: Reading | None = None) -> Floats:
    """Logits of every gold row by the model of its fold; NaN for all others. `reading`: of other texts in the rows' place."""
    fold = corpus.labels.fold
    logits = np.full((len(fold), len(CLASSES)), np.nan)
    for k, (entries, weights) in enumerate(fold_models(corpus, reader, say)):
        design = Design.of(reader, reading or corpus.reading, entries)
        logits[fold == k] = weights.logits(design.matrix[fold == k])
    return logits


def _calibration(corpus: Corpus, logits: Floats, rows: NDArray[np.bool_]) -> Calibration:
    natural = rows & (corpus.labels.stratum == "random")
    return calibrate(logits[natural], corpus.labels.label[natural])


def calibration_of(corpus: Corpus, logits: Floats) -> Calibration:
    """The calibration of the shipped model: by all out-of-fold logits of the random stratum."""
    return _calibration(corpus, logits, corpus.labels.measured)


def cross_probabilities(corpus: Corpus, logits: Floats, of: Floats | None = None) -> Floats:
    """Calibrated probabilities of gold rows, the calibration too fitted on the other folds' random stratum.

    `of`: logits to calibrate in place of those it is fitted on.
    """
    fold, out = corpus.labels.fold, np.full_like(logits, np.nan)
    asked = logits if of is None else of
    for k in FOLDS:
        found = _calibration(corpus, logits, (fold != k) & corpus.labels.measured)
        out[fold == k] = softmax(found.slope * asked[fold == k] + found.shift)
    return out


def camouflaged_probabilities(corpus: Corpus, reader: Reader, logits: Floats, disguise: str | None) -> Floats:
    """As `cross_probabilities`, of the texts with their contact and product words in disguise, each in one of all or in this."""
    texts = camouflaged(corpus.labels.texts, seed=SEED, only=disguise)
    return cross_probabilities(corpus, logits, out_of_fold(corpus, reader, lambda _: None, reader.read(texts)))


def natural_base_rate(rows: Labels) -> float:
    """Share of broadcasting in the random stratum: what calibrated probabilities assume."""
    natural = rows.stratum == "random"
    return float(np.isin(rows.label[natural], [CLASSES.index(c) for c in BROADCAST]).mean())


def train(corpus: Corpus, reader: Reader, say: Progress) -> tuple[LinearModel, Floats]:
    """The calibrated model over all rows, and the out-of-fold logits it was calibrated by."""
    logits = out_of_fold(corpus, reader, say)
    calibration = calibration_of(corpus, logits)
    say("all rows")
    everything = np.ones(len(corpus.labels), bool)
    entries, weights = corpus.fit(reader, everything)
    return to_model(calibration.apply(weights), entries, CLASSES, reader.lexicon.version), logits


@dataclass(frozen=True)
class Comparison:
    """Figures of the judge and of the baseline on the same rows, and the paired interval of the difference in AUC."""

    where: str
    judge: dict[str, float]
    baseline: dict[str, float]
    auc_gain: tuple[float, float]
    f1_gain: tuple[float, float]


def compare(where: str, rows: Labels, ours: Floats, theirs: Floats) -> Comparison:
    """Both judged on `rows`; differences with 95% intervals over authors."""
    from sklearn.metrics import f1_score, roc_auc_score

    main = np.flatnonzero(metrics.main_rows(rows.label))
    truth = rows.label[main] != 0
    a, b = metrics.broadcast_score(ours)[main], metrics.broadcast_score(theirs)[main]

    def auc(at: NDArray[np.int64]) -> float:
        return float(roc_auc_score(truth[at], a[at]) - roc_auc_score(truth[at], b[at]))

    def f1(at: NDArray[np.int64]) -> float:
        return float(f1_score(truth[at], a[at] >= 0.5) - f1_score(truth[at], b[at] >= 0.5))

    authors = rows.author[main]
    return Comparison(
        where, metrics.figures(rows.label, ours, likeliest(ours)), metrics.figures(rows.label, theirs),
        metrics.interval(authors, auc), metrics.interval(authors, f1),
    )  # fmt: skip


def evaluate(data: Path, corpus: Corpus, reader: Reader, logits: Floats, say: Progress) -> list[Comparison]:
    """The judge's recipe against the baseline: 5-fold over train.csv, its random stratum, and dev.csv without dev authors.

    `logits` are the out-of-fold logits of the corpus.
    """
    rows = corpus.labels
    gold_rows = rows.measured
    ours = cross_probabilities(corpus, logits)
    theirs = baseline_probabilities(rows, FOLDS, say)
    out = []
    for where, keep in (("5-fold", gold_rows), ("5-fold, random stratum", gold_rows & (rows.stratum == "random"))):
        out.append(compare(where, rows.take(keep), ours[keep], theirs[keep]))
    return [*out, _dev(data, corpus, reader, logits, say)]


def _dev(data: Path, corpus: Corpus, reader: Reader, logits: Floats, say: Progress) -> Comparison:
    say("dev.csv, its authors left out of training")
    dev = labels.gold(data / "posts_gold" / "dev.csv")
    rows = ~np.isin(corpus.labels.author.astype(str), np.unique(dev.author.astype(str)))
    calibration = _calibration(corpus, logits, rows & corpus.labels.measured)
    entries, weights = corpus.fit(reader, rows)
    design = Design.of(reader, reader.read(dev.texts), entries)
    mine = softmax(calibration.slope * weights.logits(design.matrix) + calibration.shift)
    known = dev.label >= 0
    theirs = baseline_probabilities(corpus.labels, (), say, train_rows=rows, other=dev)
    return compare("dev.csv, dev authors left out", dev.take(known), mine[known], theirs[known])
