"""The stages: read the lake, call a step, write the lake. Run inside `run.writing`, which commits all of them at once.

Each stage skips what is already there: every file states the digest of what it was derived from.
"""

from __future__ import annotations

from pipeline.run import Counts, Run
from pipeline.stages.campaigns import campaigns
from pipeline.stages.clean import clean
from pipeline.stages.features import features
from pipeline.stages.gather import gather
from pipeline.stages.judge import judge
from pipeline.stages.summary import summary
from pipeline.stages.trust import trust

__all__ = ["STAGES", "campaigns", "clean", "do", "features", "gather", "judge", "summary", "trust"]

STAGES = {"gather": (gather, clean), "features": (features,), "campaigns": (campaigns,), "judge": (judge,),
          "trust": (trust,), "summary": (summary,)}  # fmt: skip


def do(run: Run, *names: str) -> Counts:
    """Run the named stages in this run, one after another, and return all they counted."""
    counts: Counts = {}
    for name in names or tuple(STAGES):
        for stage in STAGES[name]:
            counts |= stage(run)
    return counts
