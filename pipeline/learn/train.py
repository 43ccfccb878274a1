"""Train a model into a candidate folder: weights, recipe, metrics, card. Nothing is written into models/ but by promote."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.artifacts import load_emotion, load_intensity, save_json, save_linear, save_values, unseal
from pipeline.errors import PermanentError, UsageError
from pipeline.learn import (
    cards,
    evaluation,
    feelings,
    fit,
    intensity,
    judge,
    metrics,
    ratios,
    reviews,
    self_training,
    sentiment,
    sentiment_scale,
    vectors,
)
from pipeline.learn.authors import labelled_lives
from pipeline.learn.context import CONSTANTS as CONTEXT_CONSTANTS
from pipeline.learn.context import train_context
from pipeline.learn.fetched import fetched_sets
from pipeline.learn.label_texts import LAKE, read_posts, texts_hash
from pipeline.learn.labels import OWN_FOLD, OWN_WEIGHT
from pipeline.learn.public_posts import FILES, READ, READ_STRATUM
from pipeline.learn.sentiment_card import sentiment_card
from pipeline.learn.sentiment_figures import figures_of
from pipeline.learn.trust import fit_trust, with_reference
from pipeline.order import floats
from pipeline.settings import Settings
from pipeline.tables import CLASSES
from pipeline.text.linear import FORM_SCALE, Floats
from pipeline.text.reading import Reader, open_reader

Progress = Callable[[str], None]
FIRST_POSTS = 10
FILES_OF_FEELINGS = ("smp2020_train_eval", *feelings.SETS[1:])
MODELS = ("judge", "sentiment", "trust")


def train(
    name: str, data: Path, settings: Settings, out: Path, say: Progress, readings: tuple[Path, ...] = ()
) -> dict[str, float]:
    """Train model `name` on `data` into folder `out` and return its main figures. Raises UsageError for another name.

    `readings`: files of readings, for the judge, whose texts are in the lake of the settings.
    """
    if name not in MODELS:
        raise UsageError(f"train {name}: no such model; expected one of {', '.join(MODELS)}")
    if readings and name != "judge":
        raise UsageError(f"train {name} --labels: readings are of the judge's classes; expected `train judge`")
    if not data.is_dir():
        raise PermanentError(f"training data {data}: no such folder; expected the public data sets; set --data")
    out.mkdir(parents=True, exist_ok=True)
    made = {"judge": train_judge, "sentiment": train_sentiment, "trust": train_trust}[name]
    return made(Task(data, settings, out, say, readings))


@dataclass(frozen=True)
class Task:
    """What a training run is given: public data, settings (corpora, models, lake), the candidate folder, progress, readings."""

    data: Path
    settings: Settings
    out: Path
    say: Progress
    readings: tuple[Path, ...] = ()

    @property
    def corpora(self) -> Path:
        """Folder of the lexicon and of the project's own posts."""
        return Path(self.settings.corpora)

    def reader(self) -> Reader:
        """jieba and the lexicon."""
        return open_reader(self.corpora, domain_words=self.settings.domain_words)

    def inputs(self, *names: str, own: bool = True) -> dict[str, Path]:
        """The data files of these names, lexicon and, if they are trained on, own posts, by the name the recipe gives them."""
        posts = sorted(self.corpora.glob("posts/*.csv")) if own else []
        ours = {f"corpora/{p.relative_to(self.corpora).as_posix()}": p for p in posts}
        ours |= {f"corpora/lexicon/{name}": self.corpora / "lexicon" / name for name in ("cues.toml", "words.txt")}
        return ours | {name: self.data / name for name in names}


