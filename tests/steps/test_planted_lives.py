"""Two thousand invented lives on three platforms, as days of counts, with what trust must find in them planted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.local_time import dates, day_number
from pipeline.steps.trust import author_trust
from pipeline.tables import DAY_COUNTS, HOURS, complete, empty

N = 2_000
START, END = date(2014, 1, 5), date(2015, 12, 31)
KNOWN_AT = datetime(2016, 1, 1, tzinfo=UTC)
PLATFORMS = ("qzone", "wechat_moments", "weibo")
# From the most trusted to the least: shares only; sells after long sharing; after short sharing; turned to recruiting; an agent.
SHARER, PAVED, HASTY, TURNED, AGENT = range(5)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lives:
    kind: Ints
    first_sale: Ints  # day of sustained selling, counted from START
    begins: Ints
    trust: pa.Table  # in the order of the authors


def _rows(dice: np.random.Generator, kind: int, begins: int, first_sale: int, length: int) -> dict[str, Ints]:
    """Days of one life: sharing on a third of the days, a decoy of one sale long before selling sets in, then selling."""
    day = np.flatnonzero(dice.random(length) < 0.35)
    day = np.union1d(day[day >= begins], [begins, first_sale, first_sale + 5, first_sale + 9] if kind else [begins])
    day = day[day < length]
    posts = dice.integers(1, 4, len(day))
    late = (day >= first_sale) & (kind > SHARER)
    share = {SHARER: 0.0, PAVED: 0.25, HASTY: 0.4, TURNED: 0.8, AGENT: 0.9}[kind]
    sold = np.where(late, dice.binomial(posts, share), 0)
    sold[np.isin(day, [first_sale, first_sale + 5, first_sale + 9]) & late] = 1
    decoy = np.flatnonzero((day < first_sale - 40) & (day > begins))
    if kind in (PAVED, TURNED) and len(decoy):
        sold[decoy[len(decoy) // 2]] = 1
    recruits = np.where(late & (kind >= TURNED), dice.binomial(sold, 0.6), 0)
    repeats = dice.binomial(posts, 0.4) if kind == AGENT else np.zeros(len(day), np.int64)
    mentions = dice.binomial(posts, 0.1 if kind == AGENT else 0.5)
    return {"day": day, "n_posts": posts, "n_commercial": sold, "n_sell": sold - recruits, "n_recruit": recruits,
            "n_own_repeats": repeats, "n_mentions": mentions, "n_share": posts - sold}  # fmt: skip


@pytest.fixture(scope="module")
def lives() -> Lives:
    dice = np.random.default_rng(20150718)
    length = (END - START).days + 1
    kind = np.arange(N) % 5
    begins = dice.integers(0, 60, N)
    low = np.choose(kind, [length, 350, 70, 0, 3])
    first_sale = begins + low + np.where(kind == SHARER, 0, dice.integers(0, 30, N))
    middle = dice.integers(0, 6, N)  # a turned seller shifts on the first of a month from May to October 2015
    turns = np.array([(date(2015, 5 + int(m), 1) - START).days for m in middle])
    first_sale = np.where(kind == TURNED, turns, first_sale)
    parts = [
        _rows(dice, *life, length) for life in zip(kind.tolist(), begins.tolist(), first_sale.tolist(), strict=True)
    ]
    author = np.repeat(np.arange(N), [len(part["day"]) for part in parts])
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    trust = author_trust(
        _days(author, together), empty("campaign_members"), empty("posts"), as_of=END, known_at=KNOWN_AT, model=None
    )
    order = np.argsort([f"{PLATFORMS[i % 3]} {i:032x}" for i in range(N)])  # how author_trust puts them
    place = np.empty(N, np.int64)
    place[order] = np.arange(N)
    return Lives(kind, first_sale, begins, trust.take(pa.array(place)))


def _days(author: Ints, counts: dict[str, Ints]) -> pa.Table:
    n = len(author)
    hours = np.zeros((n, 24), np.int32)
    hours[np.arange(n), 8 + counts["day"] % 12] = counts["n_posts"]
    columns: dict[str, Any] = {name: pa.array(counts.get(name, np.zeros(n, np.int64))) for name in DAY_COUNTS}
    columns |= {
        "platform": pa.array(PLATFORMS).take(pa.array(author % 3)),
        "author_id": pa.array([f"{i:032x}" for i in range(N)]).take(pa.array(author)),
        "date": dates(counts["day"] + day_number(START)),
        "by_hour": pa.FixedSizeListArray.from_arrays(pa.array(hours.ravel()), type=HOURS),
        "schema_version": pa.array(np.ones(n, np.int32)),
    }
    return complete(columns, "author_days", n)


def test_every_author_has_a_row(lives: Lives) -> None:
    assert lives.trust["author_id"].to_pylist() == [f"{i:032x}" for i in range(N)]


def test_paving_is_exact_where_selling_has_set_in(lives: Lives) -> None:
    sold = lives.kind != SHARER
    paving = lives.trust["paving_days"].to_numpy()
    assert (paving[sold] == (lives.first_sale - lives.begins)[sold]).all()
    assert lives.trust["right_censored"].to_pylist() == (~sold).tolist()


def test_the_shift_is_found_within_a_month_in_nine_of_ten(lives: Lives) -> None:
    turned = np.flatnonzero(lives.kind == TURNED)
    found = [lives.trust["shift_month"][i].as_py() for i in turned.tolist()]
    planted = [START + timedelta(days=day) for day in lives.first_sale[turned].tolist()]
    away = [abs(int(f[:4]) * 12 + int(f[5:]) - p.year * 12 - p.month) for f, p in zip(found, planted, strict=True)]
    assert np.mean(np.array(away) <= 1) >= 0.9


def test_trust_follows_the_planted_order(lives: Lives) -> None:
    from scipy.stats import spearmanr

    assert spearmanr(lives.trust["trust_score"].to_numpy(), -lives.kind).statistic >= 0.8
