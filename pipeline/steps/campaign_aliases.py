"""The ids that campaigns had before earlier posts of theirs were gathered. Part of the campaigns step.

A function of the posts and of when each was first seen, as all tables are: a lake brought up to date post by post and one
made at once say the same.
"""

from __future__ import annotations

import numpy as np

from pipeline.steps.campaign_facts import Facts, Posts
from pipeline.steps.campaign_keys import Numbers
from pipeline.text.codepoints import Ints
from pipeline.text.compiled import kernel
from pipeline.text.folding import fixed

NEVER = 2**63 - 1


def former_heads(posts: Posts, found: Facts, text: Numbers, founder: Numbers) -> tuple[Numbers, Numbers, Ints]:
    """(campaign, post, time): members whose ids a campaign had, or may have had, until an earlier post was first seen then.

    text: that of each post; founder: that which founded the campaign of each text. Two ways lead to a new id: the first
    member gives way to an earlier one; or a text that may have led a campaign of its own has joined one, some earlier
    text of which was seen only after it.
    """
    first, led = _first_known(posts, found), _led_before(posts, found, text, founder)
    campaign, post, at = np.append(first[0], led[0]), np.append(first[1], led[1]), np.append(first[2], led[2])
    _, once = np.unique(post, return_index=True)
    return campaign[once], post[once], at[once]


def _first_known(posts: Posts, found: Facts) -> tuple[Numbers, Numbers, Ints]:
    """(campaign, post, time): posts that were the first known member until an earlier one was first seen at that time.

    As in a lake that was brought up to date at each time at which a post was first seen: an id is listed that the
    campaign then had, with two members or more.
    """
    seen = posts.seen[found.order]
    late = np.minimum.reduceat(seen, found.bounds[:-1]) < seen[found.bounds[:-1]] if len(found) else np.zeros(0, bool)
    inside = np.flatnonzero(np.repeat(late, found.n_posts))
    campaign = found.campaign[found.order[inside]]
    inside = inside[np.lexsort((inside, seen[inside], campaign))]
    campaign = found.campaign[found.order[inside]]
    changes = np.empty((len(inside), 2), np.int64)
    n = _former(fixed(inside), fixed(campaign), fixed(seen[inside]), changes)
    post = found.order[changes[:n, 0]]
    return found.campaign[post], post, changes[:n, 1]


def _led_before(posts: Posts, found: Facts, text: Numbers, founder: Numbers) -> tuple[Numbers, Numbers, Ints]:
    """(campaign, post, time): the earliest known post of each text, until the last earlier text of its campaign was seen."""
    known = np.full(len(founder), NEVER)
    np.minimum.at(known, text, posts.seen)
    last = np.empty_like(known)
    _last_seen(fixed(known), fixed(founder), known.copy(), last)
    until = last[text]
    inside = np.flatnonzero((posts.seen < until) & (found.campaign >= 0))
    inside = inside[np.lexsort((inside, posts.seen[inside], text[inside]))]
    changes = np.empty((2 * len(inside), 2), np.int64)
    n = _led(fixed(inside), fixed(text[inside]), fixed(posts.seen[inside]), fixed(until[inside]), changes)
    post = changes[:n, 0].astype(np.int32)
    return found.campaign[post], post, changes[:n, 1]


@kernel
def _former(places: Ints, campaign: Numbers, seen: Ints, changes: Ints) -> int:
    n, known, first, shown = 0, 0, 0, -1
    for i in range(len(places)):
        if i == 0 or campaign[i] != campaign[i - 1]:
            known, first, shown = 0, places[i], -1
        known += 1
        first = min(first, places[i])
        last = i + 1 == len(places) or campaign[i + 1] != campaign[i] or seen[i + 1] != seen[i]
        if last and known > 1:
            if shown >= 0 and shown != first:
                changes[n, 0], changes[n, 1] = shown, seen[i]
                n += 1
            shown = first
    return n


@kernel
def _last_seen(known: Ints, founder: Numbers, latest: Ints, last: Ints) -> None:
    """Of the texts of its campaign up to each, when the last was seen. `latest` begins as `known`."""
    for text in range(len(known)):
        latest[founder[text]] = max(latest[founder[text]], known[text])
        last[text] = latest[founder[text]]


@kernel
def _led(places: Ints, text: Numbers, seen: Ints, until: Ints, changes: Ints) -> int:
    n, first = 0, 0
    for i in range(len(places)):
        if i == 0 or text[i] != text[i - 1]:
            first = places[i]
        elif places[i] < first:
            changes[n, 0], changes[n, 1] = first, seen[i]
            first = places[i]
            n += 1
        if i + 1 == len(places) or text[i + 1] != text[i]:
            changes[n, 0], changes[n, 1] = first, until[i]
            n += 1
    return n
