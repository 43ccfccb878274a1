"""Stage gather: files -> raw_posts, raw_authors, rejects, gathered_files."""

from __future__ import annotations

from pipeline.run import Counts, Run
from pipeline.sources import InputFile, batch_id_of, find_inputs, gather_file


def gather(run: Run) -> Counts:
    """inputs -> raw_posts, raw_authors, rejects, gathered_files: each file once, known by the hash of its bytes."""
    inputs = find_inputs(run.settings.inputs)
    seen = set(run.tx.read("gathered_files", ["batch_id"])["batch_id"].to_pylist())
    counts = {"files": 0, "files_known": 0, "rows": 0, "raw_posts": 0, "raw_authors": 0, "rejects": 0}
    for number, item in enumerate(inputs, start=1):
        batch = batch_id_of(item.path)
        if batch in seen:
            counts["files_known"] += 1
        else:
            seen.add(batch)
            _add(counts, _gather_one(run, item, batch))
        run.say("gather", number, len(inputs))
    return counts


def _add(total: Counts, more: Counts) -> None:
    for name, value in more.items():
        total[name] += value


def _gather_one(run: Run, item: InputFile, batch: str) -> Counts:
    found = gather_file(item, run.settings)
    date = found.file["gathered_at"][0].as_py().date().isoformat()
    tables = {
        "raw_posts": found.posts,
        "raw_authors": found.authors,
        "rejects": found.rejects,
        "gathered_files": found.file,
    }
    for name, rows in tables.items():
        run.tx.put(name, {"part_gathered": date}, batch, rows)
    return {
        "files": 1, "rows": found.file["n_rows"][0].as_py(), "raw_posts": len(found.posts),
        "raw_authors": len(found.authors), "rejects": len(found.rejects),
    }  # fmt: skip
