"""Stages alone: repetition, failures, and pairs of both sides."""

from __future__ import annotations

from tests.bench import stages, stages_ours, stages_peers


def test_a_short_stage_is_repeated_until_the_time_is_full(monkeypatch) -> None:
    monkeypatch.setattr(stages, "LEAST_SECONDS", 0.02)
    found = stages.repeated(lambda: 5)
    assert found["posts"] > 5
    assert found["posts"] % 5 == 0
    assert found["seconds"] >= 0.02


def test_a_stage_that_fails_is_told_in_words() -> None:
    def fails() -> int:
        raise ValueError("no")

    assert stages._safely(fails) == "ValueError: no"
    assert stages._safely(lambda: 3) == 3


def test_pairs_hold_what_both_sides_measured_and_goals_are_met_by_the_right_cores() -> None:
    def rounds(*seconds: float) -> list[dict[str, float]]:
        return [{"posts": 100, "seconds": s} for s in seconds]

    outcomes = {
        "ours: segment_ids": rounds(1, 2),
        "ours-one-core: segment_ids": rounds(2, 4),
        "peers: jieba.lcut": rounds(100, 200),
        "ours: write": rounds(1, 1),
    }
    assert [pair["ours"] for pair in stages._pairs(outcomes)] == ["segment_ids"]
    assert stages._pairs(outcomes)[0]["ratios"]["ours"] == {"median": 100.0, "min": 100.0, "max": 100.0}
    assert [(goal["goal"], goal["got"]) for goal in stages._goals(outcomes, 61.0)] == [(30, 50.0), (60, 100.0)]
    assert stages._goals(outcomes, 61.2)[0]["figure"].endswith("one core, posts of 61 characters")


def test_every_pair_names_stages_that_are_there(tmp_path, monkeypatch) -> None:
    (tmp_path / "stages.json").write_text('{"peer_stages": 1.0}', "utf-8")
    monkeypatch.setattr(stages_ours, "World", lambda folder: None)
    ours, peers = {*stages_ours.stages(tmp_path)}, {*stages_peers.stages(tmp_path)}
    assert {name for name, _, _ in stages.PAIRS} | {*stages.TEXT_STEP} == ours
    assert {peer for _, peer, _ in stages.PAIRS} == peers == {*stages_peers.PEER_POSTS}
