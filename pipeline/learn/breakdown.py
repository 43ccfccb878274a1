"""Where the judge is good and where not: figures by platform, data set, class and year, and at stated base rates, with intervals.

All from out-of-fold probabilities: every post judged by a model that saw neither its author nor a near-duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.judge_model import likeliest, text_logits
from pipeline.learn import metrics
from pipeline.learn.histories import raw_posts
from pipeline.learn.labels import Labels
from pipeline.local_time import OFFSET
from pipeline.tables import BROADCAST, CLASSES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BASE_RATES = (0.12, 0.3)  # that of a published set of covert advertisements; the setting's default
LEAST, LEAST_AUTHORS = 25, 10  # posts and authors on each side below which a figure says nothing
_BOUNDS, _LENGTHS = (20, 80, 300), ("1 to 19 characters", "20 to 79", "80 to 299", "300 or more")
_PLATFORM = {"xhs_2018": "xiaohongshu"}  # the others are Weibo's
_YEAR = {
    "weibo_2014": "2014",
    "weibo_timelines_2018": "2018",
    "xhs_2018": "2018",
    "weibo_covid_579k": "2020",
    "smp2020": "2020",
}
_BROADCAST = [CLASSES.index(c) for c in BROADCAST]
Figure = tuple[float, float, float]  # value, and the 95% interval over authors


@dataclass(frozen=True)
class Slice:
    """Figures of some of the posts. `group`: platform, data set, year, class or base rate."""

    group: str
    name: str
    n: int
    n_broadcast: int
    figures: dict[str, Figure]


def platforms(rows: Labels) -> NDArray[np.str_]:
    """The platform of each post."""
    return np.array([_PLATFORM.get(name, "weibo") for name in rows.dataset.tolist()])


def years(data: Path, rows: Labels) -> NDArray[np.str_]:
    """The year of each post: of its data set, or for weibo_authors of the author's post with its text; "" unknown."""
    found = np.array([_YEAR.get(name, "") for name in rows.dataset.tolist()], "<U4")
    of_set = rows.dataset == "weibo_authors"
    if not of_set.any():
        return found
    posts = raw_posts(data, "weibo_authors", pa.array(sorted(set(rows.author[of_set].tolist()))))
    at = _said(posts["author_id"], posts["text"])
    asked = _said(pa.array(rows.author[of_set].tolist(), pa.string()), rows.texts.filter(pa.array(of_set)))
    micros = pc.add(posts["posted_at"].combine_chunks().cast(pa.int64()), OFFSET)
    local = pc.strftime(micros.cast(pa.timestamp("us")), format="%Y")
    year = pc.fill_null(local.take(pc.index_in(asked, value_set=at)), "")
    found[of_set] = np.array(year.to_pylist(), "<U4")
    return found


def _said(author: pa.Array, text: pa.Array) -> pa.Array:
    parts = [p.combine_chunks() if isinstance(p, pa.ChunkedArray) else p for p in (author, text)]
    return pc.binary_join_element_wise(parts[0], pc.utf8_trim_whitespace(parts[1]), "\x1f")


def breakdown(rows: Labels, probabilities: Floats, year: NDArray[np.str_]) -> list[Slice]:
    """Every slice with enough posts on both sides; `probabilities` are out of fold, texts by CLASSES."""
    groups = {"platform": platforms(rows), "data set": rows.dataset.astype(str), "year": year, "length": _lengths(rows)}
    slices = [Slice("all", "all", *_sizes(rows.label), _main_figures(rows, probabilities))]
    for group, values in groups.items():
        for name in _LENGTHS if group == "length" else sorted(set(values.tolist()) - {""}):
            some = values == name
            n, loud = _sizes(rows.label[some])
            if _enough(rows.take(some)):
                slices.append(Slice(group, name, n, loud, _main_figures(rows.take(some), probabilities[some])))
    natural = rows.stratum == "random"
    return [*slices, *_classes(rows, probabilities), *_at_base_rates(rows.take(natural), probabilities[natural])]


