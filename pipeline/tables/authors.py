"""Tables with a row per author and day, per author, and per day."""

from __future__ import annotations

from pipeline.tables.columns import (
    AUTHOR_KEY,
    BOOL,
    CLASSES,
    DATE,
    DOUBLE,
    HOURS,
    INT,
    PLATFORM,
    STORES,
    TEXT,
    TEXTS,
    TIME,
    TOPICS,
    VERSION,
    Column,
    key,
)
from pipeline.tables.features import AUTHOR_FEATURES, TIE_FEATURES

DAY_COUNTS = {
    "n_posts": "posts", "n_reposts": "reposts", "n_comments": "comments", **{f"n_{c}": f"posts judged {c}" for c in CLASSES},
    "n_broadcast": "posts judged broadcasting", "n_commercial": "posts with p(sell) + p(recruit) of at least 0.5",
    "n_campaign": "posts in a campaign that had two or more authors by then, this one included",
    "n_own_repeats": "posts that repeat the author's own earlier post",
    "n_grams": "distinct 3-grams of characters of posts that follow another of the author",
    "n_echoed_grams": "of n_grams, those that the author's post before holds too",
    "n_mentions": "@names", "n_links": "links",
    "n_emoticons": "emoji and [emoticons] in posts whose exporter keeps them",
    "n_emoticon_posts": "posts whose exporter keeps [emoticons]", "n_own": "posts that are neither reposts nor app-made",
    "n_tokens": "tokens", "n_stock": "stock-pressure posts",
    "n_contact": "posts with a contact cue",
    "n_store": "commercial posts with a link to a shop of weidian, youzan or weimob",
    **{f"n_store_{name}": f"commercial posts with a link to {name}" for name in STORES},
    "n_daigou": "commercial posts that speak of buying abroad (代购)",
    "n_price_gap": "commercial posts that name a counter or home price",
    "n_product_detail": "commercial posts judged recruit with a price, size, ingredient or use of a product",
    "n_headcount": "commercial posts judged recruit that promise pay by the head",
    "n_entry_fee": "commercial posts judged recruit that name a fee to enter",
    "n_team_pay": "commercial posts judged recruit that promise pay by the team's sales",
    "n_own_bait": "posts judged bait that are neither reposts nor app-made",
    "own_broadcast_ppm": "sum of broadcast_probability, millionths, of posts that are neither reposts nor app-made",
    "broadcast_ppm": "sum of broadcast_probability, millionths",
    "sentiment_ppm": "sum of sentiment, millionths", "sentiment_sq_ppm": "sum of squared sentiment, millionths",
    "first_person": "first-person words, hundredths per 100 tokens, summed over posts",
    "affect": "words of feeling, hundredths per 100 tokens, summed over posts",
    "engagement": "likes + comments + reposts where known", "n_engagement": "posts whose engagement is known",
    **{f"n_topic_{name}": f"posts that are not commercial and speak most of {name}" for name in TOPICS},
    "peak_hour": "sum over posts of posts by the author in the same clock hour (so peak_hour / n_posts >= 1)",
}  # fmt: skip
AUTHOR_DAYS = [
    PLATFORM, AUTHOR_KEY, key("date", DATE, "local day"),
    *[key(name, INT, f"{doc} (count or integer sum for the day)") for name, doc in DAY_COUNTS.items()],
    key("by_hour", HOURS, "posts in each local hour of the day (count)"), VERSION,
]  # fmt: skip

