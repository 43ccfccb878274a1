from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.steps.author_months import author_cohorts, author_months, cohort_counts, month_trust
from pipeline.tables import MONTH_COUNTS, concat, schema

MARCH, APRIL, MAY, JUNE = (date(2015, month, 1) for month in (3, 4, 5, 6))
STARTS = {MARCH: 0, APRIL: 31, MAY: 61, JUNE: 92}  # days of the diary


def _months(diary: Any) -> pa.Table:
    """As the stage does: a file of each month."""
    days = diary.days
    parts = []
    for month in STARTS:
        text = pc.equal(pc.strftime(days["date"].cast(pa.timestamp("s")), format="%Y-%m"), f"{month:%Y-%m}")
        parts.append(author_months(days.filter(text)))
    return concat(parts, "author_months")


def _row(table: pa.Table, **wanted: Any) -> dict[str, Any]:
    [row] = [r for r in table.to_pylist() if all(r[name] == value for name, value in wanted.items())]
    return row


def test_a_month_by_hand(diary: Any) -> None:
    for day, label in [(0, "share"), (1, "sell"), (1, "recruit"), (2, "sell"), (30, "share"), (31, "share")]:
        diary.post("a", day, "今天也很好", label=label, n_mentions=1)
    row = _row(_months(diary), author_id="a", month=MARCH)
    assert [row[name] for name in ("n_posts", "n_days", "n_sell", "n_recruit", "n_commercial")] == [5, 4, 2, 1, 3]
    assert (row["commerce_share"], row["agency_share"], row["store_share"]) == (0.6, pytest.approx(1 / 3), 0)
    virtue = 0.4 * 0.4 + 0.3 + 0.3 * 1 / 1.5
    abuse = 1 - 0.1 / 0.3 * 0.5 / 1.5  # four posts say just what the one before did
    assert row["trust"] == pytest.approx((0.5 + 0.5 * 0.2 * virtue) * (1 - 0.2 * abuse))


def test_where_a_month_s_selling_leads(diary: Any) -> None:
    for day, link in enumerate(["https://shop1.weidian.com/1", "h5.youzan.com/2", "https://item.taobao.com/3", None]):
        diary.post("a", day, "上新", label="sell", links=[link] if link else None)
    diary.post("a", 5, "今天也很好", links=["https://weidian.com/1"])
    row = _row(_months(diary), author_id="a", month=MARCH)
    found = [row[f"store_domain_share_{name}"] for name in ("weidian", "youzan", "weimob", "taobao", "mogu")]
    assert found == [0.25, 0.25, 0, 0.25, 0]
    assert row["store_share"] == 0.5  # taobao is where they came from
    diary.post("sharer", 0, "今天也很好")
    assert _row(_months(diary), author_id="sharer")["store_domain_share_weidian"] is None


def test_a_month_of_four_posts_has_no_trust_and_one_of_comments_no_shares(diary: Any) -> None:
    for day in range(4):
        diary.post("few", day, "早安")
    diary.post("talker", 3, "说得对", kind="comment")
    months = _months(diary)
    assert _row(months, author_id="few")["trust"] is None
    talker = _row(months, author_id="talker")
    assert [talker[name] for name in ("n_posts", "n_comments", "commerce_share", "trust")] == [0, 1, None, None]


def test_more_recruiting_means_less_trust_in_the_month() -> None:
    n = 30
    counts = {name: np.zeros(n + 1, np.int64) for name in MONTH_COUNTS}
    counts["n_posts"], counts["n_recruit"] = np.full(n + 1, n), np.arange(n + 1)
    counts["n_commercial"] = counts["n_recruit"]
    assert (np.diff(month_trust(counts)) < 0).all()


def _three_recruiters(diary: Any) -> None:
    """a recruits from March and sells last in April; b recruits in April and May; c never recruits."""
    for author, month, label in [
        ("a", MARCH, "recruit"), ("a", APRIL, "sell"), ("a", JUNE, "share"), ("b", MARCH, "share"), ("b", APRIL, "recruit"),
        ("b", MAY, "recruit"), ("c", MARCH, "sell"), ("c", JUNE, "share"),
    ]:  # fmt: skip
        diary.post(author, STARTS[month] + 3, "今天也很好", label=label)


def test_cohorts_by_hand(diary: Any) -> None:
    _three_recruiters(diary)
    names = ("n_authors", "n_authors_new", "n_recruiters", "n_recruiters_new", "n_recruiters_exit")
    found = author_cohorts([cohort_counts(_months(diary))])
    assert {r["month"]: tuple(r[name] for name in names) for r in found.to_pylist()} == {
        MARCH: (3, 3, 1, 1, 0), APRIL: (2, 0, 1, 1, 1), MAY: (1, 0, 1, 0, None), JUNE: (2, 0, 0, 0, None),
    }  # fmt: skip


def test_cohorts_of_disjoint_authors_add_up(diary: Any) -> None:
    _three_recruiters(diary)
    months = _months(diary)
    of_a = pc.equal(months["author_id"], "a")
    parts = [cohort_counts(months.filter(of_a)), cohort_counts(months.filter(pc.invert(of_a)))]
    assert author_cohorts(parts).equals(author_cohorts([cohort_counts(months)]))


def test_nobody_makes_no_months_and_no_cohorts(diary: Any) -> None:
    months = author_months(diary.days)
    assert months.equals(schema("author_months").empty_table())
    assert len(author_cohorts([cohort_counts(months)])) == len(author_cohorts([])) == 0
