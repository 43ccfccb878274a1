"""Stage campaigns: posts, post_features -> campaigns, campaign_members."""

from __future__ import annotations

from pipeline.run import Counts, Run, digest, hashes, is_current, publish
from pipeline.stages.facts import POST_KEY
from pipeline.steps.campaigns import campaigns as find_campaigns


def campaigns(run: Run) -> Counts:
    """posts, post_features -> campaigns, campaign_members, over the whole lake."""
    derived_from = digest("campaigns", hashes(run, "posts"), hashes(run, "post_features"))
    if not is_current(run, "campaigns", derived_from):
        columns = [*POST_KEY, "author_id", "posted_at", "kind", "text", "text_normalised", "is_repost", "is_auto_share"]
        found, members = find_campaigns(
            run.tx.read("posts", columns), run.tx.read("post_features", [*POST_KEY, "sketch"])
        )
        publish(run, "campaigns", found, derived_from)
        publish(run, "campaign_members", members, derived_from)
    rows = {name: sum(f.rows for f in run.tx.data_files(name)) for name in ("campaigns", "campaign_members")}
    run.say("campaigns", rows["campaign_members"], rows["campaign_members"])
    return rows
