"""The sentiment model: which side a text is on, whether on any, and which emotion; from posts and star-labelled reviews.

Polarity is learned from every set, neutral from SMP2020's and the posts read for it, beside which reviews are a little evidence
of what is not neutral (they have none), the emotions from SMP2020 and the posts read, and how strong a feeling is from the
latter alone. The three classes' logits are (-s/2, n, s/2), s being the polarity's and n the neutral's, so that the sign of
`sentiment` hangs on s alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from pipeline.learn import fit, intensity, ratios
from pipeline.learn.feelings import (
    ALL_SETS,
    HOTELS,
    NEUTRAL,
    POSITIVE,
    UNKNOWN,
    Feelings,
    OwnFeelings,
    load,
    own_feelings,
)
from pipeline.learn.fit import Design, Entries, Weights, choose_entries, to_model
from pipeline.learn.sentiment_scale import Scales, scales_of
from pipeline.tables import EMOTIONS, INTENSITY, SENTIMENTS
from pipeline.text.linear import FORM_SCALE, Floats, LinearModel, form_counts, form_matrix
from pipeline.text.ngrams import weigh
from pipeline.text.reading import Reader, Reading
from pipeline.text.vocabulary import Vocabulary

Progress = Callable[[str], None]
MIN_TEXTS = 10  # an n-gram in fewer texts is not shipped (authors are unknown here)
MOST_ENTRIES = (
    45_000  # 30,000: polarity lower by 0.003, F1 of the emotions by 0.004 to 0.04; all 200,000: higher by 0.002
)
SEED = 20150718
# How much a text of each set counts: Weibo posts with emoticons are few, reviews are not what is judged, and readings are one
# reader's. Those at .6: posts read .861 for .857 over three folds, the other sets within .001, but four more own delivery posts wrong.
SET_WEIGHT = (1.0, 2.0, 0.7, 0.7, 0.3)
# The same for what is neutral. With 0 a quarter of the reviews were called neutral, with 0.1 a twentieth, and F1 stayed.
NEUTRAL_WEIGHT = (1.0, 0.0, 0.1, 0.1, 1.0)
# The same for emotions. Without those read: macro-F1 of SMP2020 usual .694 for .697, virus .588 for .586, of posts read .400
# for .428, over three folds.
EMOTION_WEIGHT = (1.0, 0.0, 0.0, 0.0, 0.3)
POLARITY, IS_NEUTRAL, FIRST_EMOTION = range(3)  # columns of the heads


@dataclass(frozen=True)
class Material:
    """Texts by entries: counts of n-grams and words, steps of form, and what they are counts of."""

    counts: sp.csr_matrix
    form: sp.csr_matrix
    entries: Entries

    @property
    def matrix(self) -> sp.csr_matrix:
        """What a fit sees; as fit.Design."""
        words = weigh(self.counts) @ sp.diags(self.entries.idf * fit.IDF_SCALE)
        return sp.hstack([words, self.form * np.float32(FORM_SCALE)], format="csr")

    def only(self, keep: NDArray[np.int64]) -> Material:
        """Of these n-grams and words, and every step of form."""
        entries = self.entries
        kinds, texts = ([column[i] for i in keep.tolist()] for column in (entries.kinds, entries.texts))
        return Material(self.counts[:, keep], self.form, Entries(kinds, texts, entries.form, entries.idf[keep]))


def material_of(reader: Reader, reading: Reading, rows: NDArray[np.bool_]) -> Material:
    """All texts over the entries that MIN_TEXTS texts of `rows` hold."""
    each = np.arange(len(rows)).astype(object)
    entries = choose_entries(reader, reading, each, rows, min_authors=MIN_TEXTS)
    counts = Vocabulary(entries.kinds, entries.texts).counts(reading.folded.batch, reading.tokens).matrix()
    return Material(counts, form_matrix(form_counts(reader, reading), entries.form), entries)


def heads_of(rows: Feelings, keep: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """For each head the texts of `keep` it learns from, and which texts are it: positive, neutral, then each emotion."""
    polar = keep & (rows.label >= 0) & (rows.label != NEUTRAL)
    told = keep & (rows.emotion != UNKNOWN)
    emotions = [(told, rows.emotion == number) for number in range(len(EMOTIONS))]
    sided = keep & (rows.label >= 0) & (np.array(NEUTRAL_WEIGHT)[rows.domain] > 0)
    return [(polar, rows.label == POSITIVE), (sided, rows.label == NEUTRAL), *emotions]


def fit_heads(material: Material, rows: Feelings, keep: NDArray[np.bool_], *, heads: int | None = None) -> Weights:
    """The first `heads` heads, learned from the texts in `keep`: a column each, uncalibrated."""
    matrix = material.matrix
    found = [
        ratios.fit_ratio(_rows_of(head, matrix, rows, truth).take(known), seed=SEED)
        for head, (known, truth) in enumerate(heads_of(rows, keep)[:heads])
    ]
    return Weights(np.stack([c for c, _ in found], axis=1), np.array([bias for _, bias in found]))


def _rows_of(head: int, matrix: sp.csr_matrix, rows: Feelings, truth: NDArray[np.bool_]) -> ratios.Rows:
    """What a head sees; that of neutral has one bias for all sets, for a review's own would say that none is."""
    if head == IS_NEUTRAL:
        return ratios.Rows(matrix, truth, np.array(NEUTRAL_WEIGHT)[rows.domain], np.zeros_like(rows.domain))
    weight = SET_WEIGHT if head < FIRST_EMOTION else EMOTION_WEIGHT
    return ratios.Rows(matrix, truth, np.array(weight)[rows.domain], rows.domain)


