from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from pipeline.steps.author_life import Lives, lives
from pipeline.steps.author_ties import RECEIVED, tie_features, trust_rank, until, with_ranks
from tests.steps.conftest import START

SHANGHAI = timezone(timedelta(hours=8))
TALE = "今天也很好"


def _at(day: int) -> datetime:
    return datetime.combine(START, datetime.min.time(), SHANGHAI) + timedelta(days=day, hours=20)


def answer(
    who: str, post: tuple[str, str, int, bool], day: int, *, asks: bool = False, comment: bool = True
) -> dict[str, Any]:
    """`who` answers a post (author, id, day, commercial) on a day."""
    author, post_id, posted, commercial = post
    return {"platform": "weibo", "author_id": author, "post_id": post_id, "post_at": _at(posted), "commercial": commercial,
            "commenter_id": who, "at": _at(day), "is_comment": comment, "intent": asks}  # fmt: skip


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), RECEIVED)


def _seller(diary: Any, day: int = 200) -> Lives:
    """Posts on days 0, 50 and 90, sells from day 100 on; a stranger beside."""
    for at in (0, 50, 90):
        diary.post("seller", at, TALE)
    for at in (100, 101, 102):
        diary.post("seller", at, TALE, label="sell")
    diary.post("quiet", 10, TALE)
    return lives(diary.days, START + timedelta(days=day))


TALES = [("seller", f"tale{day}", day, False) for day in (0, 50, 90)]
SALE, LATE_TALE = ("seller", "sale", 101, True), ("seller", "late", 120, False)


def _one(found: dict[str, Any], life: Lives, author: str) -> dict[str, Any]:
    row = life.keys["author_id"].to_pylist().index(author)
    return {name: float(values[row]) for name, values in found.items()}


def test_commenters_by_hand(diary: Any) -> None:
    life = _seller(diary)
    rows = [answer("fan", tale, tale[2]) for tale in TALES]  # on three posts
    rows += [answer("twice", TALES[0], 1), answer("twice", TALES[1], 51), answer("twice", TALES[1], 52)]  # on two
    rows += [answer("seller", TALES[2], 91), answer("sharer", TALES[0], 1, comment=False)]
    rows += [answer("new", LATE_TALE, 121), answer("seller", LATE_TALE, 122)]
    found = _one(tie_features(life, table(*rows)), life, "seller")
    assert found["comments_received"] == 7
    assert found["distinct_commenters"] == 3
    assert found["recurrent_commenter_share"] == pytest.approx(1 / 3)
    assert found["reply_rate_W90"] == 1  # days 111 to 200: one came, one was answered


def test_prior_ties_by_hand(diary: Any) -> None:
    life = _seller(diary)
    rows = [answer(who, SALE, 102, asks=True) for who in ("friend", "passer-by", "late friend", "reposter")]
    rows += [answer("friend", SALE, 103, asks=True)]  # asks twice, is one
    rows += [answer("friend", TALES[0], 1), answer("late friend", LATE_TALE, 121)]
    rows += [
        answer("reposter", TALES[1], 50, comment=False),
        answer("looker", SALE, 102),
        answer("seller", SALE, 102, asks=True),
    ]
    assert _one(tie_features(life, table(*rows)), life, "seller")["prior_tie_share"] == 0.5


def test_nobody_answered_nothing_is_known(diary: Any) -> None:
    life = _seller(diary)
    found = _one(tie_features(life, table(answer("fan", TALES[0], 1))), life, "quiet")
    assert {str(value) for value in found.values()} == {"nan"}
    seller = _one(tie_features(life, table(answer("fan", TALES[0], 1))), life, "seller")
    assert (seller["comments_received"], str(seller["prior_tie_share"])) == (1, "nan")


def test_answers_after_the_day_and_undated_ones_do_not_count() -> None:
    rows = table(*(answer("fan", TALES[0], day) for day in (1, 2, 3)), answer("fan", TALES[0], 1) | {"at": None})
    assert len(until(rows, START + timedelta(days=2))) == 2


def _scores(**scores: float) -> pa.Table:
    names = sorted(scores)
    return pa.table({"platform": ["weibo"] * len(names), "author_id": names, "trust_score": [scores[n] for n in names]})


def test_trust_is_passed_to_whom_the_trusted_answer() -> None:
    def post(author: str) -> tuple[str, str, int, bool]:
        return author, f"of {author}", 0, False

    rows = table(answer("trusted", post("friend"), 1), answer("friend", post("neighbour"), 1), answer("ring", post("ring2"), 1),
                 answer("ring2", post("ring"), 1), answer("trusted", post("trusted"), 1))  # fmt: skip
    found = trust_rank(rows, _scores(trusted=0.9, friend=0.5, ring=0.4))
    rank = dict(zip(found["author_id"].to_pylist(), found["trust_rank"].to_pylist(), strict=True))
    assert rank["trusted"] > rank["friend"] > rank["neighbour"] > rank["ring"] == rank["ring2"] == 0
    assert sum(rank.values()) == pytest.approx(5)
    # All of it by hand: t = 0.85 C't + p (0.15 + 0.85 * what the neighbour holds), C a chain of three.
    a = 1 / (1 + 0.85 + 0.85**2)
    assert rank["trusted"] / 5 == pytest.approx(a)
    assert rank["neighbour"] / 5 == pytest.approx(a * 0.85**2)


def test_ranks_do_not_hang_on_the_order_of_answers_and_none_come_without_seeds() -> None:
    posts = [("b", "1", 0, False), ("c", "2", 0, False), ("d", "3", 0, False)]
    rows = [answer(who, post, 1) for who in "abcdef" for post in posts]
    one, other = (trust_rank(table(*some), _scores(a=0.8, c=0.9)) for some in (rows, rows[::-1]))
    assert one.equals(other)
    assert len(trust_rank(table(*rows), _scores(a=0.5))) == 0


def test_ranks_stand_beside_those_who_have_one(diary: Any) -> None:
    diary.post("a", 0, TALE)
    diary.post("b", 0, TALE)
    rows = diary.trust(3)
    ranks = pa.table({"platform": ["weibo"], "author_id": ["b"], "trust_rank": [1.5]})
    assert with_ranks(rows, ranks)["trust_rank"].to_pylist() == [None, 1.5]
    assert with_ranks(rows, ranks).schema.equals(rows.schema, check_metadata=True)
