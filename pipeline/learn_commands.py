"""What `train`, `evaluate` and `promote` do. The training libraries are imported by the command that needs them."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError, one_line
from pipeline.settings import Settings

EVALUATED = ("judge", "sentiment")


def train(model: str, data: str, out: str | None, labels: list[str], settings: Settings) -> int:
    """Train a candidate model; the judge also on files of readings."""
    from pipeline.learn.train import train as train_model

    folder = Path(out or f"candidates/{model}")
    figures = train_model(model, Path(data), settings, folder, _say_line, tuple(map(Path, labels)))
    print(f"candidate {folder}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    print(f"put it into use: xinren promote {folder}")
    return 0


def _say_line(text: str) -> None:
    print(f"  {text}", flush=True)


def evaluate(model: str, data: str, card: str | None, settings: Settings) -> int:
    """Measure a recipe beside the usual baseline on the same folds, and where it is good and where not."""
    if model not in EVALUATED:
        raise UsageError(f"evaluate {one_line(model)}: no such evaluation; expected one of {', '.join(EVALUATED)}")
    if model == "sentiment":
        return _evaluate_sentiment(data, card, settings)
    from pipeline.learn.evaluation import evaluate_recipe
    from pipeline.view.figures import print_evaluation

    folder = Path(card) if card else None
    print_evaluation(evaluate_recipe(Path(data), settings, _say_line, card=folder))
    if folder is not None:
        print(f"card, figures and plots written: {one_line(folder)}")
    return 0


def _evaluate_sentiment(data: str, card: str | None, settings: Settings) -> int:
    if card is not None:
        raise UsageError(
            "evaluate sentiment --card: only the judge's card is written so; `train sentiment` writes its own"
        )
    from pipeline.learn.sentiment import measure
    from pipeline.learn.sentiment_figures import figures_of
    from pipeline.text.reading import open_reader
    from pipeline.view.figures import print_sentiment

    reader = open_reader(settings.corpora, domain_words=settings.domain_words)
    print_sentiment(figures_of(measure(Path(data), Path(settings.corpora), reader, _say_line)[0]))
    return 0


def promote(candidate: str, settings: Settings) -> int:
    """Put a candidate into models/."""
    from pipeline.learn.train import promote as promote_model

    print(f"now in use: {promote_model(Path(candidate), Path(settings.models))}")
    return 0
