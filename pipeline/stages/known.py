"""What trust is computed from, a bucket of authors at a time: as it is stored, or as it would be had less been gathered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.order import match_rows, take_rows
from pipeline.partitions import split
from pipeline.run import Run, by_stem
from pipeline.stages.facts import POST_KEY
from pipeline.steps.author_across import READ as SOCIAL
from pipeline.steps.author_posts import ANSWERS, PROFILE
from pipeline.steps.campaigns import campaigns
from pipeline.steps.context import MEMBER_NEEDED
from pipeline.steps.days import POSTS_READ, at_rows, days_of, earlier_authors
from pipeline.steps.judge import POSTS_NEEDED, judged
from pipeline.tables import TIME, empty

POSTS = [
    "platform", "post_id", "author_id", "posted_at", "posted_at_precision", "is_repost", "is_auto_share", "source_dedups", "kind", "app",
    *PROFILE, *ANSWERS, "first_seen_at", "last_seen_at",
]  # fmt: skip
LINKED = pc.field("contact_hashes").is_valid() | pc.field("community").is_valid()
TALK = [*POST_KEY, "author_id", "posted_at", "kind", "parent_id", "root_id", "text_own"]


class Stored:
    """The tables as they are."""

    def __init__(self, run: Run) -> None:
        self._run = run
        tables = ("posts", "post_features", "campaign_members", "author_days")
        self._files = {table: by_stem(run, table) for table in tables}
        self.stems = sorted(self._files["posts"])

    def days(self, stem: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of author_days."""
        return self._read("author_days", stem, columns)

    def members(self, stem: str) -> pa.Table:
        """Rows of campaign_members."""
        return self._read("campaign_members", stem, ["campaign_id", *POST_KEY, "author_id", "posted_at"])

    def posts(self, stem: str) -> pa.Table:
        """Rows of posts, all columns but the long ones."""
        return self._read("posts", stem, POSTS)

    def social(self, stem: str) -> pa.Table:
        """Posts with a contact or in a community: what authors are linked by."""
        return self._read("posts", stem, SOCIAL, self._seen(LINKED))

    def talk(self, stem: str) -> pa.Table:
        """Comments and reposts by known authors of which the post they answer is stated."""
        answers = pc.field("kind").isin(["comment", "repost"]) & pc.field("author_id").is_valid()
        return self._read("posts", stem, TALK, self._seen(answers & pc.field("parent_id").is_valid()))

    def answerable(self, stem: str) -> pa.Table:
        """Posts by known authors: key, author and time."""
        return self._read(
            "posts", stem, [*POST_KEY, "author_id", "posted_at"], self._seen(pc.field("author_id").is_valid())
        )

    def chances(self, stem: str) -> pa.Table:
        """Of each post the probabilities of selling and recruiting."""
        return self._read("post_features", stem, [*POST_KEY, "p_sell", "p_recruit"])

    def _seen(self, where: pc.Expression) -> pc.Expression:
        return where

    def _read(
        self, table: str, stem: str, columns: Sequence[str] | None, where: pc.Expression | None = None
    ) -> pa.Table:
        return self._run.tx.rows_of(table, self._files[table].get(stem, []), columns, where)


class AsKnown(Stored):
    """The tables as a lake would hold them that had gathered nothing after `known_at`.

    A post gathered later may have been posted earlier, so campaigns and judgements are worked out again too. Campaigns
    read the texts of all posts known then at once.
    """

    def __init__(self, run: Run, known_at: datetime) -> None:
        super().__init__(run)
        self._until = pc.field("first_seen_at") <= pa.scalar(known_at, TIME)
        known = run.tx.read("posts", filter=self._until)
        _, members = campaigns(known, run.tx.read("post_features"))
        self._members: dict[str, list[pa.Table]] = {}
        for _, stem, rows in split("campaign_members", members, run.tx.buckets):
            self._members.setdefault(stem, []).append(rows)

    def _seen(self, where: pc.Expression) -> pc.Expression:
        return where & self._until

    def members(self, stem: str) -> pa.Table:
        """Of the campaigns that were known."""
        return pa.concat_tables([empty("campaign_members"), *self._members.get(stem, [])])

    def posts(self, stem: str) -> pa.Table:
        """Those gathered by then."""
        return self._read("posts", stem, POSTS, self._until)

    def days(self, stem: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Counted anew; platforms one after another, so that an author's earlier posts come first."""
        posts = self._read("posts", stem, [*dict.fromkeys((*POSTS_NEEDED, *POSTS_READ))], self._until)
        features = self._read("post_features", stem, None)
        features = features.take(pa.array(match_rows(posts, features, POST_KEY)))
        members = self.members(stem)
        member = match_rows(posts, members, POST_KEY)
        found = judged(
            posts, features, take_rows(members.select(MEMBER_NEEDED), member),
            judge=self._run.judge, base_rate=self._run.settings.base_rate, with_reasons=False,
        )  # fmt: skip
        repeats, others = (at_rows(flag, member) for flag in earlier_authors(members))
        days = days_of(posts, features, found, repeats, others)
        return days if columns is None else days.select(columns)
