"""A diary: posts written down one by one in a test, and the tables that the steps before would have made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from pipeline.steps.campaigns import campaigns
from pipeline.steps.days import author_days
from pipeline.steps.trust import author_trust
from pipeline.tables import complete, schema
from pipeline.text.sketch import sketches
from pipeline.trust_model import TrustModel

SHANGHAI = timezone(timedelta(hours=8))
START = date(2015, 3, 1)
KNOWN_AT = datetime(2016, 1, 1, tzinfo=UTC)
PLAIN = {"platform": "weibo", "kind": "post", "is_repost": False, "is_auto_share": False, "source_dedups": False}


@dataclass
class Diary:
    """Posts by author and local day (counted from 2015-03-01) and hour; anything else a table holds by its name."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def post(self, author: str | None, day: int | None, text: str = "", hour: float = 12, **more: Any) -> str:
        post_id = more.pop("post_id", f"p{len(self.rows):05d}")
        at = None
        if day is not None:
            at = datetime.combine(START, datetime.min.time(), SHANGHAI) + timedelta(days=day, hours=hour)
        row = PLAIN | {"post_id": post_id, "author_id": author, "posted_at": at, "text": text, "label": "share"} | more
        row.setdefault("p_sell", 0.9 if row["label"] == "sell" else 0.05)
        row.setdefault("p_recruit", 0.9 if row["label"] == "recruit" else 0.05)
        row.setdefault("is_broadcast", row["label"] in ("sell", "recruit", "bait"))
        row.setdefault("broadcast_probability", 0.9 if row["is_broadcast"] else 0.1)
        self.rows.append(row)
        return post_id

    def only(self, rows: list[dict[str, Any]]) -> Diary:
        return Diary(rows)

    @property
    def posts(self) -> pa.Table:
        seen = datetime(2015, 12, 31, tzinfo=UTC)
        fixed = {"first_seen_at": seen, "last_seen_at": seen, "versions": 1, "schema_version": 1}
        return self._table(
            "posts", [fixed | {"text_own": r["text"], "text_normalised": r["text"].lower()} | r for r in self.rows]
        )

    @property
    def features(self) -> pa.Table:
        fixed = {"text_judge_version": "t", "sentiment_version": "s", "schema_version": 1, "sentiment": 0.0}
        table = self._table("post_features", [fixed | r for r in self.rows])
        found = sketches(pa.array([r["text"].lower() for r in self.rows], pa.string()))
        return table.set_column(table.column_names.index("sketch"), "sketch", found)

    @property
    def judgements(self) -> pa.Table:
        fixed = {"context_basis": "none", "judge_version": "j", "schema_version": 1}
        return self._table("post_judgements", [fixed | r for r in self.rows])

    @property
    def members(self) -> pa.Table:
        return campaigns(self.posts, self.features)[1]

    @property
    def days(self) -> pa.Table:
        return author_days(self.posts, self.features, self.judgements, self.members)

    def trust(self, day: int, model: TrustModel | None = None) -> pa.Table:
        """author_trust at the end of a day of the diary."""
        posts, features = self.posts, self.features
        members = campaigns(posts, features)[1]
        days = author_days(posts, features, self.judgements, members)
        as_of = START + timedelta(days=day)
        return author_trust(days, members, posts, as_of=as_of, known_at=KNOWN_AT, model=model)

    def _table(self, name: str, rows: list[dict[str, Any]]) -> pa.Table:
        want = schema(name)
        columns = {
            f.name: pa.array([r.get(f.name) for r in rows], f.type) for f in want if any(f.name in r for r in rows)
        }
        return complete(columns, name, len(rows))


@pytest.fixture(scope="session")
def new_diary() -> type[Diary]:
    """The class, for tests that write several."""
    return Diary


@pytest.fixture
def diary() -> Diary:
    return Diary()
