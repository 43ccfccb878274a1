"""Two thousand invented lives on three platforms, as days of counts, with what trust must find in them planted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.local_time import DAY, HOUR, dates, day_number
from pipeline.steps.author_across import across
from pipeline.steps.author_floods import campaign_states
from pipeline.steps.author_ties import RECEIVED
from pipeline.steps.trust import Others, first_days, trust_of
from pipeline.tables import DAY_COUNTS, HOURS, complete, empty

N = 2_000
START, END = date(2014, 1, 5), date(2015, 12, 31)
KNOWN_AT = datetime(2016, 1, 1, tzinfo=UTC)
PLATFORMS = ("qzone", "wechat_moments", "weibo")
# From the most trusted to the least: shares only; sells after long sharing; after short sharing; turned to recruiting; an agent.
SHARER, PAVED, HASTY, TURNED, AGENT = range(5)
MOVES = np.datetime64("2015-08-01").astype(int) - np.datetime64(START).astype(
    int
)  # the day from which movers sell in a shop
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lives:
    kind: Ints
    first_sale: Ints  # day of sustained selling, counted from START
    begins: Ints
    moved: list[str | None]  # the month, YYYY-MM
    recruits_since: list[str | None]
    tied: list[float | None]  # of those who ask to buy the share that answered before
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
            "n_own_repeats": repeats, "n_mentions": mentions, "n_share": posts - sold, "n_own": posts}  # fmt: skip


def _moved(dice: np.random.Generator, life: dict[str, Ints], moves: bool) -> str | None:
    """Links to shops for one life: none of movers before August 2015, all from then on; of others one now and then, in
    months of three sales or more. The first month in which a mover sells there."""
    day, sold = life["day"], life["n_commercial"]
    month = _months(day)
    life["n_store"] = np.where(moves & (day >= MOVES), sold, 0)
    for one in np.unique(month[day < MOVES] if moves else month):
        here = np.flatnonzero((month == one) & (sold > 0))
        if sold[here].sum() >= 3 and dice.random() < 0.5:
            life["n_store"][here[0]] = 1
    found = day[(day >= MOVES) & (sold > 0)]
    return str(_months(found[:1])[0]) if moves and len(found) else None


def _months(day: Ints) -> NDArray[Any]:
    return (np.datetime64(START) + day).astype("datetime64[M]")


def _answers(dice: np.random.Generator, author: int, kind: int, first_sale: int, begins: int) -> list[tuple[Any, ...]]:
    """Who answers which post of one author: day of the post, of the answer, commercial, comment, asks to buy, name.

    Of up to eight who ask, some answered a diary before (a few by a repost); the others answered nothing, a sale before selling
    set in, or a diary after it. Beside them some who never ask.
    """
    early, late = (begins, False), (first_sale + 20, False)
    rows = [(*early, begins + 1, True, False, f"fan{i}") for i in range(3)]
    if kind == SHARER:
        return rows
    asking = int(dice.integers(0, 9))
    for i in range(asking):
        way = int(dice.integers(0, 5))  # 0 and 1: a tie from before
        before = (
            [(*early, begins + 1, way == 0, False)]
            if way < 2
            else [(begins, True, begins + 1, True, True)]
            if way == 2
            else []
        )
        before += [(*late, first_sale + 21, True, False)] if way == 3 else []
        sale = (first_sale + 5, True, first_sale + 6, True, True)
        rows += [(*row, f"buyer{way}-{i}") for row in (*before, sale, sale)]
    return [*rows, (first_sale, True, first_sale, True, False, f"{author:032x}")]


def _received(answers: list[list[tuple[Any, ...]]]) -> pa.Table:
    flat = [(author, *row) for author, rows in enumerate(answers) for row in rows]
    author, post_day, commercial, day, comment, asks, who = (list(column) for column in zip(*flat, strict=True))
    noon = [(np.array(days) + day_number(START)) * DAY + 4 * HOUR for days in (post_day, day)]
    post_at, at = (pa.array(one).cast(pa.timestamp("us", tz="UTC")) for one in noon)
    posts = [f"{a}-{d}-{c}" for a, d, c in zip(author, post_day, commercial, strict=True)]
    columns = [
        [PLATFORMS[a % 3] for a in author],
        [f"{a:032x}" for a in author],
        posts,
        post_at,
        commercial,
        who,
        at,
        comment,
        asks,
    ]
    return pa.table(columns, RECEIVED.names).cast(RECEIVED)


def _tied(rows: list[tuple[Any, ...]]) -> float | None:
    buyers = {row[-1] for row in rows if row[-1].startswith("buyer")}
    return sum(name.startswith(("buyer0", "buyer1")) for name in buyers) / len(buyers) if buyers else None


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
    moved = [_moved(dice, part, i % 3 == 0 and bool(kind[i])) for i, part in enumerate(parts)]
    since = [str(_months(part["day"][part["n_recruit"] > 0])[0]) if part["n_recruit"].any() else None for part in parts]
    answers = [_answers(dice, i, int(kind[i]), int(first_sale[i]), int(begins[i])) for i in range(N)]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    days, members = _days(author, together), empty("campaign_members")
    trust = trust_of(
        days, members, empty("posts"), Others(campaign_states(members, END), first_days(days, END), across([])),
        as_of=END, known_at=KNOWN_AT, model=None, received=_received(answers),
    )  # fmt: skip
    order = np.argsort([f"{PLATFORMS[i % 3]} {i:032x}" for i in range(N)])  # how author_trust puts them
    place = np.empty(N, np.int64)
    place[order] = np.arange(N)
    tied = [_tied(rows) for rows in answers]
    return Lives(kind, first_sale, begins, moved, since, tied, trust.take(pa.array(place)))


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


def test_prior_ties_are_exact(lives: Lives) -> None:
    assert lives.trust["prior_tie_share"].to_pylist() == lives.tied
    known = [share for share in lives.tied if share is not None]
    assert len(known) > 1_300
    assert {0.0, 1.0} < set(known)


def test_the_month_of_moving_to_a_shop_is_exact(lives: Lives) -> None:
    assert lives.trust["migration_month"].to_pylist() == lives.moved
    assert sum(month is not None for month in lives.moved) > 500
    assert len(set(lives.moved)) > 2


def test_recruiters_and_nobody_else_are_found_and_since_when(lives: Lives) -> None:
    headcount = lives.trust["recruit_headcount"].is_valid().to_pylist()  # NULL for who never recruits
    assert headcount == [since is not None for since in lives.recruits_since]
    said = [[r for r in reasons if r.startswith("recruits in")] for reasons in lives.trust["trust_reasons"].to_pylist()]
    shares = lives.trust["recruit_share_W90"].to_pylist()
    expected = [
        since if since is not None and share is not None and share >= 0.05 else None
        for since, share in zip(lives.recruits_since, shares, strict=True)
    ]
    assert [r[0].rpartition(" ")[2] if r else None for r in said] == expected
    assert sum(since is not None for since in expected) > 700


def test_trust_follows_the_planted_order(lives: Lives) -> None:
    from scipy.stats import spearmanr

    assert spearmanr(lives.trust["trust_score"].to_numpy(), -lives.kind).statistic >= 0.8
