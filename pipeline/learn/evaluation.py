"""Everything that is measured of a judge, and the card, the figures and the plots that say it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.artifacts import load_linear, save_json, unseal
from pipeline.errors import PermanentError, one_line
from pipeline.learn import breakdown, cards, judge, metrics, plots, probe
from pipeline.learn.breakdown import Slice
from pipeline.learn.camouflage import DISGUISES
from pipeline.learn.fetched import ABSENT, fetched_sets
from pipeline.learn.judge import Comparison, Corpus
from pipeline.learn.labels import file_hash
from pipeline.learn.probe import Kind
from pipeline.settings import Settings
from pipeline.text.linear import Floats, LinearModel
from pipeline.text.reading import Reader, open_reader

Progress = Callable[[str], None]
DECIMALS = 6  # of the figures kept; cards show three


@dataclass(frozen=True)
class Evaluation:
    """Beside the baseline; by platform, year, class and so on; kind by kind of the probe."""

    comparisons: list[Comparison]
    slices: list[Slice]
    kinds: list[Kind]


def evaluate(
    data: Path, corpora: Path, corpus: Corpus, reader: Reader, logits: Floats, model: LinearModel, say: Progress
) -> Evaluation:
    """All figures. `logits` are the out-of-fold logits of the corpus; `model` answers the probe."""
    comparisons = judge.evaluate(data, corpus, reader, logits, say)
    say("by platform, year and class")
    gold = corpus.labels.measured
    rows, chances = corpus.labels.take(gold), judge.cross_probabilities(corpus, logits)[gold]
    slices = breakdown.breakdown(rows, chances, breakdown.years(data, rows))
    say("words in disguise")
    disguised = {
        name or "each word another": judge.camouflaged_probabilities(corpus, reader, logits, name)[gold]
        for name in (None, *DISGUISES)
    }
    slices += breakdown.camouflage(rows, chances, disguised)
    return Evaluation(comparisons, slices, probe.ask(corpora, model, reader, judge.natural_base_rate(corpus.labels)))


def write(
    folder: Path, found: Evaluation, corpus: Corpus, logits: Floats, gain: dict[str, float], facts: dict[str, Any]
) -> None:
    """README.md, metrics.json and the two plots of a judge's folder."""
    gold = corpus.labels.measured
    rows, chances = corpus.labels.take(gold), judge.cross_probabilities(corpus, logits)[gold]
    main = metrics.main_rows(rows.label)
    plots.write_plots(
        folder, rows.label[main] != 0, metrics.broadcast_score(chances)[main], (rows.stratum == "random")[main]
    )
    save_json(folder, "metrics.json", {
        "comparisons": [asdict(c) for c in found.comparisons], "context": gain, "facts": facts,
        "slices": _rounded([asdict(s) for s in found.slices]), "probe": [asdict(k) for k in found.kinds],
    })  # fmt: skip
    (folder / "README.md").write_text(
        cards.judge_card(found.comparisons, found.slices, found.kinds, gain, facts), "utf-8"
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list | tuple) else value


def evaluate_recipe(data: Path, settings: Settings, say: Progress, *, card: Path | None = None) -> Evaluation:
    """`evaluate` from the start: reads the posts, fits the folds, measures; the probe is asked of the model in use.

    `card`: a judge's folder whose card, figures and plots are written anew. Raises PermanentError where that model was
    made of other data than the figures would be. The model itself stays as it is.
    """
    corpora = Path(settings.corpora)
    home = card or Path(settings.models) / "judge"
    known = _known(home, data, corpora) if card else None
    reader, model = open_reader(corpora, domain_words=settings.domain_words), load_linear(home)
    corpus = judge.training_corpus(data, corpora, reader, say=say)
    logits = judge.out_of_fold(corpus, reader, say)
    found = evaluate(data, corpora, corpus, reader, logits, model, say)
    if known is not None:
        write(home, found, corpus, logits, *known)
    return found


def _known(home: Path, data: Path, corpora: Path) -> tuple[dict[str, float], dict[str, Any]]:
    """The context's gain and the facts of a judge's metrics.json; its recipe must name the data at hand."""
    unseal(home, "linear")
    try:
        recipe = tomllib.loads((home / "recipe.toml").read_text("utf-8"))
        told = json.loads((home / "metrics.json").read_text("utf-8"))
        inputs, gain, facts = dict(recipe["inputs"]), dict(told["context"]), dict(told["facts"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PermanentError(
            f"evaluate --card {one_line(home)}: {one_line(error, 120)}; expected a trained judge's folder"
        ) from error
    for name, digest in inputs.items():
        ours = name.startswith("corpora/")
        path = corpora / name.removeprefix("corpora/") if ours else data / name
        if not name.startswith("labels/") and file_hash(path) != digest:
            raise PermanentError(
                f"evaluate --card {one_line(home)}: {one_line(name)} is not the file it was trained on; restore it or train again"
            )
    for name, state in fetched_sets(corpora).items():
        if recipe.get("fetched", {}).get(name, ABSENT) != state:
            raise PermanentError(
                f"evaluate --card {one_line(home)}: set {name} was {'not ' if state != ABSENT else ''}there when it was"
                " trained; fetch or remove it, or train again"
            )
    if any(name.startswith("labels/") for name in inputs):
        raise PermanentError(
            f"evaluate --card {one_line(home)}: trained on labels of a lake too; its card was written then"
        )
    return gain, facts
