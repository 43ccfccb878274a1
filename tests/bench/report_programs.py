"""Tables and goals from the results of benchmarks that are programs of their own: segment.py, sentiment.py, growth.py,
gather.py, campaigns.py."""

from __future__ import annotations

from typing import Any

from tests.bench.markdown import AT_LEAST, number, spread, table

Result = dict[str, Any]


def segment(result: Result) -> str:
    """Segmentation alone, on short posts."""
    rows = [
        [name, f"{found['rate']['median']:,.0f}", spread(found["ratio"])] for name, found in result["results"].items()
    ]
    return table(["", "posts/s", "times jieba.lcut"], rows)


def segment_goals(results: dict[str, Result]) -> Result:
    """What segmentation alone reached, on its short posts."""
    if "segment" not in results:
        return {}
    result = results["segment"]
    wanted = {"segment_ids": (30, "`segment_ids`, one core"), "segment_ids, two threads, wall": (60, "`segment_ids`, two cores"),
              "segment_texts": (15, "`segment_texts`")}  # fmt: skip
    return {
        "goals": [
            {"figure": f"{figure}, against jieba.lcut, posts of {result['mean_characters']:.0f} characters", "goal": goal,
             "unit": AT_LEAST, "got": result["results"][name]["ratio"]["median"]}
            for name, (goal, figure) in wanted.items() if name in result["results"]
        ]
    }  # fmt: skip


def sentiment(result: Result) -> str:
    """Sentiment alone, on posts read already."""
    rows = [
        [name, f"{found['rate']['median']:,.0f}", spread(found["ratio"])] for name, found in result["results"].items()
    ]
    return table(["", "posts/s", "times SnowNLP"], rows)


def sentiment_goals(results: dict[str, Result]) -> Result:
    """How many times as fast as SnowNLP sentiment is, one core, once a post is read."""
    if "sentiment" not in results:
        return {}
    result = results["sentiment"]
    figure = f"sentiment of posts read, one core, against SnowNLP, posts of {result['mean_characters']:.0f} characters"
    got = result["results"]["model and table, of posts read"]["ratio"]["median"]
    return {"goals": [{"figure": figure, "goal": 2000, "unit": AT_LEAST, "got": got}]}


def growth(result: Result) -> str:
    """Posts a second and peak memory of each stage at each size, and the exponent."""
    runs = result["runs"]
    rows = [
        [
            name,
            *(f"{run['posts'] / max(run['stages'][name]['seconds'], 1e-3):,.0f}" for run in runs),
            *(number(run["stages"][name]["peak_mb"]) for run in runs),
            number(result["exponents"][name]) if name in result["exponents"] else "",
        ]
        for name in runs[0]["stages"]
    ]
    sizes = [f"{run['posts']:,}" for run in runs]
    return table(["", *(f"posts/s at {n}" for n in sizes), *(f"peak MB at {n}" for n in sizes), "exponent"], rows)


def growth_goals(results: dict[str, Result]) -> Result:
    """Peak memory at the largest size, and how the whole path grows."""
    result = results.get("growth", {"stand_ins": True})
    if result["stand_ins"]:
        return {}
    last = result["runs"][-1]
    memory = {
        "figure": f"peak memory, {last['posts']:,} posts",
        "goal": 3000,
        "unit": "MB",
        "got": last["stages"]["whole"]["peak_mb"],
    }
    sizes = f"{result['runs'][0]['posts']:,} to {last['posts']:,} posts"
    slope = [
        {"figure": f"growth exponent, {sizes}", "goal": 1.05, "unit": "", "got": x}
        for x in [result["exponents"].get("whole")]
        if x
    ]
    return {"goals": [memory, *slope]}


def campaign_goals(results: dict[str, Result]) -> Result:
    """What is missed of near-duplicates, what is taken for one, speed beside datasketch, and how the stage grows."""
    result = results.get("campaigns", {})
    goals: list[Result] = []

    def goal(figure: str, goal: float, unit: str, got: float) -> None:
        goals.append({"figure": f"campaigns: {figure}", "goal": goal, "unit": unit, "got": got})

    if found := result.get("recall"):
        goal(f"pairs with J >= 0.7 missed among {found['posts']:,} real posts", 1, "%", 100 * (1 - found["recall"]))
        goal("links that are none", 0, "%", 100 * (1 - found["precision_of_links"]))
    for name, most in (("edited", 3), ("camouflaged", 5)):
        if found := result.get("floods"):
            goal(f"copies of planted floods missed, {name}", most, "%", 100 * (1 - found[name]["found"]))
            goal(f"others pulled in, {name}", 0.1, "%", 100 * found[name]["others_pulled_in"])
    if found := result.get("speed"):
        goal("sketch and join, two cores, against datasketch", 80, AT_LEAST, found["ratio"]["datasketch"]["median"])
    if (found := result.get("growth")) and len(found["runs"]) > 1:
        sizes = [f"{int(size):,}" for size in found["runs"]]
        goal(f"processor time of {sizes[-1]} posts to that of {sizes[0]}", 11, "", found["cpu_of_last_to_first"])
        goal(f"peak memory, {sizes[-1]} posts", 3000, "MB", found["runs"][sizes[-1].replace(",", "")]["peak_mb"])
    return {"goals": goals}


def gather(result: Result) -> str:
    """Each form of file: pyarrow's reader, the file to raw_posts, and the stage with its lake; then large files."""
    names = {"pyarrow": "pyarrow's reader", "reading": "file to raw_posts", "stage": "stage gather, into a lake"}
    rows = [
        [
            f"{form}: {names[name]}",
            number(found["microseconds"]["median"]),
            spread(found["ratio"]) if name != "pyarrow" else "",
            spread(found["cpu_ratio"]) if name != "pyarrow" else "",
            number(found["peak_mb"]),
        ]
        for form, measured in result["results"].items()
        for name, found in measured.items()
        if name in names
    ]
    large = [
        f"A CSV of {number(one['gigabytes'])} GB ({one['posts']:,} posts) into a lake: peak memory {number(one['peak_mb'])} MB."
        for one in result.get("memory", [])
    ]
    head = ["", "µs a post", "speed / pyarrow's", "the same by processor time", "peak MB"]
    return "\n\n".join([table(head, rows), *large])


def gather_goals(results: dict[str, Result]) -> Result:
    """Peak memory of the largest file gathered."""
    measured = results.get("gather", {}).get("memory", [])
    return {
        "goals": [
            {"figure": f"peak memory, stage gather, CSV of {number(one['gigabytes'])} GB", "goal": 600, "unit": "MB", "got": one["peak_mb"]}
            for one in measured[-1:]
        ]
    }  # fmt: skip


def trust_goals(results: dict[str, Result]) -> Result:
    """author_days to author_trust against polars' group-by, and its memory."""
    if "trust" not in results:
        return {}
    result = results["trust"]
    ours = result["results"]["ours, days alone"]
    figure = f"author_days to author_trust, {result['posts']:,} posts of {result['authors']:,} authors"
    return {
        "goals": [
            {"figure": f"{figure}, processor time to that of polars' group-by", "goal": 5, "unit": "", "got": ours["cpu_ratio"]["median"]},
            {"figure": f"{figure}, peak memory", "goal": 4000, "unit": "MB", "got": ours["peak_mb"]},
        ]
    }  # fmt: skip
