"""Part of stage trust: author_days -> author_months, author_cohorts, over everything gathered."""

from __future__ import annotations

import pyarrow as pa

from pipeline import partitions
from pipeline.run import Counts, Run, by_stem, digest, drop_others, hashes, is_current, publish
from pipeline.steps.author_months import author_cohorts, author_months, cohort_counts
from pipeline.store import DataFile
from pipeline.tables import MONTH_COUNTS
from pipeline.threads import in_order

_LIVES = ["platform", "author_id", "month", "n_posts", "n_recruit", "n_commercial"]


def months(run: Run) -> Counts:
    """author_days -> author_months, each file from the file of days in its place; then author_cohorts from all of them."""
    days = run.tx.data_files("author_days")
    made = {partitions.place(file): file.derived_from for file in run.tx.data_files("author_months")}
    todo = [file for file in days if made.get(partitions.place(file)) != digest("months", file.sha256)]

    def work(file: DataFile) -> pa.Table:
        return author_months(run.tx.rows_of("author_days", [file], ["platform", "author_id", "date", *MONTH_COUNTS]))

    for file, rows in zip(todo, in_order(work, todo, run.threads), strict=True):
        run.tx.put("author_months", file.keys, file.stem, rows, derived_from=digest("months", file.sha256))
    drop_others(run, "author_months", {partitions.place(file) for file in days})
    return {"author_months": sum(file.rows for file in run.tx.data_files("author_months")), **_cohorts(run)}


def _cohorts(run: Run) -> Counts:
    derived_from = digest("cohorts", hashes(run, "author_months"))
    if not is_current(run, "author_cohorts", derived_from):
        files = list(by_stem(run, "author_months").values())
        parts = in_order(lambda some: cohort_counts(run.tx.rows_of("author_months", some, _LIVES)), files, run.threads)
        publish(run, "author_cohorts", author_cohorts(list(parts)), derived_from)
    return {"author_cohorts": sum(file.rows for file in run.tx.data_files("author_cohorts"))}