def strongest(material: Material, weights: Weights) -> Material:
    """Over the MOST_ENTRIES n-grams and words that move the most texts the furthest, to a side or to none."""
    n = len(material.entries.texts)
    weight = np.abs(weights.coefficients[:n, :FIRST_EMOTION]).max(axis=1)
    reach = weight * material.entries.idf * np.sqrt(np.bincount(material.counts.indices, minlength=n))
    return material.only(np.sort(np.argsort(-reach, kind="stable")[:MOST_ENTRIES]))


def learn(
    material: Material, rows: Feelings, keep: NDArray[np.bool_], *, heads: int | None = None
) -> tuple[Material, Weights]:
    """Fitted on every entry, then again on the strongest of them."""
    if len(material.entries.texts) > MOST_ENTRIES:
        first = fit_heads(material, rows, keep, heads=min(heads or FIRST_EMOTION, FIRST_EMOTION))
        material = strongest(material, first)
    return material, fit_heads(material, rows, keep, heads=heads)


def learn_intensity(material: Material, rows: Feelings, keep: NDArray[np.bool_]) -> tuple[Material, Weights] | None:
    """Fitted on the texts of `keep` that have a strength, over what MIN_TEXTS of them hold; None where they are too few."""
    at = np.flatnonzero(keep & intensity.known(rows))
    if len(at) < MIN_TEXTS:
        return None
    held = np.bincount(material.counts[at].indices, minlength=len(material.entries.texts))
    material = material.only(np.flatnonzero(held >= MIN_TEXTS))
    return material, intensity.fit_intensity(material.matrix[at], rows.strength[at], seed=SEED)


@dataclass(frozen=True)
class Measured:
    """What figures are made of: the texts, read; the heads' logits and the intensity (NaN where none is known) by models that
    saw no text held out, nor a copy of one; of each set that was left out of training as a whole, the polarity of its texts by
    what was learned from the others; and the own posts, by the first model."""

    rows: Feelings
    reading: Reading
    logits: Floats
    intensity: Floats
    without: dict[str, tuple[NDArray[np.int64], Floats]]
    own: OwnFeelings
    own_logits: Floats

    def scales(self, keep: NDArray[np.bool_] | None = None) -> Scales:
        """The calibration by the texts held out (by those of them in `keep`)."""
        held = self.rows.held_out if keep is None else self.rows.held_out & keep
        return scales_of(self.logits, self.rows, held)


@dataclass(frozen=True)
class Trained:
    """The models that are saved, and what was measured. No intensity where no strength is known."""

    sentiment: LinearModel
    emotion: LinearModel
    intensity: LinearModel | None
    measured: Measured


def measure(data: Path, corpora: Path, reader: Reader, say: Progress) -> tuple[Measured, Material, Material]:
    """The recipe fitted without what is held out, and without each set; all entries, and those it chose."""
    rows = load(data, corpora)
    say(f"reading {len(rows.label):,} texts")
    reading = reader.read(rows.texts)
    everything = material_of(reader, reading, rows.fitted)
    say("fitting without the texts held out")
    material, weights = learn(everything, rows, rows.fitted)
    logits = weights.logits(material.matrix)
    without = {name: _without(everything, rows, name, say) for name in ALL_SETS if (rows.dataset == name).any()}
    own = own_feelings(corpora)
    own_logits = weights.logits(Design.of(reader, reader.read(own.texts), material.entries).matrix)
    strong = _intensity(learn_intensity(everything, rows, rows.fitted), len(rows.label))
    return Measured(rows, reading, logits, strong, without, own, own_logits), everything, material


def _intensity(learned: tuple[Material, Weights] | None, n: int) -> Floats:
    if learned is None:
        return np.full(n, np.nan)
    material, weights = learned
    return np.asarray(1 / (1 + np.exp(-weights.logits(material.matrix)[:, 0])))


def _without(everything: Material, rows: Feelings, name: str, say: Progress) -> tuple[NDArray[np.int64], Floats]:
    """Numbers and polarity of the texts of a set, by a fit that saw nothing of the set, nor of its subject in another."""
    say(f"fitting without {name}")
    mine = rows.dataset == name
    about = mine | (rows.part == HOTELS) if name == "chnsenticorp_hotel" else mine
    asked = np.flatnonzero(mine & (rows.label >= 0) & (rows.label != NEUTRAL))
    keep = ~about & ~np.isin(rows.group, rows.group[asked])
    material, weights = learn(everything, rows, keep, heads=1)
    return asked, weights.logits(material.matrix[asked])[:, POLARITY]


def train(data: Path, corpora: Path, reader: Reader, say: Progress) -> Trained:
    """The models fitted on every text over the entries chosen without those held out, calibrated by the latter."""
    measured, everything, material = measure(data, corpora, reader, say)
    say("fitting all texts")
    every = np.ones(len(measured.rows.label), bool)
    weights, strong = fit_heads(material, measured.rows, every), learn_intensity(everything, measured.rows, every)
    scales, version = measured.scales(), reader.lexicon.version
    sentiment = to_model(scales.sentiment(weights), material.entries, SENTIMENTS, version)
    emotion = to_model(scales.emotion(weights), material.entries, EMOTIONS, version)
    intense = None if strong is None else to_model(strong[1], strong[0].entries, INTENSITY, version)
    return Trained(sentiment, emotion, intense, measured)
