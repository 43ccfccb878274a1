"""The features of an author: what each is, its unit, its window, when it is NULL.

Hours and gaps are of posts whose time is known to the minute (posted_at_precision); unknown where an author has none such.
Windows are local days: `90 days` is (as_of - 90, as_of]. "Posts" are all kinds but comments. t_c is the first local day
with a commercial post whose 30 days hold 3 or more.
"""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """What a feature is, in which unit, over which window, what it takes at least, and what else makes it NULL."""

    what: str
    unit: str
    window: str = "all days"
    least: str = "5 posts"
    null: str = ""

    @property
    def doc(self) -> str:
        """The documentation of its column."""
        null = f", {self.null}" if self.null else ""
        return f"{self.what}; unit: {self.unit}; window: {self.window}; NULL under {self.least}{null}"


SHARE, RATE, RATIO, DAYS, COUNT, HOURS, YES = (
    "share 0-1", "count per post", "ratio", "days", "count", "hours", "1 or 0",
)  # fmt: skip
_NEVER_SOLD = "or without selling or recruiting in the window"
_NO_RECRUITING = "or without a recruiting post"
_HOURLESS = "or where no post's hour is known"
_WINDOW_EMPTY = "or without a post in the window"
_DEDUPS = "or where every source drops repeats"
_SINCE = "to t_c, or to as_of before it"
OF_AUTHORS: dict[str, Feature] = {
    # A1 trust paving
    "paving_days": Feature("days from the first post to t_c, or to as_of (right_censored)", DAYS, _SINCE),
    "paving_active_days": Feature("days with a post that is not commercial", DAYS, _SINCE),
    "paving_density": Feature("paving_active_days / paving_days, at most 1", SHARE, _SINCE, null="or where paving_days is 0"),
    "paving_posts": Feature("posts that are not commercial", COUNT, _SINCE),
    # A2 interest
    "topic_focus": Feature("1 - entropy of the topics of posts that are not commercial / ln 15: 1 where all are of one topic", SHARE,
                           "365 days", "5 such posts with a topic in the window"),
    "topic_continuity": Feature("cosine of the counts by topic of posts that are not commercial, before t_c and from it on", SHARE,
                                "180 days before t_c, 90 days from it on", "5 such posts with a topic on either side", "before t_c"),
    # A3 feeling
    "first_person_per_100tok": Feature("first-person words per 100 tokens, mean over posts", "count per 100 tokens"),
    "affect_words_per_100tok": Feature("words of feeling per 100 tokens, mean over posts", "count per 100 tokens"),
    "emoticon_cnt": Feature("emoji and [emoticons], mean over posts whose exporter keeps them", RATE, null="or without such a post"),
    "sent_sd_W90": Feature("standard deviation of sentiment", "sentiment 0-1", "90 days", null="or under 2 posts in the window"),
    # A4 time
    "active_day_ratio_W90": Feature("days with a post / 90", SHARE, "90 days"),
    "hour_entropy": Feature("entropy of the local hour of posting, at most 4.585", "bits", null=_HOURLESS),
    "gap_cv": Feature("sd / mean of the hours between one post and the next", RATIO, null="under 4 gaps, or where all are 0"),
    "burstiness": Feature("(sd - mean) / (sd + mean) of these hours", "-1 to 1", null="under 4 gaps, or where all are 0"),
    # A5 talk (more in OF_TIES)
    "comments_per_post": Feature("comments received per post, newest snapshot", RATE, least="5 posts whose comments are known"),
    "mention_rate": Feature("mentions per post", RATE),
    # A6 no platform of one's own (decentralisation_day is a column of daily_summary)
    "platform_cnt": Feature("platforms on which any contact handle of the author's own posts was posted in own words, by anybody", COUNT,
                            null="or without a handle in any post"),
    "platform_entropy": Feature("entropy over platforms of the posts with these handles", "bits", null="or without a handle in any post"),
    # A7 influence
    "engagement_per_kfollower": Feature("1000 * median of likes + comments + reposts / max(followers, 1), newest snapshots",
                                        "count per 1,000 followers", least="5 posts whose engagement is known",
                                        null="or where followers are unknown"),
    "onset_lift": Feature("median engagement from t_c on / median before it", RATIO, "90 days on either side of t_c",
                          "5 posts on either side whose engagement is known", "before t_c, or where the median before is 0"),
    # A8 the agency as the product
    "agency_share_W90": Feature("recruit / (recruit + sell)", SHARE, "90 days", null=_NEVER_SOLD),
    "accessory_index": Feature("agency_share_W90 * (1 - share of recruiting posts that say anything of a product: price, size,"
                               " ingredient, use); 0 without recruiting", SHARE, "90 days", null=_NEVER_SOLD),
    "recruit_headcount": Feature("of the recruiting posts those that promise pay by the head", SHARE, null=_NO_RECRUITING),
    "recruit_entryfee": Feature("of the recruiting posts those that name a fee to enter", SHARE, null=_NO_RECRUITING),
    "recruit_teampay": Feature("of the recruiting posts those that promise pay by the team's sales", SHARE, null=_NO_RECRUITING),
    # A9 stock pressed on agents
    "stock_to_recruit_lift": Feature("P(recruiting post within the 30 days after a day of stock pressure) / P(within 30 days of any"
                                     " day)", RATIO, null="under 3 such days that are 30 days past, or without recruiting"),
    # A10 flooding
    "own_dup_W7": Feature("posts that repeat the author's own earlier post (Jaccard 0.7) / posts, both without reposts and app texts",
                          SHARE, "7 days", null=f"or without such a post in the window, {_DEDUPS}"),
    "posts_per_hour_max_W7": Feature("most posts within any 60 minutes", COUNT, "7 days", null=_HOURLESS),
    "campaign_share_W30": Feature("posts in floods (campaigns of two authors or more) / posts", SHARE, "30 days", null=_WINDOW_EMPTY),
    "camp_authors_W30": Feature("most distinct authors in a campaign the author joined", COUNT, "30 days"),
    "camp_span_h": Feature("longest span of such a campaign", HOURS, "joined in 30 days", null="or without a campaign"),
    "feed_share_1h": Feature("largest share of a community's posts of one clock hour, of hours with 5 posts or more; means something"
                             " only where the whole feed was gathered", SHARE, "30 days", null="or without a post in such an hour"),
    # A11 from trust to profit
    "profit_drift": Feature("Theil-Sen slope of the monthly commerce share", "share per 30 days", "365 days",
                            null="or under 6 months with a post"),
    "commerce_share_W90": Feature("commercial posts / posts", SHARE, "90 days", null=_WINDOW_EMPTY),
    "recruit_share_W90": Feature("posts judged recruit / posts", SHARE, "90 days", null=_WINDOW_EMPTY),
    "broadcast_share_W90": Feature("posts judged broadcasting / posts", SHARE, "90 days", null=_WINDOW_EMPTY),
    # A13 buying abroad
    "daigou_hit": Feature("1 where a commercial post speaks of buying abroad (代购)", YES),
    "price_gap_hit": Feature("1 where a commercial post names a counter or home price", YES),
    # Beyond the notes: what accounts are told apart by
    "repost_share": Feature("reposts / posts", SHARE),
    "auto_share": Feature("posts judged auto / posts", SHARE),
    "broadcast_mean": Feature("mean broadcast_probability", SHARE),
    **{f"{c}_share": Feature(f"posts judged {c} / posts", SHARE) for c in ("sell", "recruit", "bait", "news")},
    "own_bait_share": Feature("bait posts that are neither reposts nor app-made / posts", SHARE),
    "own_broadcast_share": Feature("sum of broadcast_probability of posts that are neither reposts nor app-made / posts", SHARE),
    "commerce_share": Feature("commercial posts / posts", SHARE),
    "contact_share": Feature("posts with a contact cue / posts", SHARE),
    "stock_share": Feature("stock-pressure posts / posts", SHARE),
    "flood_share": Feature("posts in a campaign that had two or more authors by then / posts", SHARE),
    "link_rate": Feature("links per post", RATE),
    "tokens_per_post": Feature("tokens per post", RATE),
    "own_repeat_share": Feature("posts that repeat the author's own earlier post / posts", SHARE, null=_DEDUPS),
    "echo_share": Feature("3-grams of characters that the author's post before holds too / distinct 3-grams of each post that follows one",
                          SHARE, null=f"{_DEDUPS}, or no post that follows one has 3 characters"),
    "posts_per_active_day": Feature("posts per day with a post", "count per day"),
    "night_share": Feature("posts before 7 o'clock local time / posts", SHARE, null=_HOURLESS),
    "engagement_mean": Feature("mean likes + comments + reposts of the posts where any is known, newest snapshots", RATE,
                               null="or where none is"),
    "sentiment_mean": Feature("mean sentiment", "-1 to 1"),
    "silent_days": Feature("days from the last post to as_of", DAYS),
    "days_since_sale": Feature("days from the last commercial post to as_of", DAYS, null="or without one"),
    "gap_median_h": Feature("median of the hours between one post and the next", HOURS, null="under 4 gaps"),
    "gap_log_sd": Feature("standard deviation of log2(1 + hours) between one post and the next", "log2 hours", null="under 4 gaps"),
    "app_entropy": Feature("entropy of the apps posted from", "bits", null="or where none is stated"),
    "top_app_share": Feature("posts from the commonest app / posts that state one", SHARE, null="or where none is stated"),
    "followers": Feature("the account's followers, newest snapshot", COUNT, null="or where not stated"),
    "following": Feature("accounts it follows, newest snapshot", COUNT, null="or where not stated"),
    "author_posts": Feature("posts it ever made, as the platform states, newest snapshot", COUNT, null="or where not stated"),
}  # fmt: skip
_SILENCE = "or where the lake holds no such rows"
OF_TIES: dict[str, Feature] = {
    "comments_received": Feature("comments of others on the author's posts, among the rows gathered", COUNT, least="1", null=_SILENCE),
    "distinct_commenters": Feature("others who commented", COUNT, least="1 comment received", null=_SILENCE),
    "recurrent_commenter_share": Feature("others who commented on 3 distinct posts or more / others who commented", SHARE,
                                         least="1 comment received", null=_SILENCE),
    "reply_rate_W90": Feature("own comments under own posts / comments received", RATIO, "90 days",
                              "1 comment received in the window", _SILENCE),
    "prior_tie_share": Feature("of those who asked to buy under a commercial post, the share that had answered a post that was not"
                               " commercial from before t_c", SHARE, least="1 who asked", null=_SILENCE),
    "trust_rank": Feature("TrustRank over comments and reposts, from authors by what their trust_score has above 0.5; 1 is the mean",
                          RATIO, least="1 such tie", null=_SILENCE),
}  # fmt: skip
AUTHOR_FEATURES = {name: feature.doc for name, feature in OF_AUTHORS.items()}
TIE_FEATURES = {name: feature.doc for name, feature in OF_TIES.items()}
