"""Every law is seen to break: a lake that keeps them all, changed in one place, gives the finding that names it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import tables
from pipeline.check import Finding, check
from pipeline.errors import TransientError
from pipeline.lake_format import create_marker, read_marker
from pipeline.laws import LAWS, REASON_LAWS
from pipeline.partitions import split
from pipeline.storage import Disk, LocalStorage
from pipeline.store import Lake

GATHERED = datetime(2026, 2, 1, 4, 0, tzinfo=UTC)
ALI, WEN = (hashlib.sha256(name.encode()).hexdigest()[:32] for name in ("阿梨", "小温"))
AD = "姐妹们，面膜补货啦👩‍👧，想带货的找我 〔微信号〕"
Rows = list[dict[str, Any]]

# Three posts: a flagged one, a share late on 31 January in Shanghai (UTC: the afternoon), and an undated one.
POSTS: Rows = [
    {"post_id": "1", "author_id": ALI, "posted_at": datetime(2026, 1, 5, 2, 0, tzinfo=UTC), "text": AD, "versions": 2},
    {
        "post_id": "2",
        "author_id": WEN,
        "posted_at": datetime(2026, 1, 31, 15, 59, tzinfo=UTC),
        "text": "今天包了荠菜馄饨",
    },
    {"post_id": "3", "author_id": None, "posted_at": None, "text": "下雪了"},
]
DEFAULTS: dict[str, Any] = {
    "platform": "weibo", "post_id_derived": False, "text": "", "source": "native", "source_file": "feed.csv",
    "gathered_at": GATHERED, "first_seen_at": GATHERED, "last_seen_at": GATHERED, "known_at": GATHERED, "batch_id": "b1",
    "schema_version": 1, "source_row": 1, "text_own": "", "text_normalised": "", "is_repost": False, "versions": 1,
    "is_auto_share": False, "text_judge_version": "1", "sentiment_version": "1", "judge_version": "1", "month": "2026-01",
    "bucket": 0, "batch_ids": ["b1"], "p_share": 0.5, "p_positive": None, "label": "share", "broadcast_probability": 0.1,
    "is_broadcast": False, "reasons": [], "context_basis": "dated", "similarity": 1.0, "n_posts_before": 0,
    "n_authors_before": 0, "campaign_id": "weibo:1", "kind": "flood", "n_authors": 1, "n_platforms": 1, "exemplar": AD,
    "is_template": False, "as_of": date(2026, 1, 31), "trust_score": 0.5, "trust_low": 0.4, "trust_high": 0.6,
    "trust_version": "1", "by_hour": [0] * 24, "reason": "bad_time", "n_bytes": 10, "n_rows_framed": None,
    "alias_id": "weibo:2", "replaced_at": GATHERED,
}  # fmt: skip
LAKE: dict[str, Rows] = {
    "gathered_files": [
        {"batch_id": "b1", "n_rows": 4, "n_rows_framed": 4, "n_posts": 3, "n_authors": 0, "n_rejects": 1},
        {"batch_id": "b2", "source_file": "again.csv", "n_rows": 1, "n_posts": 1, "n_authors": 0, "n_rejects": 0},
        {"batch_id": "b3", "source_file": "users.csv", "n_rows": 1, "n_posts": 0, "n_authors": 1, "n_rejects": 0},
        {"batch_id": "b4", "source_file": "cat.jpg", "n_rows": 1, "n_posts": 0, "n_authors": 0, "n_rejects": 1},
        {"batch_id": "b5", "source_file": "a.zip", "n_authors": 0, "n_rows": 2, "n_rows_framed": 2, "members": ["b2", "b3"]},
        {"batch_id": "b6", "source_file": "grown.csv", "n_authors": 0, "n_bytes": 20, "grown_from": "b1", "n_rows_before": 4},
        {"batch_id": "b7", "source_file": "cut.csv", "n_authors": 0, "n_bytes": 15, "replaced_by": "b6"},
    ],
    "raw_posts": [
        {"post_id": "1", "author_id": "10001", "source_row": 1}, {"post_id": "2", "author_id": "10002", "source_row": 2},
        {"post_id": "3", "source_row": 4}, {"post_id": "1", "author_id": "10001", "source_row": 1, "batch_id": "b2"},
    ],
    "raw_authors": [{"author_id": "10001", "batch_id": "b3"}],
    "source_cursors": [{"feed_key": "f1", "feed_kind": "web_feed", "feed": "https://feeds.example/a", "position": "{}"}],
    "rejects": [{"source_row": 3}, {"source_row": None, "reason": "not_text", "batch_id": "b4"}],
    "posts": POSTS,
    "post_index": [
        {"post_id": "1", "batch_ids": ["b1", "b2"]}, {"post_id": "2"}, {"post_id": "3", "month": "undated"},
    ],
    "post_features": [{k: row[k] for k in ("post_id", "author_id", "posted_at")} for row in POSTS],
    "campaigns": [{"n_posts": 1, "first_at": POSTS[0]["posted_at"]}],
    "campaign_members": [{k: POSTS[0][k] for k in ("post_id", "author_id", "posted_at")}],
    "campaign_aliases": [{}],
    "post_judgements": [
        {
            "post_id": "1", "author_id": ALI, "posted_at": POSTS[0]["posted_at"], "label": "recruit", "is_broadcast": True,
            "broadcast_probability": 0.97, "reasons": [
                {"kind": "cue", "span_start": 13, "span_end": 16, "text": "想带货", "weight": 1.5},
                {"kind": "habit", "span_start": None, "span_end": None, "text": "3 earlier posts", "weight": 0.5},
            ],
        },
        *({k: row[k] for k in ("post_id", "author_id", "posted_at")} for row in POSTS[1:]),
    ],
    "author_days": [
        {"author_id": ALI, "date": date(2026, 1, 5), "n_posts": 1}, {"author_id": WEN, "date": date(2026, 1, 31), "n_comments": 1},
    ],
    "author_trust": [{"author_id": ALI, "n_posts": 1}, {"author_id": WEN, "n_posts": 1}],
    "author_months": [
        {"author_id": ALI, "month": date(2026, 1, 1), "n_posts": 1, "n_recruit": 1},
        {"author_id": WEN, "month": date(2026, 1, 1), "n_comments": 1},
    ],
    "author_cohorts": [
        {"month": date(2026, 1, 1), "n_authors": 1, "n_authors_new": 1, "n_recruiters": 1, "n_recruiters_new": 1},
    ],
    "daily_summary": [
        {"date": date(2026, 1, 5), "platform": "all", "n_posts": 1},
        {"date": date(2026, 1, 5), "platform": "weibo", "n_posts": 1, "sentiment_swing": 0.25, "swing_campaigns": 0.5,
         "swing_broadcast": 0.125, "swing_rest": -0.375},
    ],
    "daily_feelings": [{"date": date(2026, 1, 5), "platform": "weibo", "part": "topic", "name": "天气", "n_posts": 1}],
}  # fmt: skip


def table(name: str, rows: Rows) -> pa.Table:
    """Rows of table `name`: what is stated, else the default of the column, 0 for a required number, NULL for others."""
    columns = {}
    for column in tables.TABLES[name]:
        rest = DEFAULTS.get(column.name, 0 if column.required else None)
        columns[column.name] = pa.array([row.get(column.name, rest) for row in rows], column.type)
    rows_table = tables.complete(columns, name, len(rows))
    order = [key for key in ("author_id", "posted_at", "date", "post_id") if key in columns]
    return (
        rows_table.sort_by([(key, "ascending") for key in order]) if order and "batch_id" not in columns else rows_table
    )


class Quick(Disk):
    """A disk that is not asked to survive a loss of power."""

    def sync(self, path: Path) -> None:
        pass


def open_lake(root: Path) -> Lake:
    storage = LocalStorage(str(root), Quick())
    return Lake(storage, read_marker(storage) or create_marker(storage, "0a1b2c3d"))


def write(lake: Lake, content: Mapping[str, Rows]) -> None:
    """Make `content` all that its tables hold."""
    with lake.begin() as transaction:
        for name, rows in content.items():
            for file in transaction.data_files(name):
                transaction.drop(name, file.keys, file.stem)
            made = table(name, rows)
            if name in tables.RESTRICTED:
                for batch in pc.unique(made["batch_id"]).to_pylist():
                    part = made.filter(pc.equal(made["batch_id"], batch))
                    transaction.put(name, {"part_gathered": "2026-02-01"}, batch, part)
            else:
                for keys, stem, part in split(name, made):
                    transaction.put(name, keys, stem, part)
        transaction.commit()


@pytest.fixture(scope="module")
def lawful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lawful") / "lake"
    write(open_lake(root), LAKE)
    return root


@pytest.fixture
def lake(lawful: Path, tmp_path: Path) -> Lake:
    """A lake that keeps all laws, to be broken."""
    return open_lake(Path(shutil.copytree(lawful, tmp_path / "lake")))


@pytest.fixture
def empty(tmp_path: Path) -> Lake:
    return open_lake(tmp_path / "empty")


def change(lake: Lake, name: str, how: Callable[[Rows], Rows | None]) -> None:
    rows = [dict(row) for row in LAKE[name]]
    new = how(rows)
    write(lake, {name: rows if new is None else new})


def ask_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the laws of one name, which takes a tenth of the time of asking for all."""
    monkeypatch.setattr("pipeline.check.LAWS", [law for law in LAWS if law.name == name])


