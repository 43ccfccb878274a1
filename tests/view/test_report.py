"""The report: figures of the lake, the same bytes again, hostile words as plain characters, nothing that tells who wrote."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import UsageError
from pipeline.store import Lake
from pipeline.tables import complete
from pipeline.view import report_parts
from pipeline.view.report import LONGEST, report_html, write_report
from tests.chromium import find_chromium, load
from tests.lake_of_posts import SEEN, fill, post

START = datetime(2026, 3, 1, 4, tzinfo=UTC)
SCRIPT = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
HOSTILE = (
    f"新到的荔枝蜜§瓶\"'>{SCRIPT}</blockquote><a href=javascript:alert(1)>\x1b[2J\u202e单下\u2066\u200b"
    "{{ 7*7 }}{% raw %} &amp;&#60; 想要的加微信 fengmi_8812 一瓶三十五，自家养的蜂"
)
VOID = {"meta", "link"}


def rows_of(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    rows = list(rows)
    want = complete({}, name, 0).schema
    return complete(
        {f.name: pa.array([r[f.name] for r in rows], f.type) for f in want if f.name in rows[0]}, name, len(rows)
    )


def put(lake: Lake, name: str, keys: dict[str, str], rows: Iterable[dict[str, Any]]) -> None:
    with lake.begin() as tx:
        tx.put(name, keys, "0", rows_of(name, rows))
        tx.commit()


def new_lake(folder: Path) -> Lake:
    return Lake.create_or_open(str(folder), key_id="0a1b2c3d")


def posts() -> list[dict[str, Any]]:
    """A flood of hostile words by four authors, of which two wordings are told apart."""
    made = [
        post(f"4{i:015d}", f"{i % 4:x}" * 32, START + timedelta(hours=i), HOSTILE.replace("§", "三四"[i % 3 == 2]))
        for i in range(9)
    ]
    return [*made, post("alone", "e" * 32, START, "院子里的石榴裂了口，鸟先尝了")]


def day(n: int, platform: str = "weibo", **more: Any) -> dict[str, Any]:
    return {
        "date": date(2026, 3, 1) + timedelta(days=n), "platform": platform, "n_posts": 100, "n_authors": 40, "broadcast_share": 0.25,
        "recruit_share": 0.1, "n_feeling": 80, "n_genuine": 60, "sentiment_all": 0.1, "sentiment_genuine": 0.05,
        "difference_low": -0.08, "difference_high": -0.02, "sentiment_swing": 0.3 if n == 5 else 0.01, "swing_campaigns": 0.21,
        "swing_broadcast": 0.05, "swing_rest": 0.04, "swing_campaigns_low": 0.11, "swing_campaigns_high": 0.31, "schema_version": 1,
    } | more  # fmt: skip


def days(n: int, **more: Any) -> list[dict[str, Any]]:
    return [day(i, platform, **more) for platform in ("weibo", "all") for i in range(n)]


def author(i: int, n_posts: int = 9, **more: Any) -> dict[str, Any]:
    return {
        "platform": "weibo", "author_id": f"{i:08x}" * 4, "as_of": date(2026, 3, 9), "known_at": SEEN, "n_posts": n_posts,
        "trust_score": i / 40, "trust_low": i / 50, "trust_high": i / 30, "trust_reasons": [SCRIPT, "talks\u202e"],
        "trust_version": "1", "schema_version": 1,
    } | more  # fmt: skip


def judged(label: str, platform: str = "weibo", n: int = 0) -> dict[str, Any]:
    return {
        "platform": platform, "post_id": f"j{n}", "label": label, "broadcast_probability": 0.5, "is_broadcast": label == "sell",
        "context_basis": "none", "judge_version": "1", "schema_version": 1,
    }  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = new_lake(tmp_path / "lake")
    fill(lake, posts())
    put(lake, "daily_summary", {"part_year": "2026"}, days(9))
    put(lake, "author_trust", {"part_as_of": "2026-03-09"}, [author(i, 9 if i % 2 else 2) for i in range(40)])
    labels = [judged("sell", "weibo", n) for n in range(3)] + [judged("share", "weibo", 3)]
    put(lake, "post_judgements", {"part_platform": "weibo", "part_month": "2026-03"}, labels)
    read = {"source": "native", "source_file": "leaked_name.csv", "gathered_at": SEEN, "batch_id": "00ff", "n_bytes": 9}
    put(
        lake, "gathered_files", {"part_gathered": "2026-06-01"},
        [read | {"n_rows": 1012, "n_posts": 1010, "n_authors": 0, "n_rejects": 2}],
    )  # fmt: skip
    reject = {
        "source": "native",
        "source_file": "leaked_name.csv",
        "raw": "leaked raw",
        "gathered_at": SEEN,
        "batch_id": "00ff",
    }
    put(lake, "rejects", {"part_gathered": "2026-06-01"}, [reject | {"reason": "empty_text"}] * 2)
    return lake


class _Elements(HTMLParser):
    """Names and attributes of the elements, the words between them, and whether every element is closed where it ought to be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names, self.attributes, self.words, self._open = (
            set[str](),
            list[tuple[str, str | None]](),
            "",
            list[str](),
        )
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs
        self.words += " "

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self.words += " "

    def handle_data(self, data: str) -> None:
        self.words += data


