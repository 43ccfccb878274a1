"""Campaigns in parts, through Parquet, are those of all texts at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TransientError, XinrenError
from pipeline.stages.campaign_parts import Part, Spread, do_part, lead_in_parts, side_by_side
from pipeline.stages.campaign_room import Room
from pipeline.steps import campaign_texts
from pipeline.steps.campaign_texts import Found, Shelf, Wordings
from pipeline.store import Lake
from pipeline.text.normalise import normalise_texts
from tests.lake_of_posts import fill
from tests.stages.test_campaigns import ROWS, WORDS, paths, row

ON_THREADS = side_by_side(2)
SIGNS = "春夏秋冬山水花鸟风月江湖田园村镇"


def found_in(
    texts: list[str] | pa.Array, room: str | None = None, parts: int = 0, spread: Spread = ON_THREADS
) -> Found:
    """The campaigns of texts in their order; in so many parts through files in `room`, or all at once."""
    n, time = len(texts), pa.timestamp("us", tz="UTC")
    same = {"platform": "weibo", "kind": "post", "is_repost": False, "is_auto_share": False, "text_label": "sell"}
    rows = pa.table({
        "text_normalised": pa.array(texts, pa.string()), "author_id": pa.array(np.arange(n) % 97).cast(pa.string()), "place": np.arange(n),
        "posted_at": pa.array(np.arange(n)).cast(time), "first_seen_at": pa.array(np.zeros(n, np.int64)).cast(time),
        **{name: pa.repeat(value, n) for name, value in same.items()},
    })  # fmt: skip
    wordings = Wordings(Shelf(), threads=2)
    wordings.add([(rows, np.arange(n))])
    if room is None:
        return wordings.find()
    return wordings.find(lambda texts, n_texts: lead_in_parts(room, parts, texts, n_texts, spread))


def same(a: Found, b: Found) -> bool:
    """Whether they say the same, number by number."""
    mine, theirs = ([getattr(x.facts, f.name) for f in fields(x.facts)] for x in (a, b))
    mine += [a.text, a.founder, a.similarity, a.nearest, a.place]
    theirs += [b.text, b.founder, b.similarity, b.nearest, b.place]
    return all(np.array_equal(x, y) for x, y in zip(mine, theirs, strict=True))


def edited(dice: random.Random, n: int) -> list[str]:
    """Texts of four wordings, in which letters change and which grow."""
    texts = []
    for _ in range(n):
        text = list(WORDS[dice.randrange(4)] + WORDS[dice.randrange(4)][:9])
        for _ in range(dice.randrange(7)):
            text[dice.randrange(len(text))] = dice.choice(SIGNS)
        texts.append("".join(text))
    return texts


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(0, 120), st.integers(1, 9), st.sampled_from([1, 20, 20_000]))
def test_texts_in_parts_are_led_as_all_at_once(seed: int, n: int, parts: int, batch: int) -> None:
    texts = edited(random.Random(seed), n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaign_texts, "_BATCH", batch)
        patch.setattr(campaign_texts, "_PIECE", batch)
        assert same(found_in(texts, "memory://room", parts), found_in(texts))


def test_a_key_with_more_exemplars_than_are_kept_is_led_in_one_part(tmp_path: Path) -> None:
    """Two slogans before a few words of many kinds, and texts that hang together with neither."""
    dice, texts = random.Random(5), edited(random.Random(6), 200)
    for i in range(1600):
        kind = "".join(random.Random(dice.randrange(800)).choices(SIGNS, k=16))
        texts.append((WORDS[0] + WORDS[1])[:50] + kind if i % 2 else (WORDS[2] + WORDS[3])[:50] + kind)
    dice.shuffle(texts)
    sizes: list[int] = []

    def spread(parts: Sequence[Part]) -> None:
        for part in parts:
            do_part(part)
            if part.round == "lead":
                sizes.append(len(Room(part.room).read(f"links/{part.number:05}")))

    at_once = found_in(texts)
    assert len(at_once.facts) > 300
    assert same(found_in(texts, str(tmp_path / "room"), 4, spread), at_once)
    assert sorted(sizes)[-2] > 500  # the slogans, each in a part of its own


def test_real_posts_in_parts_are_led_as_all_at_once(shared: Path, tmp_path: Path) -> None:
    read = [
        pq.read_table(shared / "datasets" / name / "posts.parquet", columns=[column])[column].slice(0, 15_000)
        for name, column in (
            ("weibo_2014", "content"),
            ("weibo_timelines_2018", "content"),
            ("weibo_covid_579k", "text"),
        )
    ]
    texts = pc.fill_null(pa.chunked_array([c.cast(pa.string()) for r in read for c in r.chunks]).combine_chunks(), "")
    texts = normalise_texts(texts)
    at_once = found_in(texts)
    assert len(at_once.facts) > 1000
    assert same(found_in(texts, str(tmp_path / "room"), 5), at_once)


def test_a_lake_in_parts_is_the_lake_made_at_once_and_brought_up_to_date(tmp_path: Path) -> None:
    whole, parts = (Lake.create_or_open(str(tmp_path / name), key_id="0a1b2c3d") for name in ("whole", "parts"))
    fill(whole, ROWS)
    for end in (40, 90, 120):
        counts = fill(parts, ROWS[:end], campaign_parts=3)
    assert counts["campaign_members"] > 100
    assert paths(parts) == paths(whole)
    assert not (tmp_path / "parts" / "_campaigns").exists()


def test_no_run_meets_what_a_run_before_it_wrote(tmp_path: Path) -> None:
    """A part that a failed run left to a task worker, done while the next run is at work, is told of another folder."""
    at_once, lake = (Lake.create_or_open(str(tmp_path / name), key_id="0a1b2c3d") for name in ("at_once", "lake"))
    left: list[Part] = []

    def fail(parts: Sequence[Part]) -> None:
        left.extend(parts)
        if parts[0].round == "lead":
            raise TransientError("the network is gone")
        for part in parts:
            do_part(part)

    def spread(parts: Sequence[Part]) -> None:
        for part in parts:
            do_part(part)
        for part in left:
            with suppress(XinrenError):
                do_part(part)

    with pytest.raises(TransientError):
        fill(lake, ROWS[:10], spread=fail, campaign_parts=3)
    assert fill(lake, ROWS, spread=spread, campaign_parts=3) == fill(at_once, ROWS)
    assert paths(lake) == paths(at_once)


def test_a_folder_that_cannot_be_cleared_costs_nobody_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(room: Room) -> None:
        raise TransientError(f"{room.uri}: cannot clear it")

    monkeypatch.setattr(Room, "clear", fail)
    lake = Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")
    assert fill(lake, ROWS, campaign_parts=3)["campaign_members"] > 100
    assert lake.storage.files("_campaigns")
    lake.begin().__exit__()
    assert not (tmp_path / "lake" / "_campaigns").exists()


@pytest.mark.parametrize("rows", [[], ROWS[:1], [row(i, WORDS[0]) for i in range(50)]])
def test_a_lake_of_one_text_or_none_has_parts_too(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    lake = Lake.create_or_open(str(tmp_path / "lake"), key_id="0a1b2c3d")
    assert fill(lake, rows, campaign_parts=4) == {
        "campaigns": len(rows) // 50,
        "campaign_members": len(rows) // 50 * 50,
    }


def test_a_part_that_fails_leaves_no_files_and_says_where(tmp_path: Path) -> None:
    def spread(parts: Sequence[Part]) -> None:
        for part in parts:
            if part.round == "verify":
                (Path(part.room) / "near" / "00001.parquet").write_bytes(b"torn")
            do_part(part)

    with pytest.raises(XinrenError, match=r"room: cannot read near/00001"):
        found_in(edited(random.Random(1), 60), str(tmp_path / "room"), 3, spread)
    assert not (tmp_path / "room").exists()


def test_doing_a_part_again_changes_nothing(tmp_path: Path) -> None:
    def spread(parts: Sequence[Part]) -> None:
        for part in [*parts, *parts]:
            do_part(part)

    texts = edited(random.Random(3), 100)
    assert same(found_in(texts, str(tmp_path / "room"), 3, spread), found_in(texts))
