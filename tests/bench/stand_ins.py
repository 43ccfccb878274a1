"""Stages without text work, so that reading, merging, joining, sorting and writing can be measured alone.

What a text would say is made of a hash of its post's id: the tables have the right shape, size and shares, and no meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.order import firsts, numbers, run_ids, sort_rows
from pipeline.run import Run, publish
from pipeline.tables import BANDS, CLASSES, REASONS, SENTIMENTS, complete

Stage = Callable[[Any], Any]
_KEYS = ["platform", "post_id", "author_id", "posted_at"]


def stand_in(stages: dict[str, Stage]) -> dict[str, Stage]:
    """The stages with features and campaigns made up, clean without folding, judge with one made-up reason."""
    others: dict[str, Stage] = {"features": _features, "campaigns": _campaigns}
    return {name: others.get(name, _without_texts(stage)) for name, stage in stages.items()}


def _without_texts(stage: Stage) -> Stage:
    def run_it(run: Run) -> Any:
        with (
            mock.patch.multiple(
                "pipeline.steps.clean",
                redact=lambda texts: (texts, None),
                normalise=lambda batch: SimpleNamespace(batch=batch),
                from_arrow=lambda texts: texts,
                to_arrow=lambda texts: texts,
                _auto_share=lambda texts, _: pc.starts_with(texts, "我刚刚"),
            ),
            mock.patch("pipeline.steps.judge.reason_lists", _reasons),
        ):
            return stage(run)

    return run_it


def _bits(rows: pa.Table) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """64 bits per post; the made posts' ids are M and a number."""
    return np.asarray(pc.utf8_slice_codeunits(rows["post_id"], 1).cast(pa.uint64()).to_numpy())


def _share(bits: np.ndarray[Any, np.dtype[np.uint64]], shift: int) -> pa.Array:
    return pa.array((((bits >> np.uint64(shift)) & np.uint64(1023)) / 1023).astype(np.float32))


def _features(run: Run) -> None:
    for file in run.tx.data_files("posts"):
        posts = run.tx.read("posts", _KEYS, only=lambda f, path=file.path: f.path == path)
        run.tx.put("post_features", file.keys, file.stem, _features_of(posts), derived_from=file.sha256[:16])


def _features_of(posts: pa.Table) -> pa.Table:
    bits, n = _bits(posts), len(posts)
    columns = {name: posts[name] for name in _KEYS}
    columns |= {f"p_{name}": _share(bits, 3 * i) for i, name in enumerate((*CLASSES, *SENTIMENTS))}
    for i, name in enumerate(("sentiment", "snownlp_sentiment", "first_person_per_100", "affect_per_100")):
        columns[name] = _share(bits, 30 + 3 * i)
    for i, name in enumerate(("n_chars", "n_tokens", "n_emoticons", "n_links", "n_mentions", "n_topics", "contact_cues",
                              "obfuscation_cues", "stock_cues")):  # fmt: skip
        columns[name] = pa.array((bits >> np.uint64(5 * i) & np.uint64(15)).astype(np.int32))
    columns["text_label"] = pa.array(CLASSES).take(pa.array((bits % np.uint64(6)).astype(np.int64)))
    columns["sentiment_label"] = pa.array(SENTIMENTS).take(pa.array((bits % np.uint64(3)).astype(np.int64)))
    bands = (bits[:, None] * np.arange(1, 2 * BANDS.list_size, 2, dtype=np.uint64) >> np.uint64(32)).astype(np.uint32)
    columns["sketch"] = pa.FixedSizeListArray.from_arrays(pa.array(bands.ravel()), BANDS.list_size)
    columns["text_judge_version"] = columns["sentiment_version"] = pa.array(["stand-in"] * n)
    columns["schema_version"] = pa.array(np.ones(n, np.int32))
    return complete(columns, "post_features", n)


def _campaigns(run: Run) -> None:
    """Every thirtieth post is in a campaign of some twenty."""
    found = []
    for file in run.tx.data_files("posts"):
        posts = run.tx.read("posts", _KEYS, only=lambda f, path=file.path: f.path == path)
        found.append(posts.filter(pa.array(_bits(posts) % np.uint64(30) == 0)))
    rows = pa.concat_tables(found).combine_chunks()
    group = pa.array((_bits(rows) // np.uint64(30) % np.uint64(max(len(rows) // 20, 1))).astype(np.int64))
    rows = sort_rows(rows.append_column("group", group), ["group", "posted_at", "platform", "post_id"])
    ids = run_ids(rows, ["group"])
    start = firsts(ids)
    before = np.arange(len(rows)) - start[ids]
    heads = rows.take(pa.array(start))
    names = pc.binary_join_element_wise(heads["platform"], heads["post_id"], ":")
    columns = {name: rows[name] for name in _KEYS} | {
        "campaign_id": names.take(pa.array(ids)), "similarity": _share(_bits(rows), 20),
        "n_posts_before": pa.array(before), "n_authors_before": pa.array(before),
    }  # fmt: skip
    members = sort_rows(
        complete(columns, "campaign_members", len(rows)), ["author_id", "posted_at", "post_id", "platform"]
    )
    sizes = pa.array(np.bincount(ids))
    found_ = {
        "campaign_id": names, "n_posts": sizes, "n_authors": sizes, "n_platforms": pa.array(np.ones(len(heads), np.int32)),
        "first_at": heads["posted_at"], "exemplar": heads["post_id"], "kind": pa.array(["flood"] * len(heads)),
        "is_template": pa.array(np.zeros(len(heads), bool)),
    }  # fmt: skip
    publish(run, "campaigns", sort_rows(complete(found_, "campaigns", len(heads)), ["campaign_id"]), "stand-in")
    publish(run, "campaign_members", members, "stand-in")
    numbers(members["n_posts_before"], 0)


def _reasons(posts: pa.Table, flagged: Any, *_: Any) -> pa.Array:
    """One reason per flagged post: the first two characters of its text."""
    n = np.zeros(len(posts), np.int64)
    n[flagged.rows] = 1
    words = pc.utf8_slice_codeunits(posts["text"].take(pa.array(flagged.rows)), 0, 2)
    many = len(flagged.rows)
    fields = {
        "kind": pa.array(["cue"] * many), "span_start": pa.array(np.zeros(many, np.int32)),
        "span_end": pa.array(np.full(many, 2, np.int32)), "text": words, "weight": pa.array(np.ones(many, np.float32)),
    }  # fmt: skip
    values = pa.StructArray.from_arrays(
        [v.combine_chunks() if isinstance(v, pa.ChunkedArray) else v for v in fields.values()],
        fields=list(REASONS.value_type),
    )
    return pa.ListArray.from_arrays(
        pa.array(np.concatenate(([0], np.cumsum(n))).astype(np.int32)), values, type=REASONS
    )
