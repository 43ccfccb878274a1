"""One run over a lake: what it was told, the transaction it writes in, its tools, and how tables are published.

with writing(settings, say) as run:
    stages.gather(run)
    ...                     # readers see the changes, all at once, when the block ends without an error
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from pipeline import identity, partitions
from pipeline.artifacts import load_context, load_emotion, load_intensity, load_linear, load_trust, unseal
from pipeline.errors import LakeError, PermanentError, TransientError, XinrenError
from pipeline.lake_format import PARTITIONS
from pipeline.settings import Settings
from pipeline.steps.features import TextModels
from pipeline.steps.judge import Judge
from pipeline.store import DataFile, Lake, Transaction
from pipeline.tables import SCHEMA_VERSION
from pipeline.text.cues import Lexicon, load_lexicon
from pipeline.text.reading import Reader, open_reader
from pipeline.text.topics import load_topics
from pipeline.threads import n_threads

if TYPE_CHECKING:
    from pipeline.stages.campaign_parts import Spread  # stages know runs

Say = Callable[[str, int, int], None]  # stage, done, total
Counts = dict[str, int]
K = TypeVar("K")
CODE = "7"  # raised when a step's meaning changes, so that lakes written before are computed again


def quiet(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True)
class Run:
    """One run: what it was told, the transaction it writes in, and the tools, opened when first needed."""

    settings: Settings
    tx: Transaction
    key: bytes = field(repr=False)
    say: Say
    acts: list[Callable[[], None]] = field(default_factory=list, repr=False)
    failures: list[XinrenError] = field(default_factory=list, repr=False)  # told once the rest is committed
    spread: Spread | None = field(
        default=None, repr=False
    )  # does the parts of a stage; on threads of this process where None

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do this once the changes are visible; a run that ends before never does."""
        self.acts.append(act)

    @property
    def threads(self) -> int:
        """How many batches are worked on side by side."""
        return n_threads(self.settings.workers)

    @cached_property
    def reader(self) -> Reader:
        """jieba and the lexicon."""
        return open_reader(self.settings.corpora, domain_words=self.settings.domain_words)

    @cached_property
    def judge(self) -> Judge:
        """The text judge and its context model."""
        folder = Path(self.settings.models) / "judge"
        text = load_linear(folder)
        _same_lexicon(text.lexicon_version, self.reader.lexicon, folder)
        return Judge(text, load_context(folder / "context"), self.reader)

    @cached_property
    def models(self) -> TextModels:
        """What post_features is computed by."""
        folder = Path(self.settings.models) / "sentiment"
        sentiment = load_linear(folder)
        _same_lexicon(sentiment.lexicon_version, self.reader.lexicon, folder)
        topics = load_topics(Path(self.settings.corpora) / "lexicon")
        more = load_emotion(folder), load_intensity(folder), topics
        return TextModels(self.reader, self.judge.text, sentiment, *more)


def preflight(settings: Settings) -> None:
    """Raise at once what a whole run would raise after hours of gathering: no lexicon, a model missing or changed."""
    lexicon, models = load_lexicon(Path(settings.corpora) / "lexicon"), Path(settings.models)
    load_topics(Path(settings.corpora) / "lexicon")
    for folder in (models / "judge", models / "sentiment"):
        _same_lexicon(unseal(folder, "linear")["lexicon_version"], lexicon, folder)
    load_context(models / "judge" / "context")
    load_emotion(models / "sentiment")
    load_intensity(models / "sentiment")
    load_trust(models / "trust")


def _same_lexicon(trained_with: str, lexicon: Lexicon, folder: Path) -> None:
    if trained_with != lexicon.version:
        raise PermanentError(
            f"model {folder}: trained with lexicon {trained_with}; got lexicon {lexicon.version};"
            " restore corpora/lexicon or train again"
        )


@contextmanager
def writing(settings: Settings, say: Say = quiet, spread: Spread | None = None) -> Iterator[Run]:
    """A run over the lake of the settings (made if there is none). Its changes become visible when the block ends well.

    Raises the run's `failures` then.
    """
    key = identity.load_key(create=True)
    lake = Lake.create_or_open(settings.lake, key_id=identity.key_id(key))
    with lake.begin(threads=n_threads(settings.workers)) as tx:
        run = Run(settings, tx, key, say, spread=spread)
        yield run
        tx.commit()
        for act in run.acts:
            act()
    _tell(run.failures)