COMPONENTS = {
    "paving": "years of genuine posting before selling", "originality": "own words, not repeats or app texts",
    "reciprocity": "talk with others: mentions and comments", "commitment": "steady presence over many days",
    "restraint": "a low share of selling and of own broadcasting",
    "recruitment": "abuse: recruiting agents", "flooding": "abuse: repeats, bursts, floods, own bait, saying again what was said last",
    "drift": "abuse: a move from sharing to selling, unknown where profit_drift is",
}  # fmt: skip
MONTH_COUNTS = {
    name: DAY_COUNTS[name]
    for name in (
        "n_posts", "n_reposts", "n_comments", *(f"n_{c}" for c in CLASSES), "n_broadcast", "n_commercial", "n_campaign",
        "n_own_repeats", "n_grams", "n_echoed_grams", "n_own_bait", "own_broadcast_ppm", "n_mentions", "n_stock", "n_contact", "n_store",
        *(f"n_store_{name}" for name in STORES), "engagement",
        "n_engagement",
    )
}  # fmt: skip
AUTHOR_MONTHS = [
    PLATFORM, AUTHOR_KEY, key("month", DATE, "first local day of the month"), key("n_days", INT, "days with a post (count)"),
    *[key(name, INT, f"{doc} (count or integer sum for the month)") for name, doc in MONTH_COUNTS.items()],
    Column("commerce_share", DOUBLE, "commercial posts / posts; NULL without a post"),
    Column("agency_share", DOUBLE, "recruit / (recruit + sell); NULL without either"),
    Column("store_share", DOUBLE, "commercial posts with a link to a shop platform / commercial posts; NULL without one"),
    *[Column(f"store_domain_share_{name}", DOUBLE, f"commercial posts with a link to {name} / commercial posts; NULL without one")
      for name in STORES],
    Column("trust", DOUBLE, "trust_score's form over the month alone, 0-1, 0.5 without evidence; NULL under 5 posts"), VERSION,
]  # fmt: skip
AUTHOR_COHORTS = [
    PLATFORM, key("month", DATE, "first local day of the month"), key("n_authors", INT, "authors with a post (count)"),
    key("n_authors_new", INT, "of them, those whose first month with a post this is (count)"),
    key("n_recruiters", INT, "authors with a recruiting post (count)"),
    key("n_recruiters_new", INT, "of them, those whose first month with one this is (count)"),
    Column("n_recruiters_exit", INT, "authors who ever recruited and whose last commercial post lies in this month (count);"
           " NULL in the platform's last two months, when it is too early to say"), VERSION,
]  # fmt: skip
AUTHOR_TRUST = [
    PLATFORM, AUTHOR_KEY, key("as_of", DATE, "only posts up to the end of this local day were used"),
    key("known_at", TIME, "only posts gathered up to then were used"), key("n_posts", INT, "dated posts used (count)"),
    Column("history_days", INT, "days from first to last post used, plus one; NULL without a post"),
    Column("left_censored", BOOL, "the first post lies within 7 days of the platform's first post gathered; NULL without a post"),
    Column("right_censored", BOOL, "no sustained selling yet (t_c): paving_days may still grow; NULL without a post"),
    *[Column(name, DOUBLE, doc) for name, doc in AUTHOR_FEATURES.items()],
    Column("shift_month", TEXT, "month of the largest CUSUM step in the monthly commerce share, 365 days, YYYY-MM; NULL under 6 months"
           " with a post, or where the share never changes"),
    Column("migration_month", TEXT, "first month, YYYY-MM, in which half of the commercial posts or more link to a shop of weidian,"
           " youzan or weimob, all days; NULL where there is none"),
    Column("exited", BOOL, "no commercial post for 60 days; NULL where selling never set in"),
    *[Column(name, DOUBLE, doc) for name, doc in TIE_FEATURES.items()],
    *[Column(name, DOUBLE, f"component 0-1: {doc}; NULL under 5 posts") for name, doc in COMPONENTS.items()],
    Column("spam_author_probability", DOUBLE, "learned probability that the account is a spammer; NULL under 5 posts"),
    key("trust_score", DOUBLE, "earned trust 0-1: the prior without evidence, up by evidence, down by abuse"),
    key("trust_low", DOUBLE, "lower end of its 80% interval"), key("trust_high", DOUBLE, "upper end of its 80% interval"),
    Column("trust_percentile", DOUBLE, "share of the model's reference accounts of the platform with a lower score; NULL without any"),
    Column("trust_reasons", TEXTS, "why, in words"), key("trust_version", TEXT, "version of the trust model"), VERSION,
]  # fmt: skip

