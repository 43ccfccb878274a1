"""Figures by slice are scikit-learn's on the same rows; the plots are pictures; the probe is asked as posts are judged."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from pipeline.judge_model import likeliest
from pipeline.learn import breakdown, labels, metrics, plots, probe
from pipeline.tables import CLASSES
from tests.tiny import CORPORA, judge_model, reader

DICE = np.random.default_rng(5)
N = 600


@pytest.fixture(scope="module")
def rows(data: Path) -> labels.Labels:
    """The gold posts of the small data folder."""
    return labels.gold(data / "posts_gold" / "train.csv")


@pytest.fixture(scope="module")
def chances(rows: labels.Labels) -> np.ndarray:  # type: ignore[type-arg]
    made = DICE.dirichlet(np.ones(6), len(rows))
    made[np.arange(len(rows)), rows.label] += 0.3
    return np.asarray(made / made.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module", autouse=True)
def quick() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(metrics.interval.__kwdefaults__, "draws", 20)
        yield  # type: ignore[misc]


def test_a_slice_has_the_figures_of_its_rows(rows: labels.Labels, chances: np.ndarray) -> None:  # type: ignore[type-arg]
    from sklearn.metrics import precision_recall_fscore_support

    slices = breakdown.breakdown(rows, chances, np.full(len(rows), ""))
    everything = slices[0]
    known = metrics.figures(rows.label, chances)
    for name in ("auc", "average_precision", "f1"):
        value, low, high = everything.figures[name]
        assert value == pytest.approx(known[name])
        assert low < value < high
    guess = likeliest(chances)
    oracle = precision_recall_fscore_support(rows.label, guess, labels=range(6))
    for k, part in enumerate(s for s in slices if s.group == "class"):
        assert part.name == CLASSES[k]
        assert [part.figures[f][0] for f in ("precision", "recall", "f1")] == pytest.approx([o[k] for o in oracle[:3]])
    assert not [s for s in slices if s.group == "year"]


def test_at_the_base_rate_of_the_sample_nothing_is_reweighted(
    rows: labels.Labels, chances: np.ndarray, monkeypatch: pytest.MonkeyPatch  # type: ignore[type-arg]
) -> None:  # fmt: skip
    from sklearn.metrics import precision_score, recall_score

    loud = [CLASSES.index(c) for c in ("sell", "recruit", "bait")]
    natural = rows.stratum == "random"
    truth, said = np.isin(rows.label, loud)[natural], chances[natural][:, loud].sum(axis=1) >= 0.5
    monkeypatch.setattr(breakdown, "BASE_RATES", (float(truth.mean()), 0.01))
    same, rare = [s for s in breakdown.breakdown(rows, chances, np.full(len(rows), "")) if s.group == "base rate"]
    assert same.figures["precision"][0] == pytest.approx(precision_score(truth, said))
    assert same.figures["recall"][0] == pytest.approx(recall_score(truth, said))
    assert rare.figures["recall"][0] < same.figures["recall"][0]  # the threshold is higher where broadcasting is rare


def test_slices_too_small_to_say_anything_are_left_out(rows: labels.Labels, chances: np.ndarray) -> None:  # type: ignore[type-arg]
    year = np.where(np.arange(len(rows)) < 30, "2014", "2018")
    found = {s.name for s in breakdown.breakdown(rows, chances, year) if s.group == "year"}
    assert found == {"2018"}


def test_the_year_of_a_post_is_its_own_or_its_set_s(data: Path, rows: labels.Labels) -> None:
    year = breakdown.years(data, rows)
    of = dict(zip(rows.dataset.tolist(), year.tolist(), strict=True))
    assert of["weibo_2014"] == "2014"
    assert of["xhs_2018"] == of["weibo_timelines_2018"] == "2018"
    assert set(year[rows.dataset == "weibo_authors"].tolist()) == {"2015"}
    assert set(breakdown.platforms(rows).tolist()) == {"weibo", "xiaohongshu"}


def test_the_plots_are_svg_with_the_points_they_should_have(tmp_path: Path) -> None:
    score = DICE.random(N)
    truth = DICE.random(N) < score
    plots.write_plots(tmp_path, truth, score, np.arange(N) % 2 == 0)
    curve, dots = (ET.parse(tmp_path / name).getroot() for name in plots.FILES)
    space = "{http://www.w3.org/2000/svg}"
    lines = curve.findall(f"{space}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [plots.STEPS] * 2
    circles = dots.findall(f"{space}circle")
    assert len(circles) == metrics.BINS
    for circle in circles:  # a score that is a probability lies on the diagonal
        x = (float(circle.attrib["cx"]) - plots.LEFT) / plots.SIDE
        y = 1 - (float(circle.attrib["cy"]) - plots.TOP) / plots.SIDE
        assert abs(x - y) < 0.25


def test_the_probe_is_counted_kind_by_kind() -> None:
    kinds = probe.ask(CORPORA, judge_model(), reader(), 0.3)
    assert sum(k.n for k in kinds) == len(_texts())
    assert all(0 <= k.wrong <= k.n for k in kinds)
    assert {k.kind for k in kinds} >= {"shopper stocking up", "soft ad as diary", "recruiting as review"}


def _texts() -> list[str]:
    return list(labels.read_labelled(CORPORA / "probe" / "posts.csv")["text"].to_pylist())


def test_no_post_of_the_probe_is_trained_on() -> None:
    assert len(_texts()) == len(set(_texts())) >= 60
    assert not set(_texts()) & set(labels.own(CORPORA).texts.to_pylist())
