"""Stage campaigns: posts, post_features -> campaigns, campaign_members, campaign_aliases.

The whole lake is clustered anew whenever a post or a label has changed: at some hundred thousand posts a second that is
simpler than to replay the touched part, and it is incremental all the same, since files of equal content are kept. Posts
are read some files at a time, month by month; of each post some 60 bytes are held, and the rest lies in temporary files.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline import partitions
from pipeline.memory import release
from pipeline.order import Ints, sort_rows
from pipeline.run import Counts, Run, digest, drop_others, hashes, is_current, publish
from pipeline.stages.campaign_files import (
    ROW_BITS,
    Files,
    FileShelf,
    by_month,
    post_files,
    posts_in_order,
    rows_at,
)
from pipeline.stages.campaign_parts import lead_in_parts, side_by_side
from pipeline.stages.facts import POST_KEY
from pipeline.steps.campaign_aliases import former_heads
from pipeline.steps.campaign_texts import NEEDED, Found, Wordings
from pipeline.steps.campaigns import alias_rows, campaign_ids, member_rows, summary_rows
from pipeline.tables import concat, empty
from pipeline.threads import in_order, one_ahead

_VERSION = "2"  # raised when the same posts give other campaigns, so that lakes written before are computed again


def campaigns(run: Run) -> Counts:
    """posts, post_features -> campaigns, campaign_members, campaign_aliases, over the whole lake."""
    derived_from = digest("campaigns", _VERSION, hashes(run, "posts"), hashes(run, "post_features"))
    if not is_current(run, "campaigns", derived_from):
        files = post_files(run)
        release()  # what earlier stages left: this one holds numbers of all posts
        found = _find(run, files)
        release()
        _write(run, files, found, derived_from)
    rows = {name: sum(f.rows for f in run.tx.data_files(name)) for name in ("campaigns", "campaign_members")}
    run.say("campaigns", rows["campaign_members"], rows["campaign_members"])
    return rows


def _find(run: Run, files: Files) -> Found:
    """The campaigns of all posts."""
    wordings = Wordings(FileShelf(run.tx.scratch), run.threads)
    wordings.add(posts_in_order(run, files, NEEDED))
    parts = run.settings.campaign_parts
    if not parts:
        return wordings.find()
    room = run.tx.beside()
    spread = run.spread or side_by_side(run.threads)
    return wordings.find(lambda texts, n: lead_in_parts(room, parts, texts, n, spread))


def _write(run: Run, files: Files, found: Found, derived_from: str) -> None:
    ids = _ids(run, files, found)
    _write_campaigns(run, files, found, ids, derived_from)
    former, posts, replaced_at = former_heads(found.posts, found.facts, found.text, found.founder)
    names = _write_members(run, files, found, ids, posts.astype(np.int64), derived_from)
    publish(run, "campaign_aliases", alias_rows(names, ids.take(pa.array(former)), replaced_at), derived_from)


def _ids(run: Run, files: Files, found: Found) -> pa.Array:
    """The ids of all campaigns by number."""
    places = found.place[found.facts.heads]
    by_place = np.argsort(places)
    ids = [campaign_ids(heads) for _, _, heads in rows_at(run, files, POST_KEY, places[by_place])]
    return pa.concat_arrays([pa.nulls(0, pa.string()), *ids]).take(pa.array(np.argsort(by_place)))


def _write_campaigns(run: Run, files: Files, found: Found, ids: pa.Array, derived_from: str) -> None:
    """Table campaigns, month by month: that of the first member."""
    places = found.place[found.facts.heads]
    by_place = np.argsort(places)
    left, months = {file.keys["part_month"] for file in run.tx.data_files("campaigns")}, by_month(files)

    def work(month: Files) -> pa.Table:
        mine = by_place[slice(*np.searchsorted(places[by_place] >> ROW_BITS, [month[0][0], month[-1][0] + 1]))]
        taken = rows_at(run, month, [*POST_KEY, "author_id", "text"], places[mine])
        rows = concat((summary_rows(found, mine[which], heads, ids) for which, _, heads in taken), "campaigns")
        return sort_rows(rows, ["campaign_id"])

    for month, rows in zip(months, in_order(work, months, run.threads), strict=True):
        part = month[0][1].keys["part_month"]
        publish(run, "campaigns", rows, derived_from, {"part_month": part})
        left.discard(part)
    for part in left:
        publish(run, "campaigns", empty("campaigns"), derived_from, {"part_month": part})


def _write_members(run: Run, files: Files, found: Found, ids: pa.Array, asked: Ints, derived_from: str) -> pa.Array:
    """Table campaign_members, a file for each file of posts that has any; the ids of the posts `asked`, all members."""
    members = np.flatnonzero(found.facts.campaign >= 0)
    members = members[np.argsort(found.place[members])]
    places = found.place[members]
    at, written = np.searchsorted(places, found.place[asked]), set()
    order = np.argsort(at)
    names, columns = [pa.nulls(0, pa.string())], [*POST_KEY, "author_id", "posted_at"]
    for which, group, rows in one_ahead(rows_at(run, files, columns, places)):
        joined = member_rows(found, members[which], rows, ids)
        bounds = np.searchsorted(places[which] >> ROW_BITS, [*(number for number, _ in group), group[-1][0] + 1])
        for (_, file), start, end in zip(group, bounds.tolist(), bounds[1:].tolist(), strict=False):
            part = joined.slice(start, end - start)
            run.tx.put("campaign_members", file.keys, file.stem, part, derived_from=derived_from)
            written.add(partitions.place(file))
        here = at[order][slice(*np.searchsorted(at[order], [which.start, which.stop]))] - which.start
        names.append(campaign_ids(rows.take(pa.array(here))))
    drop_others(run, "campaign_members", written)
    return pa.concat_arrays(names).take(pa.array(np.argsort(order)))