FEELING_MEANS = [
    Column("n_feeling", INT, "posts of kind post, note, article in own words (count)"),
    Column("n_genuine", INT, "of them, judged share (count)"),
    Column("sentiment_all", DOUBLE, "mean sentiment of n_feeling posts"),
    Column("sentiment_genuine", DOUBLE, "mean sentiment of n_genuine posts"),
    Column("sentiment_difference", DOUBLE, "sentiment_genuine - sentiment_all"),
]
DIFFERENCE_INTERVAL = [
    Column(
        "difference_low",
        DOUBLE,
        "lower end of its 95% interval (bootstrap over authors); NULL below 5 authors of genuine posts",
    ),
    Column("difference_high", DOUBLE, "upper end"),
]
DAILY_SUMMARY = [
    key("date", DATE, "local day"), PLATFORM, key("n_posts", INT, "posts (count)"), key("n_authors", INT, "authors (count)"),
    Column("decentralisation_day", DOUBLE, "1 - sum over known authors of (their share of the day's likes + comments + reposts)^2, newest"
           " snapshots: near 0 where one account has it all; NULL without any"),
    Column("broadcast_share", DOUBLE, "broadcasting posts / posts"), Column("recruit_share", DOUBLE, "recruiting posts / posts"),
    *FEELING_MEANS, *DIFFERENCE_INTERVAL,
    Column("n_feeling_campaigns", INT, "of n_feeling, posts in campaigns (count)"),
    Column("n_feeling_broadcast", INT, "of n_feeling, broadcasting outside campaigns (count)"),
    Column("sentiment_rest", DOUBLE, "mean sentiment of the others of n_feeling"),
    Column("sentiment_swing", DOUBLE, "sentiment_all less that of the local day before; NULL where that day has none"),
    Column("swing_campaigns", DOUBLE, "part of sentiment_swing that posts in campaigns made: change of the mean with them less"
           " the mean without; NULL where either day has nothing but campaigns and broadcasting"),
    Column("swing_broadcast", DOUBLE, "part that broadcasting outside campaigns made"),
    Column("swing_rest", DOUBLE, "part of the others: change of sentiment_rest; the three parts add up to sentiment_swing"),
    Column("swing_campaigns_low", DOUBLE, "lower end of the 95% interval of swing_campaigns (bootstrap over authors);"
           " NULL below 5 authors on either day"), Column("swing_campaigns_high", DOUBLE, "upper end"),
    Column("top_campaigns", TEXTS, "ids of the day's largest campaigns, at most 3"),
    Column("trust_p10", DOUBLE, "10th percentile of the day's authors' trust_score"),
    Column("trust_p50", DOUBLE, "median of it"), Column("trust_p90", DOUBLE, "90th percentile of it"), VERSION,
]  # fmt: skip

DAILY_FEELINGS = [
    key("date", DATE, "local day"), PLATFORM, key("part", TEXT, "by what: topic (hashtag), keyword (search word), campaign"),
    key("name", TEXT, "the topic, the keyword, the campaign_id; topics and keywords of 10 posts or more on the day, campaigns of 2"),
    key("n_posts", INT, "posts with it (count); a post counts in each topic and keyword it has"),
    key("n_authors", INT, "authors of them (count)"), Column("broadcast_share", DOUBLE, "broadcasting posts / posts"),
    *FEELING_MEANS, *DIFFERENCE_INTERVAL,
    Column("sentiment_lent", DOUBLE, "sentiment_all of the day and platform less what it would be without these posts;"
           " NULL where nothing else was felt"), VERSION,
]  # fmt: skip