def camouflage(rows: Labels, plain: Floats, disguised: dict[str, Floats]) -> list[Slice]:
    """The figures of plain words and, by the name of the disguise, of the same posts with their words in it.

    `broadcasters' words`: only those of posts that broadcast, since others have no reason to hide a word.
    """
    loud = np.isin(rows.label, _BROADCAST)[:, None]
    all_of = (
        {"none": plain}
        | disguised
        | {f"{name}, broadcasters' words": np.where(loud, p, plain) for name, p in disguised.items()}
    )
    n, n_loud = _sizes(rows.label)
    return [Slice("camouflage", name, n, n_loud, _main_figures(rows, chances)) for name, chances in all_of.items()]


def _lengths(rows: Labels) -> NDArray[np.str_]:
    sizes = pc.utf8_length(rows.texts).to_numpy(zero_copy_only=False)
    return np.asarray(np.array(_LENGTHS)[np.searchsorted(_BOUNDS, sizes, side="right")])


def _enough(rows: Labels) -> bool:
    """Whether both sides have LEAST posts of LEAST_AUTHORS authors."""
    for side in (rows.label == 0, np.isin(rows.label, _BROADCAST)):
        if side.sum() < LEAST or len(set(rows.author[side].tolist())) < LEAST_AUTHORS:
            return False
    return True


def _sizes(label: Ints) -> tuple[int, int]:
    return len(label), int(np.isin(label, _BROADCAST).sum())


def _with_interval(authors: NDArray[np.object_], figure: Callable[[Ints], float]) -> Figure:
    return (figure(np.arange(len(authors))), *metrics.interval(authors, figure))


def _main_figures(rows: Labels, probabilities: Floats) -> dict[str, Figure]:
    """Broadcast against share: AUC, average precision, F1 at 0.5."""
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    main = metrics.main_rows(rows.label)
    truth, score = rows.label[main] != 0, metrics.broadcast_score(probabilities)[main]
    measures: dict[str, Callable[[Ints], float]] = {
        "auc": lambda at: float(roc_auc_score(truth[at], score[at])),
        "average_precision": lambda at: float(average_precision_score(truth[at], score[at])),
        "f1": lambda at: float(f1_score(truth[at], score[at] >= 0.5)),
    }
    return {name: _with_interval(rows.author[main], measure) for name, measure in measures.items()}


def _classes(rows: Labels, probabilities: Floats) -> Iterator[Slice]:
    """Precision, recall and F1 of each class, the likeliest of six (recruiting weighed) being the guess."""
    guess = likeliest(probabilities)
    for k, name in enumerate(CLASSES):
        truth, said = rows.label == k, guess == k
        figures = {f: _with_interval(rows.author, _counted(truth, said, np.ones(len(truth)), f)) for f in _RATES}
        yield Slice("class", name, int(truth.sum()), int(truth.sum()) if k in _BROADCAST else 0, figures)


_RATES = ("precision", "recall", "f1")


def _counted(truth: NDArray[np.bool_], said: NDArray[np.bool_], weight: Floats, figure: str) -> Callable[[Ints], float]:
    """Precision, recall or F1 of `said` against `truth`, from weighted counts."""

    def of(at: Ints) -> float:
        hit, claimed, there = (float(w[at].sum()) for w in (weight * (truth & said), weight * said, weight * truth))
        below = {"precision": claimed, "recall": there, "f1": (claimed + there) / 2}[figure]
        return hit / below if below else 0.0

    return of


def _at_base_rates(rows: Labels, probabilities: Floats) -> Iterator[Slice]:
    """Posts flagged as in use, among all posts of a feed with that share of broadcasting (the random stratum, reweighted)."""
    truth = np.isin(rows.label, _BROADCAST)
    here = float(truth.mean())
    if not 0 < here < 1:
        return
    for rate in BASE_RATES:
        shift = np.log(rate / (1 - rate)) - np.log(here / (1 - here))
        said = text_logits(probabilities[:, _BROADCAST].sum(axis=1)) + shift >= 0
        weight = np.where(truth, rate / here, (1 - rate) / (1 - here))
        figures = {f: _with_interval(rows.author, _counted(truth, said, weight, f)) for f in _RATES}
        yield Slice("base rate", f"{rate:g}", len(truth), int(truth.sum()), figures)
