"""posts -> post_features: what a post's own text says, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.judge_model import likeliest
from pipeline.tables import EMOTIONS, SCHEMA_VERSION, SENTIMENTS, complete
from pipeline.text.linear import LinearModel, Scoring, softmax
from pipeline.text.reading import Reader, Reading
from pipeline.text.sketch import sketches
from pipeline.text.snownlp_exact import of_batch
from pipeline.text.snownlp_table import snow_table, summed
from pipeline.text.topics import EntryTopics, Topics
from pipeline.text.vocabulary import Counts


@dataclass(frozen=True)
class TextModels:
    """What reads a text: the reader (jieba, lexicon), the judge of six classes, the sentiment model, those of emotions and of
    intensity, and the topics."""

    reader: Reader
    judge: LinearModel
    sentiment: LinearModel
    emotion: LinearModel | None = None
    intensity: LinearModel | None = None
    topics: Topics | None = None

    @cached_property
    def scoring(self) -> Scoring:
        """All models, SnowNLP's words and those of the topics over one walk through the texts."""
        more = [model for model in (self.emotion, self.intensity) if model is not None]
        words = snow_table().words.to_pylist() + list(self.topics.words if self.topics else ())
        return Scoring([self.judge, self.sentiment, *more], words)

    @cached_property
    def snow_odds(self) -> NDArray[np.float64]:
        """SnowNLP's log-odds of each entry of `scoring`; the last is that of an unknown word."""
        odds = np.full(len(self.scoring.vocabulary) + 1, snow_table().odds[-1])
        odds[self.scoring.words[: len(snow_table().words)]] = snow_table().odds[:-1]
        return odds

    @cached_property
    def entry_topics(self) -> EntryTopics | None:
        """The topics over the entries of `scoring`."""
        words = self.scoring.words[len(snow_table().words) :]
        return self.topics.over(words, len(self.scoring.vocabulary)) if self.topics else None


def features(
    posts: pa.Table, *, models: TextModels, store_tokens: bool = False, snownlp_exact: bool = False
) -> pa.Table:
    """Table post_features of table posts, row for row. Each row depends on its own text only."""
    reading = models.reader.read(posts["text"], places=False)
    names = ("platform", "post_id", "author_id", "posted_at")
    counts = models.scoring.counts(reading)
    columns = {name: posts[name] for name in names} | text_columns(reading, models, counts)
    if models.entry_topics:
        columns["topic"] = models.entry_topics.of(counts.token_entries, reading.tokens.offsets)
    columns["sketch"] = sketches(reading.folded.batch)
    if snownlp_exact:
        columns["snownlp_exact"] = pa.array(of_batch(reading.original), mask=reading.original.lengths == 0)
    if store_tokens:
        columns["tokens"] = reading.tokens.to_arrow(reading.folded.batch)
    columns["text_judge_version"] = pa.array([models.judge.version] * len(posts), pa.string())
    columns["sentiment_version"] = pa.array([models.sentiment.version] * len(posts), pa.string())
    columns["schema_version"] = pa.array(np.full(len(posts), SCHEMA_VERSION, np.int32))
    return complete(columns, "post_features", len(posts))


def text_columns(reading: Reading, models: TextModels, counts: Counts) -> dict[str, pa.Array]:
    """The judge's and the sentiment model's columns and the counts of form, one value per text; `counts` by models.scoring."""
    judged, sided, *more = models.scoring.logits(models.reader, reading, counts)
    classes, feelings = softmax(judged), softmax(sided)
    snow = summed(counts.token_entries, reading.tokens.offsets, models.snow_odds, snow_table().prior)
    order = [models.sentiment.classes.index(s) for s in SENTIMENTS]
    columns = {f"p_{c}": _floats(classes[:, i]) for i, c in enumerate(models.judge.classes)}
    columns["text_label"] = _names(models.judge.classes, likeliest(classes))
    columns |= {f"p_{s}": _floats(feelings[:, k]) for s, k in zip(SENTIMENTS, order, strict=True)}
    columns["sentiment"] = _floats(feelings[:, order[2]] - feelings[:, order[0]])
    columns["sentiment_label"] = _names(SENTIMENTS, feelings[:, order].argmax(axis=1))
    columns |= _emotion_columns(models.emotion, more, len(reading))
    columns["intensity"] = _nulls(len(reading)) if models.intensity is None else _floats(_sigmoid(more[-1][:, 0]))
    columns["snownlp_sentiment"] = _floats(snow)
    return columns | form_columns(reading, models.reader)


def _emotion_columns(model: LinearModel | None, logits: list[NDArray[np.float64]], n_rows: int) -> dict[str, pa.Array]:
    """The probability of each emotion; NULL without a model of them. Neutral is no column: it is what they leave of 1."""
    names = [name for name in EMOTIONS if name != "neutral"]
    if model is None:
        return {f"emotion_{name}": _nulls(n_rows) for name in names}
    chances = softmax(logits[0])
    return {f"emotion_{name}": _floats(chances[:, model.classes.index(name)]) for name in names}


def form_columns(reading: Reading, reader: Reader) -> dict[str, pa.Array]:
    """The counts of post_features: marks, cues, words of person and feeling per 100 tokens (NULL without tokens)."""
    form, tokens = reading.form, reading.n_words
    whole = {
        "n_chars": form["chars"], "n_tokens": tokens, "n_emoticons": form["emoji"] + form["emoticons"],
        "n_links": form["links"], "n_mentions": form["mentions"], "n_topics": form["topics"],
        "contact_cues": form["placeholders"] + reader.group(reading, "contact"),
        "obfuscation_cues": form["enclosed"] + form["full_width"] + reader.group(reading, "obfuscation"),
        "stock_cues": reader.group(reading, "stock_pressure"),
    }  # fmt: skip
    columns = {name: pa.array(values.astype(np.int32)) for name, values in whole.items()}
    columns["first_person_per_100"] = _per_100(reader.group(reading, "first_person"), tokens)
    columns["affect_per_100"] = _per_100(reader.group(reading, "affect_positive", "affect_negative"), tokens)
    return columns


def _per_100(hits: NDArray[np.int64], tokens: NDArray[np.int64]) -> pa.Array:
    return pa.array((100 * hits / np.maximum(tokens, 1)).astype(np.float32), mask=tokens == 0)


def _nulls(n_rows: int) -> pa.Array:
    return pa.nulls(n_rows, pa.float32())


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _floats(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values.astype(np.float32))


def _names(names: tuple[str, ...], index: NDArray[np.int64]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(index))
