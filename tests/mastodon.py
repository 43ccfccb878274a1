"""A small Mastodon server: statuses in time's order, served in pages as the API serves them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.web import Asked, Reply, Web, json_reply

ACCOUNT = {
    "id": "7", "username": "lin", "acct": "lin", "display_name": "林间小路", "url": "https://m.example/@lin",
    "uri": "https://m.example/users/lin", "created_at": "2021-05-06T00:00:00.000Z", "followers_count": 12,
    "following_count": 30, "statuses_count": 210, "bot": False, "note": "<p>散步</p>",
}  # fmt: skip


def status(id_: str, content: str, **more: Any) -> dict[str, Any]:
    """A status as the API shows it."""
    return {
        "id": id_, "created_at": "2026-03-01T08:00:00.000Z", "in_reply_to_id": None, "in_reply_to_account_id": None,
        "spoiler_text": "", "visibility": "public", "language": "zh", "edited_at": None, "content": content,
        "uri": f"https://m.example/users/lin/statuses/{id_}", "url": f"https://m.example/@lin/{id_}",
        "replies_count": 1, "reblogs_count": 2, "favourites_count": 3, "reblog": None, "application": None,
        "account": ACCOUNT, "media_attachments": [], "mentions": [], "tags": [], "card": None, **more,
    }  # fmt: skip


WALKS = ("桂花", "银杏", "枫叶", "雪", "腊梅", "柳芽", "槐花", "荷", "蝉声")


def walk(number: int) -> dict[str, Any]:
    """The status of a number: each another text."""
    return status(str(100 + number), f"<p>第{number}次散步，看见了{WALKS[number % len(WALKS)]}</p>")


@dataclass
class Timeline:
    """The server's answer to every request for a page; `page` is how many statuses it gives at most."""

    statuses: list[dict[str, Any]]
    page: int = 4
    has_links: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/api/v1/accounts/lookup":
            return json_reply({"id": "7", "acct": asked.query["acct"]})
        if asked.path not in ("/api/v1/timelines/tag/散步", "/api/v1/accounts/7/statuses"):
            return Reply(status=404)
        self.asked.append(asked.query)
        found = self._asked_for({name: int(value) for name, value in asked.query.items()})
        return json_reply(found, **(self._links(found) if self.has_links else {}))

    def _asked_for(self, query: dict[str, int]) -> list[dict[str, Any]]:
        newest_first = sorted(self.statuses, key=lambda status: -int(status["id"]))
        found = [
            status for status in newest_first
            if query.get("min_id", 0) < int(status["id"]) < query.get("max_id", 1 << 62)
        ]  # fmt: skip
        size = min(self.page, query.get("limit", 20))
        return found[-size:] if "min_id" in query else found[:size]

    def _links(self, found: list[dict[str, Any]]) -> dict[str, str]:
        if not found:
            return {}
        prev = f'<https://elsewhere.example/?{urlencode({"min_id": found[0]["id"]})}>; rel="prev"'
        last = min(self.statuses, key=lambda status: int(status["id"]))
        if found[-1] == last:
            return {"Link": prev}
        return {"Link": f'<https://elsewhere.example/?{urlencode({"max_id": found[-1]["id"]})}>; rel="next", {prev}'}


def serve(web: Web, n: int, **how: Any) -> Timeline:
    """Let the server show a timeline of `n` statuses."""
    timeline = Timeline([walk(number) for number in range(n)], **how)
    web.answer = timeline
    return timeline