def train_judge(task: Task) -> dict[str, float]:
    """The text judge, the context model, and their figures beside the baseline's."""
    data, out, say, reader = task.data, task.out, task.say, task.reader()
    names = ["posts_gold/train.csv", "posts_gold/dev.csv"]
    names += sorted({"weibo_2014/posts.parquet", *FILES, *reviews.FILES})
    inputs = task.inputs(*names) | {f"labels/{path.name}": path for path in task.readings}
    if (task.corpora / READ).is_file():
        inputs[f"corpora/{READ.as_posix()}"] = task.corpora / READ
    more = read_posts(task.readings, task.settings.lake, data, say) if task.readings else None
    constants = (
        _constants()
        | self_training.CONSTANTS
        | vectors.CONSTANTS
        | CONTEXT_CONSTANTS
        | {"review_weight": reviews.WEIGHT}
    )
    constants |= {"texts_of_labels": texts_hash(more)} if more else {}
    cards.write_recipe(out, constants, inputs, fetched_sets(task.corpora))
    corpus = judge.training_corpus(data, task.corpora, reader, more, say)
    model, logits = judge.train(corpus, reader, say)
    version = save_linear(out, model, name="judge")
    calibration = judge.calibration_of(corpus, logits)
    context, gain = train_context(data, corpus, reader, calibration, say)
    context_version = save_values(out / "context", context, kind="context")
    found = evaluation.evaluate(data, task.corpora, corpus, reader, logits, model, say)
    comparisons = found.comparisons
    n_reviews, share = reviews.flagged_reviews(data, model, reader, judge.natural_base_rate(corpus.labels))
    facts = _judge_facts(corpus, logits) | {
        "reviews_held_out": n_reviews, "reviews_flagged": share,
        "version": version, "context_version": context_version, "entries": len(model.entries),
        "lexicon": reader.lexicon.version, "dev_broadcast": comparisons[-1].judge["n_broadcast"],
    }  # fmt: skip
    evaluation.write(out, found, corpus, logits, gain, facts)
    return {"auc": comparisons[0].judge["auc"], "f1": comparisons[0].judge["f1"], "context_f1": gain["context_f1"]}


def _constants() -> dict[str, Any]:
    return {
        "seed": judge.SEED, "min_authors": fit.MIN_AUTHORS, "most_entries": fit.MOST_ENTRIES, "inverse_strength": fit.INVERSE_STRENGTH,
        "idf_scale": fit.IDF_SCALE, "form_scale": FORM_SCALE, "standard": fit.STANDARD, "sums": fit.SUMS,
        "own_weight": OWN_WEIGHT,
    }  # fmt: skip


def _judge_facts(corpus: judge.Corpus, logits: Floats) -> dict[str, Any]:
    known = corpus.labels
    chances = judge.cross_probabilities(corpus, logits)
    natural = (known.stratum == "random") & known.measured
    main = natural & metrics.main_rows(known.label)
    notes = known.dataset == "xhs_2018"
    figures = metrics.figures(known.label[notes], chances[notes])
    return {
        "gold": int(known.measured.sum()), "own": int(((known.fold == OWN_FOLD) & (known.dataset == "")).sum()),
        "read": int((known.stratum == READ_STRATUM).sum()), "unlabelled": len(corpus.unlabelled.author),
        "reviews": int((known.stratum == reviews.STRATUM).sum()),
        **({"labelled": labelled} if (labelled := int((known.dataset == LAKE).sum())) else {}),
        "base_rate": judge.natural_base_rate(known),
        "calibration_error": metrics.calibration_error(
            known.label[main] != CLASSES.index("share"), metrics.broadcast_score(chances)[main]
        ),
        "xhs": f"AUC {figures['auc']:.3f}, average precision {figures['average_precision']:.3f} on the folds",
    }  # fmt: skip


