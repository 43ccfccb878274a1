"""Export the posts of a lake that are most worth labelling, for Label Studio, doccano or a spreadsheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit

from pipeline.artifacts import load_context, load_linear
from pipeline.errors import UsageError, one_line
from pipeline.judge_model import text_logits
from pipeline.learn.label_choice import Choice, choose, disputed, new_words, uncertain
from pipeline.learn.readings import read_readings, text_hashes
from pipeline.order import floats, match_rows, take_rows
from pipeline.scoreout import write_posts
from pipeline.settings import Settings
from pipeline.store import Lake
from pipeline.tables import BROADCAST
from pipeline.text.contacts import redact
from pipeline.text.reading import open_reader

FORMATS = {"label-studio": ".json", "doccano": ".jsonl", "csv": ".csv"}
LOOKED_AT = 20_000  # posts whose words are looked at; the others are chosen by their probabilities alone
_KEY = ["platform", "post_id"]
_SPARE = 20  # candidates for each place: some have been labelled, some say the same


def export(settings: Settings, target: Path, form: str, most: int, *, with_guess: bool) -> Choice:
    """Write the chosen posts to `target` in one of FORMATS and return which and why. Raises UsageError for an empty lake.

    Texts have their contacts replaced, even where the lake keeps them. `with_guess` lets Label Studio show the judge's
    label beside the post; a reader who sees a guess tends to agree with it.
    """
    if form not in FORMATS:
        raise UsageError(f"labels export --format: got {one_line(form, 40)}; expected {', '.join(FORMATS)}")
    if most < 1:
        raise UsageError(f"labels export --most: got {most}; expected 1 or more")
    if target.suffix.lower() != FORMATS[form]:
        raise UsageError(f"labels export --out {one_line(target)}: expected a name that ends in {FORMATS[form]}")
    lake = Lake.open(settings.lake)
    judged = lake.read("post_judgements", [*_KEY, "author_id", "label", "broadcast_probability", "campaign_id"])
    if not len(judged):
        raise UsageError(f"labels export: lake {settings.lake} holds no judged post; expected some; run `xinren run`")
    rows, choice = _chosen(lake, judged, settings, most)
    _WRITERS[form](rows.append_column("why", pa.array(choice.whys, pa.string())), target, with_guess)
    return choice


def _chosen(lake: Lake, judged: pa.Table, settings: Settings, most: int) -> tuple[pa.Table, Choice]:
    """The chosen posts with text, text_hash and post, in the order to be read."""
    reader = open_reader(settings.corpora, domain_words=settings.domain_words)
    home = Path(settings.models) / "judge"
    context = load_context(home / "context")
    parts = lake.read("post_features", [*_KEY, *(f"p_{c}" for c in BROADCAST)])
    parts = take_rows(parts, match_rows(judged, parts, _KEY))
    loud = np.sum([floats(parts[f"p_{c}"]) for c in BROADCAST], axis=0)
    by_text = expit(text_logits(loud) + context.shift(settings.base_rate))
    with_context = floats(judged["broadcast_probability"])
    unsure, split = uncertain(with_context)[: _SPARE * most], disputed(by_text, with_context)[: _SPARE * most]
    candidates = np.unique(np.concatenate([unsure, split, _sample(judged)]))
    rows = judged.take(pa.array(candidates))
    posts = lake.read("posts", [*_KEY, "text"], filter=pc.field("post_id").isin(rows["post_id"].combine_chunks()))
    texts, _ = redact(take_rows(posts, match_rows(rows, posts, _KEY))["text"])
    post = pc.binary_join_element_wise(rows["platform"], rows["post_id"], ":").combine_chunks()
    rows = rows.append_column("text", texts).append_column("text_hash", text_hashes(texts)).append_column("post", post)
    fresh = new_words(rows["text"], rows["author_id"], reader, load_linear(home))
    groups = [rows[name].to_pylist() for name in ("text_hash", "campaign_id")]
    ranked = [np.searchsorted(candidates, unsure), np.searchsorted(candidates, split), fresh]
    choice = choose(ranked, groups, _labelled(Path(settings.corpora)), most)
    return rows.take(pa.array(choice.rows, pa.int64())), choice


def _sample(judged: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most LOOKED_AT rows, evenly spread over the lake's order: over platforms, months and authors."""
    return np.unique(np.linspace(0, len(judged) - 1, min(len(judged), LOOKED_AT)).astype(np.int64))


def _labelled(corpora: Path) -> set[str]:
    """The texts that somebody has read already."""
    files = sorted((corpora / "labels").glob("*.csv")) + sorted((corpora / "labels").glob("*.parquet"))
    return {reading.text_hash for path in files for reading in read_readings(path)}


def _label_studio(rows: pa.Table, target: Path, with_guess: bool) -> None:
    tasks = []
    for row in rows.select(["text", "text_hash", "post", "why", "label", "broadcast_probability"]).to_pylist():
        guess, score = row.pop("label"), row.pop("broadcast_probability")
        choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [guess]}}
        tasks.append({"data": row} | ({"predictions": [{"score": score, "result": [choice]}]} if with_guess else {}))
    _write(target, [json.dumps(tasks, ensure_ascii=False, indent=1)])


def _doccano(rows: pa.Table, target: Path, _: bool) -> None:
    lines = rows.select(["text", "text_hash", "post", "why"]).to_pylist()
    _write(target, (json.dumps(line | {"label": []}, ensure_ascii=False) for line in lines))


def _csv(rows: pa.Table, target: Path, _: bool) -> None:
    empty = pa.array([""] * len(rows), pa.string())
    write_posts(rows.select(["text_hash", "post", "why", "text"]).append_column("label", empty), target)


def _write(target: Path, lines: Iterable[str]) -> None:
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


_WRITERS: dict[str, Callable[[pa.Table, Path, bool], None]] = {
    "label-studio": _label_studio, "doccano": _doccano, "csv": _csv,
}  # fmt: skip
