"""Our stages, each ready to run: a function that does one pass and says over how many posts."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.threads import in_order
from tests.bench.ours import CORPORA, GATHERED, MODELS
from tests.bench.stages import LAKE

if TYPE_CHECKING:
    from pipeline.steps.features import TextModels
    from pipeline.text.reading import Reading

T = TypeVar("T")
Work = Callable[[], int]
SIZE = 4_000  # posts a batch, as Settings.batch_rows


class World:
    """What stages start from, read once: the tables of a lake, in batches as the pipeline has them, and the models."""

    def __init__(self, folder: Path) -> None:
        from pipeline.store import Lake

        self.lake = Lake.open(str(folder / LAKE))

    def table(self, name: str) -> pa.Table:
        """A table of the lake."""
        return self.lake.read(name).combine_chunks()

    def batches(self, name: str, column: str) -> list[pa.StringArray]:
        """A column of texts, SIZE at a time."""
        values = self.table(name)[column].combine_chunks()
        return [values[i : i + SIZE] for i in range(0, len(values), SIZE)]

    @cached_property
    def texts(self) -> list[pa.StringArray]:
        """The texts of posts."""
        return self.batches("posts", "text")

    @cached_property
    def posts(self) -> int:
        """How many there are."""
        return sum(map(len, self.texts))

    @cached_property
    def models(self) -> TextModels:
        """Reader, judge and sentiment model."""
        from pipeline.api import Scorer

        return Scorer(MODELS, CORPORA).models

    @cached_property
    def readings(self) -> list[Reading]:
        """The texts read."""
        return [self.models.reader.read(texts) for texts in self.texts]


def stages(folder: Path) -> dict[str, Callable[[], Work]]:
    """By name, what prepares each stage and gives the work."""
    world = World(folder)
    makers = {
        "segment_ids": segment_ids, "segment_texts": segment_texts, "normalise": normalise, "cues and form": cues,
        "n-grams and judge": judge, "words and sentiment table": sentiment, "sketch and join": campaigns, "write": write,
        "days and trust": trust, "code points": code_points, "contacts": contacts, "fold": fold, "words": words,
        "scores and counts": scores, "sketches": sketch, "the text step": text_step,
    }  # fmt: skip
    return {name: (lambda make=make: make(world)) for name, make in makers.items()}


def over_batches(step: Callable[[T], Any], batches: Sequence[T], posts: int) -> Work:
    """The work of `step` over all batches as the pipeline does it: in threads, as many as there are cores to use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def work() -> int:
        deque(in_order(step, batches, threads), maxlen=0)
        return posts

    return warm(work)


def warm(work: Work) -> Work:
    """`work`, done once: kernels are loaded, tables built."""
    work()
    return work


def segment_ids(world: World) -> Work:
    """String arrays to word ids and places."""
    from pipeline.text.segment import segment_ids

    return over_batches(segment_ids, world.texts, world.posts)


def segment_texts(world: World) -> Work:
    """A list of strings to lists of strings, in one call."""
    from pipeline.text.segment import segment_texts

    texts = [text for batch in world.texts for text in batch.to_pylist()]
    segment_texts(texts[:100])
    return lambda: len(segment_texts(texts))


def normalise(world: World) -> Work:
    """String arrays to folded string arrays."""
    from pipeline.text.normalise import normalise_texts

    return over_batches(normalise_texts, world.texts, world.posts)


def cues(world: World) -> Work:
    """Folded batches to matches per text and cue, and counts of form."""
    from pipeline.text.cues import count_cues, count_form, find_cues

    lexicon = world.models.reader.lexicon

    def step(batch: Any) -> None:
        count_form(batch)
        count_cues(batch, find_cues(batch, lexicon), len(lexicon.cues))

    return over_batches(step, [reading.folded.batch for reading in world.readings], world.posts)


def judge(world: World) -> Work:
    """Readings to six probabilities."""
    models = world.models
    # A copied reading has nothing kept from the pass before.
    return over_batches(
        lambda reading: models.judge.probabilities(models.reader, replace(reading)), world.readings, world.posts
    )


def sentiment(world: World) -> Work:
    """Texts to words to SnowNLP's table."""
    from pipeline.text.codepoints import from_arrow
    from pipeline.text.snownlp_table import snownlp_sentiment

    segmenter = world.models.reader.segmenter

    def step(texts: pa.StringArray) -> Any:
        batch = from_arrow(texts)
        return snownlp_sentiment(batch, segmenter.cut(batch))

    return over_batches(step, world.texts, world.posts)


def code_points(world: World) -> Work:
    """String arrays to code points."""
    from pipeline.text.codepoints import from_arrow

    return over_batches(from_arrow, world.texts, world.posts)


def contacts(world: World) -> Work:
    """Batches to batches with placeholders for contacts."""
    from pipeline.text.codepoints import from_arrow
    from pipeline.text.contacts import redact_batch

    return over_batches(redact_batch, [from_arrow(texts) for texts in world.texts], world.posts)


def fold(world: World) -> Work:
    """Batches to folded batches with places."""
    from pipeline.text.normalise import normalise

    return over_batches(normalise, [reading.original for reading in world.readings], world.posts)


def words(world: World) -> Work:
    """Folded batches to words, jieba's and the lexicon's."""
    batches = [reading.folded.batch for reading in world.readings]
    return over_batches(world.models.reader.segmenter.cut, batches, world.posts)


def scores(world: World) -> Work:
    """Readings to classes, sentiment and counts: one walk for both models and SnowNLP's table."""
    from pipeline.steps.features import text_columns

    models = world.models

    def step(reading: Reading) -> Any:
        return text_columns(replace(reading), models, models.scoring.counts(reading))

    return over_batches(step, world.readings, world.posts)


def sketch(world: World) -> Work:
    """Folded texts to sketches."""
    from pipeline.text.sketch import sketches

    return over_batches(sketches, world.batches("posts", "text_normalised"), world.posts)


def text_step(world: World) -> Work:
    """Posts to post_features: all that is known from the text."""
    from pipeline.steps.features import features

    posts = world.table("posts")
    batches = [posts.slice(i, SIZE) for i in range(0, len(posts), SIZE)]
    return over_batches(lambda batch: features(batch, models=world.models), batches, len(posts))


def campaigns(world: World) -> Work:
    """Folded texts to sketches to campaigns and their members."""
    from pipeline.steps.campaigns import campaigns

    posts, rows = world.table("posts"), world.table("post_features")

    def work() -> int:
        campaigns(posts, rows)
        return len(posts)

    return warm(work)


def write(world: World) -> Work:
    """Table posts into an empty lake: partitions, files, sync, commit."""
    from pipeline.run import publish, writing
    from pipeline.settings import Settings

    posts = world.table("posts")

    def work() -> int:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(lake=f"{folder}/lake", gathered_at=GATHERED, models=MODELS, corpora=CORPORA)
            with writing(settings) as run:
                return publish(run, "posts", posts, "bench")

    return warm(work)


def trust(world: World) -> Work:
    """Posts, features, judgements and members to author_days and author_trust."""
    from pipeline.artifacts import load_trust
    from pipeline.steps.days import author_days
    from pipeline.steps.trust import author_trust

    posts, rows, judged = (world.table(name) for name in ("posts", "post_features", "post_judgements"))
    members, model = world.table("campaign_members"), load_trust(Path(MODELS) / "trust")
    newest = pc.max(posts["posted_at"]).as_py().date()

    def work() -> int:
        days = author_days(posts, rows, judged, members)
        author_trust(days, members, posts, as_of=newest, known_at=GATHERED, model=model)
        return len(posts)

    return warm(work)
