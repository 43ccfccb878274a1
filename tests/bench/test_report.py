"""The page of the benchmarks says what results/ holds, no more and no less."""

from __future__ import annotations

import pytest

from tests.bench import markdown, report

PATH = {
    "measured": "2026-01-31",
    "machine": {
        "cpu": "a processor", "cores": 2, "memory_gb": 24, "system": "Linux", "python": "3.11.7", "load": 0.1,
        "packages": {"jieba": "0.42.1"},
    },
    "posts": {"posts": 1_000, "kind": "own posts", "mean_characters": 61.26, "distinct_texts": 900, "authors": 33},
    "rounds": 3,
    "contenders": {
        "xinren score, the command": {
            "posts": 1_000, "setup": [0.0, 0.0], "rates": [10.0, 20.0], "rates_with_setup": [10.0, 20.0], "peak_mb": [None, None],
            "bytes": 5_000,
        },
        "raw_posts to author_trust": {
            "posts": 1_000, "setup": [1.0, 3.0], "rates": [100.0, 300.0], "rates_with_setup": [50.0, 60.0], "peak_mb": [512.34, 600.0],
            "bytes": 9_000, "files": 4, "tables": {"posts": [3, 8_000], "campaigns": [1, 1_000]},
            "steps": {"clean": [1.0, 3.0], "features": [6.0, 6.0]},
        },
        "A": {
            "posts": 100, "setup": [2.0, 2.0], "rates": [1.0, 2.0], "rates_with_setup": [1.0, 2.0], "peak_mb": [700.0, 700.0],
            "bytes": 100, "files": 1, "steps": {"SnowNLP": [1.0, 1.0]},
        },
    },
    "ratios": [
        {"ours": "raw_posts to author_trust", "peer": "A", "setup": True, "median": 123.456, "min": 100.0, "max": 150.0},
        {"ours": "raw_posts to author_trust", "peer": "A", "setup": False, "median": 9.0, "min": 9.0, "max": 9.0},
    ],
    "goals": [{"figure": "the path against A", "goal": 400, "unit": "times", "got": 399.9}],
}  # fmt: skip
STAGES = {
    "stages": {
        "ours: write": {"posts": 9, "rates": [2_000.0, 4_000.0, 3_000.0]},
        "peers: pandas": {"posts": 9, "rates": [100.0]},
    },
    "pairs": [
        {"ours": "write", "peer": "pandas", "note": "n", "ratios": {"ours": {"median": 30.0, "min": 20.0, "max": 40.0}}}
    ],
    "text_step": ["words", "write"],
    "failed": {"ours: trust": "ValueError: no"},
    "goals": [{"figure": "starting", "goal": 1.5, "unit": "s", "got": 1.5}],
}


def test_the_page_is_what_the_results_give() -> None:
    text = report.README.read_text("utf-8")
    assert report.fill(text, report.tables(report.read())) == text, "run python -m tests.bench report"


def test_every_table_has_its_place_on_the_page() -> None:
    text = report.README.read_text("utf-8")
    assert {name for name in report.tables({}) if f"<!-- bench:{name} -->\n" in text} == set(report.tables({}))


def test_filling_replaces_what_stands_between_the_marks_and_nothing_else() -> None:
    text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n"
    filled = report.fill(text, {"x": "one\ntwo", "y": "\\1"})
    assert filled == "a\n<!-- bench:x -->\none\ntwo\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n\\1\n<!-- /bench:y -->\n"
    assert report.fill(filled, {"x": "old", "y": ""}).startswith("a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb")
    with pytest.raises(KeyError):
        report.fill(text, {"x": ""})


def test_a_goal_is_reached_from_above_for_ratios_and_from_below_for_costs() -> None:
    assert report.goals([PATH, STAGES]).splitlines()[2:] == [
        "| the path against A | >= 400 times | 400 | **no** |",
        "| starting | <= 1.5 s | 1.5 | yes |",
    ]
    assert report.reached({"goal": 400, "unit": "times", "got": 400.0})
    assert not report.reached({"goal": 1.5, "unit": "s", "got": 1.51})
    assert report.goals([{}, []]) == report.NOTHING  # a result of another kind has no goals


def test_contenders_show_medians_with_their_ends_and_nothing_for_what_is_not_known() -> None:
    lines = report.contenders(PATH).splitlines()[2:]
    assert lines[0] == "| xinren score, the command | 1,000 |  | 15 (10-20) |  |  | 5 |"
    assert (
        lines[1] == "| raw_posts to author_trust | 1,000 | 200 (100-300) | 55 (50-60) | 2 (1-3) | 556 (512-600) | 9 |"
    )


def test_ratios_stand_by_script_and_by_set_up() -> None:
    assert report.ratios(PATH).splitlines()[2:] == [
        "| raw_posts to author_trust | included | 123 (100-150) |",
        "| raw_posts to author_trust | apart | 9 |",
    ]


def test_where_time_goes_is_given_for_us_in_shares_and_for_the_scripts_by_post() -> None:
    assert report.where(PATH).splitlines()[2:] == [
        "| raw_posts to author_trust | clean | 2,000 | 500 | 25% |",
        "| raw_posts to author_trust | features | 6,000 | 167 | 75% |",
    ]
    assert report.scripts(PATH).splitlines()[2:] == ["| SnowNLP | 10,000 |"]


def test_the_lake_adds_up() -> None:
    assert report.lake(PATH).splitlines()[2:] == [
        "| posts | 3 | 8,000 | 8.0 |",
        "| campaigns | 1 | 1,000 | 1.0 |",
        "| **all** | 4 | 9,000 | 9.0 |",
    ]


