"""Why an author's trust is what it is, in words with numbers. Part of the trust step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.order import Ints
from pipeline.steps.author_life import NEVER, Floats, Lives, ratio
from pipeline.tables import TEXTS

MOST_REASONS = 4
Reason = tuple[NDArray[np.bool_], list[Any]]  # where it holds, and its words and numbers in turn


def reasons(n_posts: Ints, features: dict[str, Floats], life: Lives) -> pa.Array:
    """At most 4 reasons per author as list<string>: too little seen, then abuse, then virtue."""
    told = [*_abuses(features, life), *_virtues(features, life.onset < NEVER)]
    told.insert(0, (np.isnan(features["posts_W90"]), [n_posts, " posts in all: too few to judge by"]))
    holds = np.stack([where for where, _ in told], axis=1)
    holds &= np.cumsum(holds, axis=1) <= MOST_REASONS
    said = [_sentence(parts, np.flatnonzero(holds[:, kind])) for kind, (_, parts) in enumerate(told)]
    row, kind = np.nonzero(holds)
    begins = np.cumsum([0, *map(len, said[:-1])])  # of each kind among all sentences
    at = begins[kind] + (np.cumsum(holds, axis=0) - 1)[row, kind]
    offsets = np.concatenate(([0], np.cumsum(holds.sum(axis=1)))).astype(np.int32)
    values = pa.concat_arrays(said).take(pa.array(at))
    return pa.ListArray.from_arrays(pa.array(offsets), values).cast(TEXTS)


def _abuses(f: dict[str, Floats], life: Lives) -> list[Reason]:
    """Shares below a tenth of what a broadcaster does are not worth a word."""
    recruits, recruiting = _since(life, "n_recruit", life.first(life.counts["n_recruit"] > 0))
    sale = life.first(life.counts["n_commercial"] > 0)
    sales, selling = _since(life, "n_commercial", np.where(life.onset < NEVER, life.onset, sale))
    hour, drift = f["posts_per_hour_max_W7"], f["profit_drift"]
    return [
        (f["recruit_share_W90"] >= 0.05, ["recruits in ", _percent(recruits), "% of posts since ", recruiting]),
        (
            f["flood_posts_W30"] > 0,
            [_whole(f["flood_posts_W30"]), " of ", _whole(f["posts_W30"]), " posts in ", _floods(f["floods_W30"])],
        ),
        (f["own_dup_W7"] >= 0.1, ["repeats itself in ", _percent(f["own_dup_W7"]), "% of posts in 7 days"]),
        (hour > 10, [_whole(hour), " posts within one hour"]),
        (drift >= 0.02, ["selling grows by ", _percent(drift), " points of its posts per 30 days"]),
        (f["commerce_share_W90"] >= 0.5, ["sells in ", _percent(sales), "% of posts since ", selling]),
    ]


def _virtues(f: dict[str, Floats], sells: NDArray[np.bool_]) -> list[Reason]:
    mentions, paved = np.nan_to_num(f["mention_rate"]), f["paving_active_days"] >= 10
    sharing = [_whole(f["paving_days"]), " days of sharing (", _whole(f["paving_active_days"]), " with a post)"]
    return [
        (paved & sells, [*sharing, " before the first sale"]),
        (paved & ~sells, [*sharing, ", no selling yet"]),
        (
            f["active_day_ratio_W90"] >= 0.1,
            ["a post on ", _whole(f["active_day_ratio_W90"] * 90), " of the last 90 days"],
        ),
        (mentions >= 0.2, ["names others ", _whole(mentions * 10), " times in 10 posts"]),
    ]


def _since(life: Lives, count: str, begins: Ints) -> tuple[Floats, NDArray[np.str_]]:
    """The share of a count in the posts from the month of day `begins` on, and that month as YYYY-MM."""
    known = np.where(begins < NEVER, begins, life.as_of)
    month = known.astype("datetime64[D]").astype("datetime64[M]")
    later = life.day >= month.astype("datetime64[D]").astype(np.int64)[life.author]
    return ratio(life.total(count, later), life.total("n_posts", later)), np.datetime_as_string(month)


def _floods(n: Floats) -> NDArray[np.str_]:
    return np.char.add(_whole(n).astype(str), np.where(n > 1, " floods", " flood"))


def _sentence(parts: list[Any], rows: Ints) -> pa.Array:
    columns = [
        pa.array([part] * len(rows) if isinstance(part, str) else part[rows]).cast(pa.string()) for part in parts
    ]
    return pc.binary_join_element_wise(*columns, "")


def _whole(values: Floats) -> Ints:
    return np.rint(np.nan_to_num(values)).astype(np.int64)


def _percent(values: Floats) -> Ints:
    return _whole(values * 100)
