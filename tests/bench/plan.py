"""How much is measured: everything of moderate length, or a quick look with the same code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Posts and seconds. Peers run samples, for A alone would take hours over all posts."""

    rounds: int
    posts: int | None  # None: all at hand
    pilot: int  # posts of a first run, from which it is seen how many our side can afford
    pilot_seconds: float  # a pilot that is over sooner says too little: eight times as many posts, again
    score_seconds: float  # at most about this long a run of `xinren score`; fewer posts where that is too short
    lake_seconds: float  # the same for the path over a lake
    peers: dict[str, int]  # posts a round of each script, another part of the sample each round
    fitted_on: int  # labelled posts for the peers' model
    stage_posts: int  # at most so many posts of a stage alone, our side
    stage_seconds: float
    peer_stages: float  # the share of stages_peers.PEER_POSTS that the libraries run
    starts: int  # rounds of starting on ten posts
    cold: bool  # also a first start ever, with every kernel to compile


FULL = Plan(
    rounds=3, posts=None, pilot=4_000, pilot_seconds=3, score_seconds=40, lake_seconds=50, fitted_on=5_000,
    peers={"A": 1_667, "B": 5_000, "B-bulk": 5_000, "C": 20_000},
    stage_posts=100_000, stage_seconds=30, peer_stages=1.0, starts=5, cold=True,
)  # fmt: skip
QUICK = Plan(
    rounds=1, posts=50_000, pilot=400, pilot_seconds=0, score_seconds=6, lake_seconds=6, fitted_on=1_000,
    peers={"A": 100, "B": 500, "B-bulk": 500, "C": 2_000},
    stage_posts=5_000, stage_seconds=5, peer_stages=0.1, starts=1, cold=False,
)  # fmt: skip
