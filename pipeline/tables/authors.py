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
    TEXT,
    TEXTS,
    TIME,
    VERSION,
    Column,
    key,
)

DAY_COUNTS = {
    "n_posts": "posts", "n_reposts": "reposts", "n_comments": "comments", **{f"n_{c}": f"posts judged {c}" for c in CLASSES},
    "n_broadcast": "posts judged broadcasting", "n_commercial": "posts with p(sell) + p(recruit) of at least 0.5",
    "n_campaign": "posts in a campaign that had two or more authors by then, this one included",
    "n_own_repeats": "posts that repeat the author's own earlier post",
    "n_mentions": "@names", "n_links": "links", "n_emoticons": "emoticons", "n_tokens": "tokens", "n_stock": "stock-pressure posts",
    "n_contact": "posts with a contact cue",
    "n_store": "commercial posts with a link to a shop of weidian, youzan or weimob",
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
    "recruitment": "abuse: recruiting agents", "flooding": "abuse: repeats, bursts, floods, own bait",
    "drift": "abuse: a move from sharing to selling",
}  # fmt: skip
AUTHOR_FEATURES = {
    "paving_days": "days from the first post to the first sustained selling (t_c), or to as_of when there is none",
    "paving_active_days": "distinct days with a non-commercial post before t_c",
    "paving_density": "paving_active_days / paving_days", "paving_posts": "non-commercial posts before t_c",
    "first_person_per_100tok": "mean per post", "affect_words_per_100tok": "mean per post", "emoticon_cnt": "mean per post",
    "repost_share": "reposts / posts", "auto_share": "posts judged auto / posts", "broadcast_mean": "mean broadcast_probability",
    "sent_sd_W90": "standard deviation of sentiment, 90 days", "active_day_ratio_W90": "days with a post / 90",
    "hour_entropy": "entropy of the hour of posting, bits, 0-4.585", "gap_cv": "sd / mean of gaps between active days",
    "burstiness": "(sd - mean) / (sd + mean) of gaps between active days, -1 to 1",
    "mention_rate": "mentions per post", "engagement_per_kfollower": "1000 * mean engagement / max(followers, 1)",
    "onset_lift": "mean engagement 90 days after t_c / before", "agency_share_W90": "recruit / (recruit + sell), 90 days",
    "accessory_index": "agency_share_W90 * (1 - share of recruiting posts, 90 days, that say anything of a product: price, size,"
    " ingredient, use); 0 without recruiting; NULL without selling or recruiting",
    "recruit_headcount": "of the recruiting posts those that promise pay by the head; NULL without any",
    "recruit_entryfee": "of the recruiting posts those that name a fee to enter; NULL without any",
    "recruit_teampay": "of the recruiting posts those that promise pay by the team's sales; NULL without any",
    "daigou_hit": "1 where a commercial post speaks of buying abroad (代购), else 0",
    "price_gap_hit": "1 where a commercial post names a counter or home price, else 0",
    "commerce_share_W90": "commercial posts / posts, 90 days", "recruit_share_W90": "recruiting posts / posts, 90 days",
    "broadcast_share_W90": "broadcasting posts / posts, 90 days",
    "own_dup_W7": "own repeats / posts, 7 days; NULL if source drops repeats",
    "posts_per_hour_max_W7": "most posts within any 60 minutes, 7 days", "campaign_share_W30": "posts in floods / posts, 30 days",
    "camp_authors_W30": "most distinct authors in a campaign the author joined, 30 days",
    "camp_span_h": "longest span of such a campaign, hours",
    "profit_drift": "Theil-Sen slope of monthly commerce share per 30 days, 365 days; NULL under 6 months with a post",
    **{f"{c}_share": f"posts judged {c} / posts, all days" for c in ("sell", "recruit", "bait", "news")},
    "own_bait_share": "bait posts that are neither reposts nor app-made / posts, all days",
    "own_broadcast_share": "sum of broadcast_probability of posts that are neither reposts nor app-made / posts, all days",
    "commerce_share": "commercial posts / posts, all days", "contact_share": "posts with a contact cue / posts, all days",
    "stock_share": "stock-pressure posts / posts, all days",
    "flood_share": "posts in a campaign that had two or more authors by then / posts, all days",
    "link_rate": "links per post", "tokens_per_post": "tokens per post", "comments_per_post": "the author's own comments per post",
    "own_repeat_share": "own repeats / posts, all days; NULL if source drops repeats",
    "posts_per_active_day": "posts per day with a post", "night_share": "posts before 7 o'clock local time / posts",
    "engagement_mean": "mean likes + comments + reposts of the posts whose engagement is known",
    "sentiment_mean": "mean sentiment, -1 to 1", "silent_days": "days from the last post to as_of",
    "days_since_sale": "days from the last commercial post to as_of; NULL without one",
    "stock_to_recruit_lift": "P(recruiting post within the 30 days after a day of stock pressure) / P(within 30 days of any day);"
    " NULL under 3 such days that are 30 days past, or without recruiting",
    "gap_median_h": "median hours between one post and the next; NULL under 4 gaps",
    "gap_log_sd": "standard deviation of log2(1 + hours) between posts; NULL under 4 gaps",
    "app_entropy": "entropy of the apps posted from, bits; NULL where none is stated",
    "top_app_share": "posts from the commonest app / posts that state one",
    "followers": "the account's followers (count, newest snapshot)",
    "following": "accounts it follows (count, newest snapshot)",
    "author_posts": "posts the account ever made, as the platform states (count, newest snapshot)",
}  # fmt: skip
TIE_FEATURES = {
    "comments_received": "comments of others on the author's posts (count)",
    "distinct_commenters": "others who commented (count)",
    "recurrent_commenter_share": "others who commented on 3 distinct posts or more / others who commented",
    "reply_rate_W90": "own comments under own posts / comments received, 90 days",
    "prior_tie_share": "of those who asked to buy under a commercial post, the share that had answered a post that was not"
    " commercial from before t_c; NULL where nobody asked",
    "trust_rank": "TrustRank over comments and reposts, from authors by what their trust_score has above 0.5; 1 is the mean",
}  # fmt: skip
MONTH_COUNTS = {
    name: DAY_COUNTS[name]
    for name in (
        "n_posts", "n_reposts", "n_comments", *(f"n_{c}" for c in CLASSES), "n_broadcast", "n_commercial", "n_campaign",
        "n_own_repeats", "n_own_bait", "own_broadcast_ppm", "n_mentions", "n_stock", "n_contact", "n_store", "engagement",
        "n_engagement",
    )
}  # fmt: skip
AUTHOR_MONTHS = [
    PLATFORM, AUTHOR_KEY, key("month", DATE, "first local day of the month"), key("n_days", INT, "days with a post (count)"),
    *[key(name, INT, f"{doc} (count or integer sum for the month)") for name, doc in MONTH_COUNTS.items()],
    Column("commerce_share", DOUBLE, "commercial posts / posts; NULL without a post"),
    Column("agency_share", DOUBLE, "recruit / (recruit + sell); NULL without either"),
    Column("store_share", DOUBLE, "commercial posts with a link to a shop platform / commercial posts; NULL without one"),
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
    Column("history_days", INT, "days from first to last post used, plus one"),
    Column("left_censored", BOOL, "the first post lies within 7 days of the first post of the source's window"),
    Column("right_censored", BOOL, "no sustained selling yet: paving_days may still grow"),
    *[Column(name, DOUBLE, doc) for name, doc in AUTHOR_FEATURES.items()],
    Column("shift_month", TEXT, "month of the largest CUSUM step in commerce share, YYYY-MM; NULL under 6 months"),
    Column("migration_month", TEXT, "first month, YYYY-MM, in which half of the commercial posts or more link to a shop platform"),
    Column("exited", BOOL, "no commercial post for 60 days; NULL where selling never set in"),
    *[Column(name, DOUBLE, f"{doc}; NULL where the lake holds no such rows") for name, doc in TIE_FEATURES.items()],
    *[Column(name, DOUBLE, f"component 0-1: {doc}") for name, doc in COMPONENTS.items()],
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
