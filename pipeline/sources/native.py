"""xinren's own format: any columns of raw_posts that hold `text`, in CSV, JSON Lines, a JSON list or Parquet.

The setting `columns` maps other names to these; a name mapped to nothing ("") is left out. A file with columns that are
neither is refused rather than read in part: what an unknown column means is not guessed. What raw_posts says of an
older reading (source, source_file, source_row, batch_id, schema_version) gives way to this one's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pyarrow.compute as pc

from pipeline.errors import UsageError
from pipeline.settings import Settings
from pipeline.sources.records import Facts, Records, Source
from pipeline.sources.rejects import RefusedFileError
from pipeline.tables import TABLES

_KNOWN = frozenset(column.name for column in TABLES["raw_posts"])
_INDEX = re.compile(r"|Unnamed: \d+|__index_level_\d+__")  # the row numbers pandas writes


def _target(name: str, settings: Settings) -> str:
    """The column of raw_posts that `name` stands for; empty where it is to be left out."""
    target = settings.columns.get(name, "" if _INDEX.fullmatch(name) else name)
    if name in settings.columns and target and target not in _KNOWN:
        raise UsageError(f"setting columns: {name!r} maps to {target!r}; expected a column of raw_posts or ''")
    return target


def _targets(names: Sequence[str], settings: Settings) -> list[str]:
    return [target for target in (_target(name, settings) for name in names) if target]


def recognises(names: Sequence[str], settings: Settings) -> bool:
    """Whether every column is one of raw_posts, each at most once, and `text` is among them."""
    targets = _targets(names, settings)
    return "text" in targets and _KNOWN.issuperset(targets) and len(set(targets)) == len(targets)


def drafts(batches: Iterable[Records], settings: Settings) -> Iterator[Records]:
    """The columns under the names of raw_posts, with the setting default_platform where a row names none."""
    for rows in batches:
        targets = {name: _target(name, settings) for name in rows.columns}
        named = rows.with_columns({t: rows.columns[name] for name, t in targets.items() if t in _KNOWN})
        platform = pc.coalesce(named.first("platform"), rows.constant(settings.default_platform))
        yield named.with_columns({**named.columns, "platform": platform})


def refusal(names: Sequence[str], settings: Settings) -> RefusedFileError:
    """Why a file with these columns, which no other dialect knows, is not native either."""
    targets = _targets(names, settings)
    twice = [name for name, count in Counter(targets).items() if count > 1]
    unknown = [name for name in targets if name not in _KNOWN]
    said = f"columns {', '.join(names[:20]) or 'none'}"
    if unknown or not targets:
        return RefusedFileError("unknown_columns" if "text" in targets else "unknown_dialect", said)
    return (
        RefusedFileError("ambiguous_columns", ", ".join(twice)) if twice else RefusedFileError("no_text_column", said)
    )


FACTS = Facts(
    "native",
    "any",
    "CSV, JSON, JSON Lines, Parquet, SQLite",
    "every column of raw_posts that is there; `text` must be",
    (
        "other names by the setting columns", "row numbers that pandas wrote", "numbers as text and text as numbers",
        "a file with an unknown column is refused: its meaning is not guessed",
    ),
)  # fmt: skip
SOURCE = Source(recognises, drafts, facts=FACTS)