def train_sentiment(task: Task) -> dict[str, float]:
    """The sentiment model, those of emotion and intensity inside its folder, and the figures beside SnowNLP's."""
    out, reader = task.out, task.reader()
    constants = {
        "seed": sentiment.SEED, "min_texts": sentiment.MIN_TEXTS, "most_entries": sentiment.MOST_ENTRIES, "reviews": feelings.REVIEWS,
        "inverse_strength": ratios.INVERSE_STRENGTH, "mix": ratios.MIX, "neutral_share": sentiment_scale.NEUTRAL_SHARE,
        "idf_scale": fit.IDF_SCALE, "form_scale": FORM_SCALE, "set_weight": list(sentiment.SET_WEIGHT),
        "neutral_weight": list(sentiment.NEUTRAL_WEIGHT), "intensity_inverse_strength": intensity.INVERSE_STRENGTH,
        "emotion_weight": list(sentiment.EMOTION_WEIGHT),
    }  # fmt: skip
    names = {f"sentiment/{name}.parquet" for name in FILES_OF_FEELINGS}
    felt = task.corpora / feelings.FELT
    read = {f"corpora/{feelings.FELT.as_posix()}": felt} if felt.is_file() else {}
    inputs = task.inputs(*sorted(names | set(FILES if read else ())), own=False)
    cards.write_recipe(out, constants, inputs | read)
    trained = sentiment.train(task.data, task.corpora, reader, task.say)
    emotion = save_linear(out / "emotion", trained.emotion, name="emotion")
    versions = {"emotion_version": emotion}
    if trained.intensity is not None:
        versions["intensity_version"] = save_linear(out / "intensity", trained.intensity, name="intensity")
    version = save_linear(out, trained.sentiment, name="sentiment", extra=versions)
    task.say("figures")
    found = figures_of(trained.measured)
    facts: dict[str, Any] = {"version": version, **versions, "entries": len(trained.sentiment.entries)}
    facts |= {"lexicon": reader.lexicon.version, "texts": len(trained.measured.rows.label)}
    save_json(out, "metrics.json", {"figures": asdict(found), "facts": facts})
    (out / "README.md").write_text(sentiment_card(found, facts), "utf-8")
    return {f"polarity of {p.where}": p.accuracy for p in found.polarity} | {"macro-F1": found.macro_f1}


def train_trust(task: Task) -> dict[str, float]:
    """The author model, over the features that a run gives for the labelled accounts."""
    out = task.out
    names = ("weibo_authors/posts.parquet", "weibo_authors/authors.parquet")
    cards.write_recipe(out, {"seed": judge.SEED}, task.inputs(*names))
    lives = labelled_lives(task.data, task.settings, task.say)
    rows, is_spammer = lives.authors()
    model, figures = fit_trust(rows, is_spammer, seed=judge.SEED)
    dated = {day.isoformat(): _dated(*then) for day, *then in lives.dated()}
    early_rows, early_labels = labelled_lives(task.data, task.settings, task.say, first_posts=FIRST_POSTS).authors()
    _, early = fit_trust(early_rows, early_labels, seed=judge.SEED)
    version = save_values(out, with_reference(model, rows, is_spammer), kind="trust")
    spammers = int(is_spammer.sum())
    facts = {
        "version": version,
        "spammers": spammers,
        "first_posts": FIRST_POSTS,
        "features": sorted({*model.features, *(s.feature for s in model.steps)}),
        "steps": len(model.steps),
    }
    turned = metrics.auc(is_spammer, 1 - floats(rows["trust_score"]))  # the score learned nothing from these labels
    measured = {
        "all_posts": asdict(figures),
        "first_posts": asdict(early),
        "as_of": dated,
        "reversed_trust_score": turned,
    }
    save_json(out, "metrics.json", measured | {"spammers": spammers})
    (out / "README.md").write_text(cards.trust_card(measured, facts), "utf-8")
    return {"auc": figures.auc, "auc_first_posts": early.auc, "auc_reversed_trust_score": turned}


def _dated(rows: pa.Table, is_spammer: NDArray[np.bool_]) -> dict[str, float]:
    """Figures of a model of its own, and of the open score turned round, over the accounts as of an earlier day."""
    _, figures = fit_trust(rows, is_spammer, seed=judge.SEED)
    turned = metrics.auc(is_spammer, 1 - floats(rows["trust_score"]))
    short = {name: getattr(figures, name) for name in ("auc", "auc_low", "auc_high", "n_authors")}
    return short | {"reversed_trust_score": turned}


def promote(candidate: Path, models: Path) -> Path:
    """Copy a sealed candidate folder to models/<its name>, replacing what stands there; the folder's name is the model's."""
    kind = {"judge": "linear", "sentiment": "linear", "trust": "trust"}.get(candidate.name)
    if kind is None:
        raise UsageError(f"promote {candidate}: got folder name {candidate.name}; expected {', '.join(MODELS)}")
    unseal(candidate, kind)
    if candidate.name == "judge":
        unseal(candidate / "context", "context")
    if candidate.name == "sentiment":
        load_emotion(candidate)
        load_intensity(candidate)
    target, fresh = models / candidate.name, models / f".{candidate.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(candidate, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target
