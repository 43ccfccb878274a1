"""The page's example of a new source is run as it stands there."""

import re
import types
from datetime import UTC, datetime

from pipeline import sources
from pipeline.sources.facts import PAGE, table


def blocks(kind):
    text = PAGE.read_text("utf-8")
    found = re.findall(
        rf"^ *```{kind}\n(.*?)^ *```", text[text.index("## Adding a source") :], re.DOTALL | re.MULTILINE
    )
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


def test_example_of_a_new_source_works_as_written(gather, check_law, monkeypatch):
    module = types.ModuleType("plumtree")
    exec(compile(blocks("python")[0], "plumtree.py", "exec"), module.__dict__)
    monkeypatch.setattr(sources, "SOURCES", {"plumtree": module.SOURCE, **sources.SOURCES})
    gathered = gather(blocks("json")[0])
    check_law(gathered)
    post = gathered.posts.to_pylist()[0]
    said = ("source", "platform", "post_id", "author_id", "text", "likes", "parent_id")
    assert [post[name] for name in said] == ["plumtree", "plumtree", "71", "w-9", "梅子熟了", 12_000, None]
    assert post["posted_at"] == datetime(2026, 6, 1, tzinfo=UTC)
    assert "| `plumtree` | plumtree | 2026 |" in table({"plumtree": module.SOURCE})