def setting(row: int, **values: Any) -> Callable[[Rows], None]:
    return lambda rows: rows[row].update(values)


def without(row: int) -> Callable[[Rows], Rows]:
    return lambda rows: rows[:row] + rows[row + 1 :]


def also(**values: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [*rows, values]


SECRET = "f" * 32
# law, table of the finding, table that is changed, and how
BREACHES: list[tuple[str, str, str, Callable[[Rows], Rows | None]]] = [
    ("every row read is kept", "gathered_files", "rejects", without(0)),
    ("every row read is kept", "gathered_files", "raw_posts", setting(2, source_row=2)),
    ("rows read are the rows there were", "gathered_files", "gathered_files", setting(0, n_rows_framed=5)),
    ("members are files", "gathered_files", "gathered_files", setting(4, members=["b2", "b9"])),
    ("a grown file goes on where it stopped", "gathered_files", "gathered_files", setting(5, n_rows_before=3)),
    ("a grown file goes on where it stopped", "gathered_files", "gathered_files", setting(5, grown_from="b9")),
    ("a grown file goes on where it stopped", "gathered_files", "gathered_files", setting(5, n_bytes=10)),
    ("a replaced file has no rows", "gathered_files", "gathered_files", setting(6, replaced_by="b9")),
    ("a replaced file has no rows", "gathered_files", "gathered_files", setting(1, replaced_by="b1")),
    ("a cursor stands after its data", "source_cursors", "source_cursors", setting(0, batch_id="b9")),
    ("a feed has one cursor", "source_cursors", "source_cursors", lambda rows: [*rows, dict(rows[0])]),
    ("a file is gathered once", "gathered_files", "gathered_files", lambda rows: [*rows, dict(rows[0])]),
    ("rows are as many as gathered", "raw_posts", "raw_posts", lambda rows: [*rows, dict(rows[0])]),
    ("rows are as many as gathered", "raw_authors", "raw_authors", without(0)),
    ("rows are as many as gathered", "rejects", "gathered_files", setting(0, n_rejects=2)),
    ("rows come from a gathered file", "raw_posts", "raw_posts", setting(3, batch_id="b9")),
    ("rows come from a gathered file", "raw_authors", "raw_authors", setting(0, batch_id="b9")),
    ("rows come from a gathered file", "rejects", "rejects", setting(1, batch_id="b9")),
    ("keys are the same", "posts", "raw_posts", setting(2, post_id="33")),
    ("keys are the same", "raw_posts", "posts", also(post_id="9", versions=1)),
    ("keys are the same", "post_index", "post_index", without(1)),
    ("keys are the same", "posts", "post_index", also(post_id="9")),
    ("keys are the same", "post_features", "post_features", without(2)),
    ("keys are the same", "posts", "post_features", also(post_id="9")),
    ("keys are the same", "post_judgements", "post_judgements", without(2)),
    ("keys are the same", "posts", "post_judgements", also(post_id="9")),
    ("a post has one row", "posts", "posts", lambda rows: [*rows, dict(rows[0])]),
    ("a post has one row", "post_index", "post_index", lambda rows: [*rows, dict(rows[0])]),
    ("a post has one row", "post_features", "post_features", lambda rows: [*rows, dict(rows[0])]),
    ("a post has one row", "post_judgements", "post_judgements", lambda rows: [*rows, dict(rows[1])]),
    ("author and time agree", "post_features", "post_features", setting(0, author_id=WEN)),
    ("author and time agree", "campaign_members", "campaign_members", setting(0, author_id=None)),
    ("author and time agree", "post_judgements", "post_judgements", setting(2, author_id=WEN)),
    ("versions are batches", "posts", "posts", setting(0, versions=1)),
    ("the index knows the place", "post_index", "post_index", setting(1, month="2026-02")),
    ("the index knows the place", "post_index", "post_index", setting(2, bucket=1)),
    ("the index knows the batches", "post_index", "post_index", setting(0, batch_ids=["b2"])),
    ("members are posts", "campaign_members", "campaign_members", setting(0, post_id="9")),
    ("members are counted", "campaigns", "campaigns", setting(0, n_posts=2)),
    ("members are counted", "campaigns", "campaigns", without(0)),
    ("members are like an exemplar", "campaign_members", "campaign_members", setting(0, exemplar_similarity=0.69)),
    ("an alias leads to a campaign", "campaign_aliases", "campaign_aliases", setting(0, campaign_id="weibo:2")),
    ("an alias is an id of before", "campaign_aliases", "campaign_aliases", setting(0, alias_id="weibo:1")),
    ("an id has one row", "campaigns", "campaigns", lambda rows: [*rows, dict(rows[0])]),
    ("an id has one row", "campaign_aliases", "campaign_aliases", lambda rows: [*rows, dict(rows[0])]),
    ("days add up", "author_days", "author_days", setting(0, n_posts=2)),
    ("days add up", "author_days", "author_days", setting(1, date=date(2026, 2, 1))),
    ("days add up", "author_days", "author_days", without(0)),
    ("months add up", "author_months", "author_months", setting(0, n_posts=2)),
    ("months add up", "author_months", "author_months", without(1)),
    ("an author's month has one row", "author_months", "author_months", lambda rows: [*rows, dict(rows[0])]),
    ("cohorts count authors", "author_cohorts", "author_cohorts", setting(0, n_recruiters=0)),
    ("cohorts count authors", "author_cohorts", "author_cohorts", without(0)),
    ("platforms add up", "daily_summary", "daily_summary", setting(0, n_posts=2)),
    ("platforms add up", "daily_summary", "daily_summary", without(0)),
    ("parts of a swing add up", "daily_summary", "daily_summary", setting(1, swing_campaigns=0.4)),
    ("a day's part is no more than the day", "daily_feelings", "daily_feelings", setting(0, n_posts=2)),
    ("a day's part is no more than the day", "daily_feelings", "daily_feelings", setting(0, platform="qzone")),
    ("everybody begins once", "author_cohorts", "author_cohorts", setting(0, n_authors_new=0)),
    ("everybody begins once", "author_cohorts", "author_cohorts", setting(0, n_recruiters_new=2)),
    *[
        ("author ids are hashed", name, name, setting(0, author_id="阿梨"))
        for name in ("posts", "post_features", "campaign_members", "post_judgements", "author_days", "author_trust", "author_months")
    ],
    *[
        ("ratios lie in 0 to 1", name, name, setting(0, **{column: value}))
        for name, column, value in (
            ("post_features", "p_share", 1.5), ("post_features", "p_positive", -0.5), ("post_features", "emotion_fear", 1.1),
            ("post_features", "intensity", 1.5),
            ("campaign_members", "similarity", 2.0),
            ("campaign_members", "exemplar_similarity", 2.0),
            ("post_judgements", "broadcast_probability", float("nan")), ("author_trust", "trust_score", -0.1),
            ("author_trust", "trust_low", -0.1), ("author_trust", "drift", 1.2), ("author_months", "commerce_share", 1.5),
            ("author_trust", "trust_high", 1.01),
        )
    ],
    ("the label agrees", "post_judgements", "post_judgements", setting(1, label="bait")),
    ("the label agrees", "post_judgements", "post_judgements", setting(0, label="news")),
    ("flagged posts have reasons, others none", "post_judgements", "post_judgements", setting(0, reasons=None)),
    ("flagged posts have reasons, others none", "post_judgements", "post_judgements",
     setting(1, reasons=[{"kind": "campaign", "text": "2 earlier posts", "weight": 1.0}])),
    *[
        ("reasons quote posts.text", "post_judgements", "post_judgements",
         setting(0, reasons=[{"kind": "cue", "span_start": start, "span_end": end, "text": text, "weight": 1.0}]))
        for start, end, text in ((12, 15, "想带货"), (13, 16, "招代理"), (-1, 2, "姐"), (13, None, "想带货"), (13, 13, ""),
                                 (20, 99, "找我"))
    ],
    ("reasons quote posts.text", "post_judgements", "posts", setting(0, text="面膜补货啦")),
]  # fmt: skip


def test_lake_that_keeps_the_laws_has_no_findings(lake: Lake) -> None:
    assert check(lake) == []


def test_empty_lake_has_no_findings(empty: Lake) -> None:
    assert check(empty) == []


@pytest.mark.parametrize(
    "last", ["rejects", "post_index", "post_features", "campaign_members", "author_days", "author_cohorts"]
)
def test_lake_computed_up_to_a_stage_has_no_findings(last: str, empty: Lake) -> None:
    names = list(LAKE)
    write(empty, {name: LAKE[name] for name in names[: names.index(last) + 1]})
    assert check(empty) == []


def test_lake_of_refused_files_alone_has_no_findings(empty: Lake) -> None:
    write(empty, {"gathered_files": LAKE["gathered_files"][3:4], "rejects": LAKE["rejects"][1:]})
    assert check(empty) == []


@pytest.mark.parametrize(
    ("law", "about", "changed", "how"), BREACHES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_breach_is_found(
    law: str, about: str, changed: str, how: Callable[[Rows], Rows | None], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_only(law, monkeypatch)
    change(lake, changed, how)
    found = check(lake)
    assert (law, about) in {(finding.law, finding.table) for finding in found}
    assert all("\n" not in str(finding) and finding.table in str(finding) for finding in found)


def test_raw_author_id_outside_the_restricted_zone_is_found_and_not_shown(lake: Lake) -> None:
    """An exporter's own hash has the right form and is still a raw id."""
    for name in (
        "raw_posts",
        "posts",
        "post_features",
        "post_judgements",
        "author_days",
        "author_trust",
        "author_months",
    ):
        change(lake, name, setting(1, author_id=SECRET))
    found = check(lake)
    assert {finding.law for finding in found} == {"no raw author id"}
    assert len(found) == 6
    assert all(SECRET not in str(finding) for finding in found)


def test_missing_table_is_found_once_a_later_one_exists(lake: Lake) -> None:
    change(lake, "post_features", lambda _: [])
    [finding] = check(lake)
    assert (
        str(finding) == "keys are the same: post_features: weibo:1 and 2 more: got no row; expected a row, as in posts"
    )


def move(lake: Lake, name: str, keys: dict[str, str], to: dict[str, str]) -> None:
    with lake.begin() as transaction:
        rows = transaction.read(name, only=lambda file: file.keys == keys)
        transaction.drop(name, keys, "0")
        transaction.put(name, to, "0", rows)
        transaction.commit()


@pytest.mark.parametrize("name", ["posts", "post_features", "campaign_members", "post_judgements", "author_days"])
@pytest.mark.parametrize("key", ["part_platform", "part_month"])
def test_rows_in_the_wrong_part_are_found(name: str, key: str, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_only("rows stand in their part", monkeypatch)
    keys = {"part_platform": "weibo", "part_month": "2026-01"}
    move(lake, name, keys, keys | {key: {"part_platform": "qzone", "part_month": "2026-02"}[key]})
    assert ("rows stand in their part", name) in {(finding.law, finding.table) for finding in check(lake)}


@pytest.mark.parametrize("name", ["posts", "post_features", "post_judgements", "author_days"])
def test_unsorted_rows_are_found(name: str, lake: Lake) -> None:
    keys = {"part_platform": "weibo", "part_month": "2026-01"}
    with lake.begin() as transaction:
        rows = transaction.read(name, only=lambda file: file.keys == keys)
        transaction.put(name, keys, "0", rows.take(pa.array(range(len(rows)))[::-1]))
        transaction.commit()
    [finding] = check(lake)
    assert (finding.law, finding.table, finding.got) == ("rows are sorted", name, "row 1 out of order")


def path_of(lake: Lake, name: str) -> Path:
    return Path(lake.files(name)[0])


def test_changed_file_is_found(lake: Lake) -> None:
    path = path_of(lake, "campaigns")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    [finding] = check(lake, deep=False)
    assert finding.law == "files are as written"


def test_missing_file_is_found(lake: Lake) -> None:
    path_of(lake, "campaigns").unlink()
    assert [finding.law for finding in check(lake)] == ["files are there"]


def test_stray_file_is_found_unless_a_writer_is_at_work(lake: Lake) -> None:
    path = path_of(lake, "campaigns")
    path.with_name("0-0123456789ab.parquet").write_bytes(path.read_bytes())
    assert [(finding.law, finding.table) for finding in check(lake)] == [("files are named", "campaigns")]
    with lake.storage.writer():
        assert check(lake) == []


def replace_file(lake: Lake, name: str, rows: pa.Table, n_rows: int) -> None:
    """Write a file past the store and make the snapshot agree with its bytes, as a faulty writer would."""
    path = path_of(lake, name)
    snapshot = Path(lake.root) / "_snapshots" / f"{lake.snapshot().number:08d}.json"
    old = next(file for file in lake.snapshot().files if file.table == name)
    pq.write_table(rows, path)
    data = path.read_bytes()
    text = snapshot.read_text().replace(old.sha256, hashlib.sha256(data).hexdigest())
    assert f'"rows": {old.rows}' in text
    snapshot.write_text(text.replace(f'"rows": {old.rows}', f'"rows": {n_rows}'))


def test_file_with_other_documentation_is_found(empty: Lake) -> None:
    write(empty, {"campaigns": LAKE["campaigns"]})
    rows = empty.read("campaigns")
    field = rows.schema.field("n_posts")
    other = rows.cast(rows.schema.set(1, field.with_metadata({"doc": "members, in dozens"})))
    replace_file(empty, "campaigns", other, 1)
    [finding] = check(empty, deep=False)
    assert finding.law == "files have their schema"
    assert (finding.got, finding.expected) == ("pyarrow.Field<n_posts: int64 not null>, members, in dozens",
                                               "pyarrow.Field<n_posts: int64 not null>, members (count)")  # fmt: skip


def test_file_with_another_type_or_column_is_found(empty: Lake) -> None:
    write(empty, {"campaigns": LAKE["campaigns"]})
    rows = empty.read("campaigns")
    replace_file(empty, "campaigns", rows.append_column("note", pa.array(["旧"])), 1)
    [finding] = check(empty, deep=False)
    assert finding.got.startswith("pyarrow.Field<note: string>")
    assert finding.expected == "no column"


def test_file_with_other_rows_than_counted_is_found(empty: Lake) -> None:
    write(empty, {"campaigns": LAKE["campaigns"]})
    replace_file(empty, "campaigns", empty.read("campaigns"), 7)
    [finding] = check(empty, deep=False)
    assert (finding.law, finding.got, finding.expected) == ("rows are counted", "1 rows", "7")


def test_file_that_is_no_parquet_is_found(empty: Lake) -> None:
    write(empty, {"campaigns": LAKE["campaigns"]})
    path = path_of(empty, "campaigns")
    snapshot = Path(empty.root) / "_snapshots" / "00000001.json"
    digest = empty.snapshot().files[0].sha256
    path.write_bytes(b"not parquet")
    snapshot.write_text(snapshot.read_text().replace(digest, hashlib.sha256(b"not parquet").hexdigest()))
    [finding] = check(empty)
    assert finding.law == "files are Parquet"


def test_commit_during_the_check_is_said(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    read = lake.storage.read

    def meanwhile(path: str) -> bytes:
        if path.startswith("campaigns/"):
            monkeypatch.setattr(lake.storage, "read", read)
            change(Lake.open(lake.root), "campaigns", setting(0, exemplar="换了"))
        return bytes(read(path))

    monkeypatch.setattr(lake.storage, "read", meanwhile)
    with pytest.raises(TransientError, match="another run committed while it was checked"):
        check(lake)


def test_hostile_text_in_a_finding_stays_on_its_line() -> None:
    finding = Finding("reasons quote posts.text", "post_judgements", "weibo:1", "cue 0-2 \x1b[2J\n加微", "the text")
    assert str(finding).isprintable()


def test_every_law_about_rows_is_broken_above() -> None:
    broken = {(law, name) for law, name, _, _ in BREACHES}
    others = {"rows stand in their part", "no raw author id"}
    assert {(law.name, law.table) for law in (*LAWS, *REASON_LAWS) if law.name not in others} <= broken