def chart(page: str, title: str) -> str:
    """The drawing of the chart of that title."""
    return next(svg for svg in re.findall(r"<svg.*?</svg>", page, re.S) if f'aria-label="{title}' in svg)


def test_hostile_words_are_words(lake: Lake) -> None:
    page = report_html(lake)
    found = _Elements(page)
    assert found.names.isdisjoint({"script", "img", "a href", "iframe", "object", "form", "base"})
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "srcdoc", "style")]
    links = {value for name, value in found.attributes if name == "href"}
    assert all(link == "data:," or re.fullmatch(r"#[a-z_]+\.\w+", link or "") for link in links)
    assert "document.title='ran'</script>" in found.words
    assert "{{ 7*7 }}" in found.words
    assert "{% raw %}" in found.words
    assert "\\x1b[2J\\x202e单下" in found.words
    assert not [c for c in page if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]


def test_the_policy_forbids_all_but_styles(lake: Lake) -> None:
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in report_html(lake)


def test_nothing_tells_of_posts_or_people_by_their_own_ids(lake: Lake) -> None:
    page = report_html(lake)
    ids = [row["post_id"] for row in lake.read("posts", ["post_id"]).to_pylist()]
    authors = {row["author_id"] for row in lake.read("author_trust", ["author_id"]).to_pylist()}
    assert ids
    assert not [id_ for id_ in ids if len(id_) > 8 and id_ in page]
    assert not [id_ for id_ in authors if id_[:9] in page]
    assert f"<code>{39:08x}</code>" in page
    assert "leaked" not in page
    assert "fengmi_8812" not in page  # the posts of this lake hold it: the report replaces contacts by itself
    assert lake.root not in page