def test_stages_show_both_sides_and_say_what_failed() -> None:
    lines = report.stages(STAGES).splitlines()
    assert lines[2] == "| write | pandas | 100 |  | 3,000 |  | 30 (20-40) | n |"
    assert lines[-1] == "Failed: ours: trust: ValueError: no"


def test_growth_shows_every_size_and_its_goals_leave_out_runs_without_the_text_work() -> None:
    runs = [
        {"posts": n, "stages": {"clean": {"seconds": s, "peak_mb": 9.0}, "whole": {"seconds": 2 * s, "peak_mb": mb}}}
        for n, s, mb in ((1_000, 1.0, 100.0), (10_000, 10.0, 4_000.0))
    ]
    result = {"runs": runs, "exponents": {"clean": 1.0, "whole": 1.02}, "stand_ins": False}
    assert report.growth(result).splitlines()[2:] == [
        "| clean | 1,000 | 1,000 | 9 | 9 | 1 |",
        "| whole | 500 | 500 | 100 | 4,000 | 1.02 |",
    ]
    assert report.goals([report.growth_goals({"growth": result})]).splitlines()[2:] == [
        "| peak memory, 10,000 posts | <= 3,000 MB | 4,000 | **no** |",
        "| growth exponent, 1,000 to 10,000 posts | <= 1.05 | 1.02 | yes |",
    ]
    assert report.growth_goals({"growth": result | {"stand_ins": True}}) == report.growth_goals({}) == {}


def test_sentiment_has_its_goal() -> None:
    ratio = {"median": 1_999.0, "min": 1_900.0, "max": 2_100.0}
    found = {"model and table, of posts read": {"rate": {"median": 250_000.0}, "ratio": ratio}}
    result = {"mean_characters": 105.2, "results": found}
    [line] = report.sentiment(result).splitlines()[2:]
    assert line == "| model and table, of posts read | 250,000 | 2,000 (1,900-2,100) |"
    [goal] = report.goals([report.sentiment_goals({"sentiment": result})]).splitlines()[2:]
    assert goal.endswith("posts of 105 characters | >= 2,000 times | 2,000 | **no** |")
    assert report.sentiment_goals({}) == {}


def test_segmentation_has_its_goals_on_its_own_posts() -> None:
    found = {"segment_ids": {"rate": {"median": 1234.0}, "ratio": {"median": 31.0, "min": 30.0, "max": 32.0}}}
    result = {"mean_characters": 61.2, "results": found}
    assert report.segment(result).splitlines()[2:] == ["| segment_ids | 1,234 | 31 (30-32) |"]
    assert report.goals([report.segment_goals({"segment": result})]).splitlines()[2:] == [
        "| `segment_ids`, one core, against jieba.lcut, posts of 61 characters | >= 30 times | 31 | yes |"
    ]


def test_the_text_step_is_told_by_post_and_leaves_out_what_was_not_measured() -> None:
    assert report.text(STAGES).splitlines()[2:] == ["| words |  |  |", "| write |  | 333 |"]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.000123456, "0.000123"), (1.5, "1.5"), (99.96, "100"), (1234.5, "1,230"), (12, "12")]
)  # fmt: skip
def test_numbers_have_three_digits_that_count(value: float, shown: str) -> None:
    assert markdown.number(value) == shown


def test_campaigns_have_goals_for_the_parts_that_were_measured() -> None:
    planted = {
        "edited": {"found": 0.98, "others_pulled_in": 0.0},
        "camouflaged": {"found": 0.94, "others_pulled_in": 0.002},
    }
    runs = {"1000000": {"peak_mb": 900.0}, "10000000": {"peak_mb": 2500.0}}
    result = {
        "recall": {"posts": 20_000, "recall": 0.995, "precision_of_links": 1.0}, "floods": planted,
        "speed": {"ratio": {"datasketch": {"median": 120.0}}}, "growth": {"runs": runs, "cpu_of_last_to_first": 10.5},
    }  # fmt: skip
    rows = [line.split(" | ") for line in report.goals([report.campaign_goals({"campaigns": result})]).splitlines()[2:]]
    assert [(row[1], row[2]) for row in rows] == [
        ("<= 1 %", "0.5"), ("<= 0 %", "0"), ("<= 3 %", "2"), ("<= 0.1 %", "0"), ("<= 5 %", "6"), ("<= 0.1 %", "0.2"),
        (">= 80 times", "120"), ("<= 11", "10.5"), ("<= 3,000 MB", "2,500"),
    ]  # fmt: skip
    assert [row[3] for row in rows].count("**no** |") == 2
    assert report.campaign_goals({}) == {"goals": []}
    assert len(report.campaign_goals({"campaigns": {"recall": result["recall"]}})["goals"]) == 2


def test_gathering_shows_each_form_and_the_memory_of_the_largest_file() -> None:
    one = {"median": 0.4, "min": 0.3, "max": 0.5}
    figures = {"microseconds": {"median": 3.14, "min": 3, "max": 4}, "ratio": one, "cpu_ratio": one, "peak_mb": 370.4}
    measured = {"bytes": 9, "pyarrow": figures, "reading": figures, "stage": figures}
    memory = [{"gigabytes": gb, "posts": 10, "peak_mb": mb, "seconds": 1.0} for gb, mb in ((1.0, 500.0), (5.0, 590.0))]
    result = {"results": {"CSV": measured}, "memory": memory}
    shown = report.gather(result)
    assert "| CSV: file to raw_posts | 3.14 | 0.4 (0.3-0.5) | 0.4 (0.3-0.5) | 370 |" in shown
    assert "A CSV of 5 GB (10 posts) into a lake: peak memory 590 MB." in shown
    assert report.goals([report.gather_goals({"gather": result})]).splitlines()[2:] == [
        "| peak memory, stage gather, CSV of 5 GB | <= 600 MB | 590 | yes |"
    ]
    assert report.gather_goals({}) == {"goals": []}
