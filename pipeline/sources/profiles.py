"""Rows that describe an author -> raw_authors and rejects: the sister of `rows`, which makes posts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources import markup, rows
from pipeline.sources.ids import clean_ids
from pipeline.sources.records import Records
from pipeline.sources.rejects import Reject
from pipeline.tables import complete, empty

_PLAIN = (
    "author_name", "followers", "following", "author_posts", "verified", "author_created_at", "description", "location",
)  # fmt: skip


def build_authors(profiles: Records, origin: rows.Origin) -> tuple[pa.Table, list[Reject]]:
    """raw_authors of the rows that can be read, rejects of the others; `profiles` holds columns of raw_authors, as text."""
    if not len(profiles):
        return empty("raw_authors"), []
    profiles = profiles.with_columns({name: markup.clean(column) for name, column in profiles.columns.items()})
    ids, lost = clean_ids(rows.text_of(profiles, "author_id"))
    platform = rows.platform_of(profiles)
    problems = [
        rows.Problem("bad_platform", ~rows.flags(pc.match_substring_regex(platform, rows.PLATFORM)), platform),
        rows.Problem("mangled_id", rows.flags(lost), ids),
        rows.Problem("no_author_id", rows.flags(pc.is_null(ids)), rows.text_of(profiles, "author_name")),
    ]
    columns = {
        **{name: rows.plain(profiles, name) for name in _PLAIN}, "platform": platform, "author_id": ids,
        "author_id_form": rows.id_form(profiles, ids), "gathered_at": rows.gathered_at(profiles, origin)[0],
        "source_row": pa.array(profiles.source_rows),
    }  # fmt: skip
    kept = pa.array(~np.logical_or.reduce([problem.rows for problem in problems]))
    columns = {name: column.filter(kept) for name, column in columns.items()}
    for name, value in origin.scalars().items():
        columns.setdefault(name, pa.repeat(value, int(kept.true_count)))
    return complete(columns, "raw_authors", int(kept.true_count)), rows.rejected(profiles, problems)