def test_a_campaign_that_shares_authors_is_not_named_by_a_post(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    texts = (HOSTILE, "渡口的老船工换了新桨，收了摊还坐在船头看水，一坐就是半天")
    told = [(f"5{i}{k:014d}", f"{k:x}" * 32, START + timedelta(hours=i), texts[i]) for i in range(2) for k in range(3)]
    fill(lake, [post(*row) for row in told])
    page = report_html(lake)
    assert page.count("100% of the authors also in one other campaign") == 2
    assert not [row[0] for row in told if row[0] in page]


def test_a_lake_gives_the_same_bytes_wherever_it_lies(lake: Lake, tmp_path: Path) -> None:
    copy = shutil.copytree(lake.root, tmp_path / "elsewhere" / "lake")
    sizes = [write_report(root, tmp_path / name) for root, name in ((lake.root, "a.html"), (str(copy), "b.html"))]
    first, second = ((tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert sizes == [len(first)] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html", "elsewhere", "lake"}


def test_the_figures_are_those_of_the_lake(lake: Lake) -> None:
    words = " ".join(_Elements(report_html(lake)).words.split())
    assert "1,012 rows read from 1 files = 1,010 posts gathered + 0 profiles + 2 rejects" in words
    assert "empty_text 2" in words
    assert "newest rows gathered 2026-06-01 08:00 (UTC+8)" in words
    assert "10 distinct posts 5 authors 1 platforms 75% of posts broadcast" in words
    assert "weibo 4 weibo: share 25%, sell 75%" in words
    assert "2026-03-06 80 +0.10 +0.30 +0.21 +0.11 to +0.31 +0.05 +0.04" in words
    assert "1. flood: 9 posts, 4 authors, 8.0 hours from 2026-03-01 12:00, at most 1 an hour" in words
    assert "As of 2026-03-09: 40 authors, 20 of them with 5 posts or more" in words
    most, least = words.split("Most trusted")[1].split("Least trusted")
    assert re.findall(r"weibo [0-9a-f]{8} 9 ([\d.]+)", most) == [f"{i / 40:.2f}" for i in range(39, 23, -2)]
    assert re.findall(r"weibo [0-9a-f]{8} 9 ([\d.]+)", least) == [f"{i / 40:.2f}" for i in range(1, 17, 2)]


def test_a_wording_is_a_change_of_the_first(lake: Lake) -> None:
    page = report_html(lake)
    assert "新到的荔枝蜜<del>三</del><ins>四</ins>瓶" in page
    assert "3 posts, " in page


def test_an_author_is_not_both_most_and_least_trusted(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    put(lake, "author_trust", {"part_as_of": "2026-03-09"}, [author(i) for i in range(1, 11)])
    page = report_html(lake)
    assert [page.count(f"<code>{i:08x}</code>") for i in range(1, 11)] == [1] * 10
    assert page.index("Least trusted") < page.index(f"<code>{1:08x}") < page.index(f"<code>{2:08x}")


def test_days_are_drawn_one_by_one_with_their_interval(lake: Lake) -> None:
    drawn = chart(report_html(lake), "Mean feeling")
    low, high = (110 - value / 0.2 * 93 - 7 + 0 for value in (0.02, 0.08))  # 0 stands at 103, 0.2 at 10
    assert re.search(r'class="band" d="M44\.0 ([\d.]+)', drawn)[1] == str(round(low, 1))  # type: ignore[index]
    assert f" {round(high, 1)}Z" in drawn
    assert drawn.count('class="line') == 2


def test_a_day_without_posts_breaks_the_line_and_one_of_few_has_none(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    few = [day(n, "qq", n_posts=2) for n in range(9)]
    told = [day(n, name, n_posts=4 if n == 6 else 100) for name in ("weibo", "all") for n in range(9) if n != 3]
    put(lake, "daily_summary", {"part_year": "2026"}, [*told, *few])
    page = report_html(lake)
    drawn = chart(page, "Share of posts that broadcast")
    [path] = re.findall(r'class="line s0" d="([^"]*)"', drawn)
    assert [piece.count("L") for piece in path.split("M")[1:]] == [2, 1, 1]  # days 0-2, 4-5, 7-8
    assert drawn.count('class="line') == 2
    assert "Not drawn, for few posts: qq." in page


def test_years_are_drawn_by_stretches_and_the_newest_days_one_by_one(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    put(lake, "daily_summary", {"part_year": "2026"}, days(2000, n_posts=50))
    page = report_html(lake)
    assert "by 14 days" in page
    assert "Earlier days than the newest 1,098 are not drawn." in page
    assert 'class="band"' in chart(page, "Mean feeling of the newest 92 days")
    assert 'class="band"' not in chart(page, "Mean feeling, all")
    longest = max(len(path) for path in re.findall(r' d="([^"]*)"', page))
    assert longest < LONGEST


def test_the_page_is_of_bounded_size(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    words = [
        "".join(chr(0x4E00 + (i * 7919 + k * k * 31 + k * i * 17) % 20_000) for k in range(900)) for i in range(30)
    ]
    fill(lake, [post(f"{i}-{k}", f"{i:016x}{k:016x}", START, text) for i, text in enumerate(words) for k in range(2)])
    page = report_html(lake, 12)
    assert page.count("<article>") == 12
    assert "12 of 30" in page
    assert len(page) < 60_000


def test_a_lake_before_its_first_commit_has_a_page(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    words = _Elements(report_html(lake)).words
    assert "The lake holds no posts" in words
    assert "No campaigns" in words
    assert all(f"{name}  has no rows" in words for name in ("daily_summary", "post_judgements", "author_trust"))


def test_a_lake_of_some_stages_has_a_page_that_says_so(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    fill(lake, posts())
    words = _Elements(report_html(lake)).words
    assert "The lake holds no posts" not in words
    assert "flood: 9 posts" in words
    assert "author_trust  has no rows" in words


def test_posts_without_date_or_author_have_a_page(tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "lake")
    fill(lake, [post(f"p{i}", None, None, HOSTILE) for i in range(3)])
    page = report_html(lake)
    assert "flood: 3 posts, 0 authors, undated" in page
    assert '<p class="dim">a bar' not in page


def test_a_page_is_of_one_snapshot(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    read, more = report_parts.accounting, [author(50)]

    def accounting(lake: Lake) -> report_parts.Accounting:
        if more:  # a run commits while the first page is made
            put(lake, "author_trust", {"part_as_of": "2026-03-10"}, [more.pop()])
        return read(lake)

    before = lake.snapshot().number
    monkeypatch.setattr(report_parts, "accounting", accounting)
    page = report_html(lake)
    assert f"Snapshot {before + 1} of the lake" in page
    assert "As of 2026-03-10: 1 authors" in page


@pytest.mark.parametrize("top", [0, 101])
def test_a_number_of_campaigns_out_of_bounds_is_a_clear_error(lake: Lake, tmp_path: Path, top: int) -> None:
    with pytest.raises(UsageError, match=f"--top: got {top}; expected 1 to 100"):
        write_report(lake.root, tmp_path / "r.html", top)
    assert not (tmp_path / "r.html").exists()


def test_a_place_where_no_file_can_be_is_a_clear_error(lake: Lake, tmp_path: Path) -> None:
    for out, got in ((tmp_path, "a folder"), (tmp_path / "none" / "r.html", "a file in a folder that is not there")):
        with pytest.raises(UsageError, match=f"got {got}; expected a file"):
            write_report(lake.root, out)


def test_columns_are_linked_to_what_they_mean(lake: Lake) -> None:
    page = report_html(lake)
    targets = set(re.findall(r'<a href="#([\w.]+)"', page))
    assert targets == set(re.findall(r'<dt id="([\w.]+)"', page))
    assert {"daily_summary.swing_campaigns", "author_trust.trust_score", "campaigns.exemplar"} <= targets


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[str, list[str]]]:
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not installed (Debian: chromium)")
    return lambda page: load(program, page, tmp_path_factory.mktemp("chromium"))


def test_a_browser_runs_nothing_of_it_and_complains_of_nothing(
    lake: Lake, tmp_path: Path, browse: Callable[[Path], tuple[str, list[str]]]
) -> None:
    page = tmp_path / "report.html"
    write_report(lake.root, page)
    document, console = browse(page)
    assert console == []
    assert "<title>xinren: lake, snapshot " in document
    assert "<script" not in document
    assert document.count("<article>") == 1


def test_a_browser_would_show_what_ran_or_was_forbidden(
    lake: Lake, tmp_path: Path, browse: Callable[[Path], tuple[str, list[str]]]
) -> None:
    """What the test above looks at does tell: words put in unescaped are refused by the policy, and run without it."""
    page = tmp_path / "report.html"
    careless = report_html(lake).replace("</header>", f"</header>{SCRIPT}")
    page.write_text(careless, "utf-8")
    document, console = browse(page)
    assert "<title>ran" not in document
    assert any("Content Security Policy" in line for line in console)
    page.write_text(re.sub("<meta http-equiv[^>]*>", "", careless), "utf-8")
    assert "<title>ran" in browse(page)[0]