def _tell(failures: Sequence[XinrenError]) -> None:
    """Raise what went wrong beside the run, where anything did: as transient where trying again may mend some of it."""
    if failures:
        first = next((error for error in failures if isinstance(error, TransientError)), failures[0])
        more = f"; {len(failures) - 1} more failed, see the log" if len(failures) > 1 else ""
        kind = TransientError if isinstance(first, TransientError) else PermanentError
        raise kind(f"{first}{more}; all else was gathered") from None


def digest(*parts: object) -> str:
    """A short hash of what something is derived from."""
    return hashlib.sha256("\x1f".join(str(part) for part in (SCHEMA_VERSION, CODE, *parts)).encode()).hexdigest()[:16]


def ordered(table: str, keys: Mapping[str, str]) -> dict[str, str]:
    """Path keys in the order the table's folders have them."""
    return {key: keys[key] for key in PARTITIONS[table]}


def hashes(run: Run, table: str, only: Mapping[str, str] | None = None) -> str:
    """One digest of the live files of `table` (of its parts with the keys `only`)."""
    return hash_of(file for file in run.tx.data_files(table) if partitions.has(file, only or {}))


def hash_of(files: Iterable[DataFile]) -> str:
    """One digest of the contents of some files."""
    return digest(*(file.sha256 for file in files))


def publish(run: Run, table: str, rows: pa.Table, derived_from: str, only: Mapping[str, str] | None = None) -> int:
    """Make `rows` (sorted as the files shall be) the whole content of `table`, or of its parts with the keys `only`."""
    old = {partitions.place(file) for file in run.tx.data_files(table) if partitions.has(file, only or {})}
    for keys, stem, part in partitions.split(table, rows, run.tx.buckets):
        run.tx.put(table, keys, stem, part, derived_from=derived_from)
        old.discard((tuple(sorted(keys.items())), stem))
    for keys_of, stem in old:
        run.tx.drop(table, ordered(table, dict(keys_of)), stem)
    return len(rows)


def is_current(run: Run, table: str, derived_from: str, only: Mapping[str, str] | None = None) -> bool:
    """Whether all live files of `table` (of its parts with the keys `only`) were derived from just that."""
    return all_from(derived_from, [file for file in run.tx.data_files(table) if partitions.has(file, only or {})])


def all_from(derived_from: str, files: Sequence[DataFile]) -> bool:
    """Whether there are files, and all of them were derived from just that."""
    return bool(files) and all(file.derived_from == derived_from for file in files)


def drop_others(run: Run, table: str, places: set[partitions.Place]) -> None:
    """Remove the parts of `table` that stand in none of `places`."""
    for file in run.tx.data_files(table):
        if partitions.place(file) not in places:
            run.tx.drop(table, file.keys, file.stem)


def by_bucket(run: Run, table: str) -> dict[partitions.Bucket, list[DataFile]]:
    """The live files of `table` in the order of their months, by platform and bucket of authors."""
    return _grouped(run.tx.data_files(table), partitions.bucket)


def by_stem(run: Run, table: str) -> dict[str, list[DataFile]]:
    """The live files of `table`, platforms one after another, in the order of their months, by bucket of authors."""
    return _grouped(run.tx.data_files(table), lambda file: file.stem)


def _grouped(files: Iterable[DataFile], key: Callable[[DataFile], K]) -> dict[K, list[DataFile]]:
    found: dict[K, list[DataFile]] = {}
    for file in files:
        found.setdefault(key(file), []).append(file)
    return found


def beside(run: Run, posts: pa.Table, there: Sequence[DataFile], table: str, columns: Sequence[str]) -> pa.Table:
    """Rows of the files `there` of `table`, one for each row of `posts` (all rows of files in the same places).

    Raises LakeError where the keys of the rows are not those of the posts.
    """
    rows = run.tx.rows_of(table, there, ["post_id", *columns])
    if len(rows) != len(posts) or not rows["post_id"].combine_chunks().equals(posts["post_id"].combine_chunks()):
        raise LakeError(
            f"table {table}: got {len(rows):,} rows, expected one for each of {len(posts):,} posts, in their order;"
            " run the earlier stages first, or `xinren check`"
        )
    return rows.select([name for name in rows.column_names if name in columns])


@dataclass
class Progress:
    """Tells how far a stage has come, as batches finish."""

    say: Say
    stage: str
    total: int
    done: int = 0

    def more(self, rows: int) -> None:
        """`rows` more are done."""
        self.done += rows
        self.say(self.stage, self.done, self.total)
