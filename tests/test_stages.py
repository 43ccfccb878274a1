"""The whole path on a small feed: the same lake for any order, batching and number of runs, or the old lake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline import stages
from pipeline.artifacts import seal, unseal
from pipeline.check import check
from pipeline.errors import PermanentError
from pipeline.run import writing
from pipeline.store import PARTITIONS, Lake, Transaction
from pipeline.tables import EMOTIONS, RESTRICTED, TABLES
from pipeline.text.cues import load_lexicon
from tests import feed as written
from tests.feed import FEED, HANDLES, NAMES, RAW_IDS, need_models, opened_once, settings_for, write_file

DERIVED = [table for table in TABLES if table not in RESTRICTED]
SAMPLE = written.CORPORA / "sample" / "exports"
WEIBO = (SAMPLE / "weibo-search", SAMPLE / "mediacrawler" / "weibo")  # two exporters with posts in common
SAMPLE_AS_OF = date(2026, 10, 16)
FIRST = ("monday.jsonl", "moments.jsonl")  # of the feed: what a lake holds before the rest comes


@pytest.fixture(scope="module", autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


def run_once(lake: Path, *inputs: Path, names: tuple[str, ...] = (), **more: Any) -> dict[str, int]:
    """One run of all stages, or of those with these names."""
    with writing(settings_for(lake, *inputs, **more)) as run:
        return stages.do(run, *names)


def run_over(lake: Path, *inputs: Path, **more: Any) -> dict[str, int]:
    """One run of all stages, after which the laws hold."""
    counts = run_once(lake, *inputs, **more)
    assert_lawful(lake)
    return counts


def assert_lawful(lake: Path) -> None:
    assert [str(finding) for finding in check(Lake.open(str(lake)))] == []


def files_of(lake: Path, *tables: str) -> list[str]:
    """The live data files; their names hold the hashes of their bytes."""
    return [file.path for table in tables or DERIVED for file in Lake.open(str(lake)).data_files(table)]


def bytes_of(lake: Path) -> dict[str, bytes]:
    return {str(path.relative_to(lake)): path.read_bytes() for path in sorted(lake.rglob("*")) if path.is_file()}


def rows_of(lake: Path, table: str, *columns: str) -> list[dict[str, Any]]:
    """The rows of a table in an order of their own."""
    rows = Lake.open(str(lake)).read(table, columns or None).to_pylist()
    return sorted(rows, key=repr)


def assert_same(lake: Path, other: Path) -> None:
    assert files_of(lake) == files_of(other)
    for table in RESTRICTED:
        assert rows_of(lake, table) == rows_of(other, table)


def copied(lake: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lake, tmp_path / "lake"))


@pytest.fixture(scope="module")
def sample_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run over the sample exports, as `make run` does."""
    lake = tmp_path_factory.mktemp("sample") / "lake"
    run_over(lake, SAMPLE, as_of=None, gathered_at="2026-10-20T20:00:00+08:00")
    return lake


@pytest.fixture(scope="module")
def weibo_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run over the part of the sample that is Weibo's: enough posts for several batches."""
    lake = tmp_path_factory.mktemp("weibo") / "lake"
    run_over(lake, *WEIBO, as_of=SAMPLE_AS_OF)
    return lake


@pytest.fixture(scope="module")
def first_lake(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that holds only the first files of the feed."""
    lake = tmp_path_factory.mktemp("first") / "lake"
    run_over(lake, *(feed / name for name in FIRST))
    return lake


def test_the_feed_gives_every_case_it_was_written_for(feed_lake: Path) -> None:
    assert_lawful(feed_lake)
    assert {row["reason"] for row in rows_of(feed_lake, "rejects")} == {
        "bad_json", "empty_text", "bad_time", "bad_platform",
    }  # fmt: skip
    n_rows = sum(len(rows) for _, rows in FEED.values())
    assert len(rows_of(feed_lake, "raw_posts")) + len(rows_of(feed_lake, "rejects")) == n_rows
    assert {(c["kind"], c["n_posts"], c["n_authors"]) for c in rows_of(feed_lake, "campaigns")} >= {("flood", 4, 4)}
    judged = {row["post_id"]: row["label"] for row in rows_of(feed_lake, "post_judgements", "post_id", "label")}
    assert (judged["w8"], judged["w16"], judged["w5"]) == ("recruit", "auto", "share")
    assert {row["topic"] for row in rows_of(feed_lake, "post_features", "topic")} >= {None, "family"}
    handles = {
        row["post_id"]: row["contact_hashes"] for row in rows_of(feed_lake, "posts", "post_id", "contact_hashes")
    }
    assert (handles["w1"], len(handles["w8"])) == (None, 1)


def test_running_again_changes_no_byte(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    before = bytes_of(lake)
    counts = run_over(lake, feed)
    assert bytes_of(lake) == before
    assert (counts["files"], counts["files_known"], counts["posts_read"]) == (0, len(FEED), 0)


@pytest.mark.parametrize(
    "order",
    [
        tuple(reversed(FEED)),
        ("moments.jsonl", "wednesday.jsonl", "moments_again.jsonl", "monday.jsonl", "qzone.jsonl"),
    ],
)
def test_files_one_run_each_in_any_order_give_the_lake_of_one_run(
    feed: Path, feed_lake: Path, tmp_path: Path, order: tuple[str, ...]
) -> None:
    for name in order:
        run_once(tmp_path / "lake", feed / name)
    assert_same(tmp_path / "lake", feed_lake)
    assert_lawful(tmp_path / "lake")


def test_the_names_and_order_of_inputs_do_not_matter(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    run_over(tmp_path / "lake", *(feed / name for name in reversed(FEED)), feed)
    assert_same(tmp_path / "lake", feed_lake)


def test_stages_in_runs_of_their_own_give_the_lake_of_one_run(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    for name in stages.STAGES:
        run_once(tmp_path / "lake", feed, names=(name,))
    assert_same(tmp_path / "lake", feed_lake)


def test_batches_and_processes_change_nothing(weibo_lake: Path, tmp_path: Path) -> None:
    run_over(tmp_path / "lake", *WEIBO, as_of=SAMPLE_AS_OF, workers=2, batch_rows=100)
    assert_same(tmp_path / "lake", weibo_lake)


def test_exports_that_overlap_one_run_each_give_the_lake_of_one_run(weibo_lake: Path, tmp_path: Path) -> None:
    for path in sorted((p for folder in WEIBO for p in folder.rglob("*.*")), reverse=True):
        run_once(tmp_path / "lake", path, as_of=SAMPLE_AS_OF, batch_rows=100)
    assert files_of(tmp_path / "lake") == files_of(weibo_lake)


def test_more_files_later_give_the_lake_of_all_at_once(
    feed: Path, feed_lake: Path, first_lake: Path, tmp_path: Path
) -> None:
    lake = copied(first_lake, tmp_path)
    assert files_of(lake, "posts") != files_of(feed_lake, "posts")
    run_over(lake, feed)
    assert_same(lake, feed_lake)


def test_a_late_post_between_two_months_is_held_against_both(tmp_path: Path) -> None:
    def post(post_id: str, day: str, text: str) -> dict[str, Any]:
        return written.weibo(post_id, written.HE, written.at(day), text)

    ends = [post("1", "01-31", "今天到货了"), post("3", "03-01", "今天到货了")]
    write_file(tmp_path / "ends.jsonl", ends)
    write_file(tmp_path / "late.jsonl", [post("2", "02-10", "明天到货了")])
    run_over(tmp_path / "lake", tmp_path / "ends.jsonl")
    assert _echoes(tmp_path / "lake") == [(0, 0), (3, 3)]
    run_over(tmp_path / "lake", tmp_path / "late.jsonl")
    assert _echoes(tmp_path / "lake") == [(0, 0), (2, 3), (2, 3)]
    run_over(tmp_path / "once", tmp_path / "ends.jsonl", tmp_path / "late.jsonl")
    assert_same(tmp_path / "lake", tmp_path / "once")


def _echoes(lake: Path) -> list[tuple[int, int]]:
    rows = sorted(rows_of(lake, "author_days", "date", "n_echoed_grams", "n_grams"), key=lambda row: row["date"])
    return [(row["n_echoed_grams"], row["n_grams"]) for row in rows]


def test_a_post_whose_date_becomes_known_moves(feed: Path, first_lake: Path, tmp_path: Path) -> None:
    lake = copied(first_lake, tmp_path)
    undated, dated = ("part_platform=weibo/part_month=undated/", "part_platform=weibo/part_month=2025-12/")
    assert place_of(lake, "w12") == ("undated", undated)
    run_over(lake, feed / "wednesday.jsonl")
    assert place_of(lake, "w12") == ("2025-12", dated)
    for table in ("posts", "post_features", "post_judgements"):
        assert not any(undated in path for path in files_of(lake, table))
        assert not (lake / table / undated).exists()


def place_of(lake: Path, post_id: str) -> tuple[str, str]:
    """The month by post_index, and the folder of the file that holds the post."""
    opened = Lake.open(str(lake))
    same = (pc.field("post_id") == post_id) & (pc.field("platform") == "weibo")
    (month,) = opened.read("post_index", ["month", "post_id", "platform"], filter=same)["month"].to_pylist()
    (path,) = [
        file.path for file in opened.data_files("posts")
        if len(opened.read("posts", only=lambda f, path=file.path: f.path == path, filter=same))
    ]  # fmt: skip
    return month, path.removeprefix("posts/").rpartition("/")[0] + "/"


def test_the_newest_gathering_wins_and_nothing_known_is_lost(feed_lake: Path) -> None:
    posts = {(row["platform"], row["post_id"]): row for row in rows_of(feed_lake, "posts")}
    first = posts["weibo", "w1"]
    assert (first["likes"], first["comments"], first["reposts"], first["versions"]) == (9, 3, 0, 2)
    assert posts["weibo", "w2"]["text"].endswith("刚才又系了一遍）")
    assert posts["qzone", "w1"]["text"] == "同一个号码，另一个平台。"
    repeats = [row for row in posts.values() if row["text"] == written.SLEET]
    assert sorted(row["versions"] for row in repeats) == [1, 2, 2]
    assert [row["likes"] for row in repeats] == [9, 9, 9]


def test_keeping_contacts_and_back_again_makes_the_posts_anew(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, feed, keep_contacts=True)
    texts = " ".join(row["text"] for row in rows_of(lake, "posts", "text"))
    assert all(handle in texts for handle in HANDLES)
    run_over(lake, feed)
    assert files_of(lake) == files_of(feed_lake)


@pytest.fixture(scope="module")
def relearned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Corpora whose lexicon has one cue more, and the models as if they had been trained with it."""
    folder = tmp_path_factory.mktemp("relearned")
    corpora, models = folder / "corpora", folder / "models"
    shutil.copytree(written.CORPORA / "lexicon", corpora / "lexicon")
    shutil.copytree(written.MODELS, models)
    with (corpora / "lexicon" / "cues.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[cue]]\nname = "bean_soup"\ngroup = "auto_share"\nweight = "strong"\npattern = "绿豆粥"\n')
    for name in ("judge", "sentiment"):
        payload = unseal(models / name, "linear") | {"lexicon_version": load_lexicon(corpora / "lexicon").version}
        seal(
            models / name, {key: payload[key] for key in payload.keys() - {"files", "version"}}, tuple(payload["files"])
        )
    return {"corpora": str(corpora), "models": str(models)}


def test_another_lexicon_makes_the_posts_anew(
    feed: Path, feed_lake: Path, relearned: dict[str, str], tmp_path: Path
) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, feed, **relearned)
    shares = {row["text"]: row["is_auto_share"] for row in rows_of(lake, "posts", "text", "is_auto_share")}
    assert shares[written.SUPPER] is True
    run_once(tmp_path / "fresh", feed, **relearned)
    assert_same(lake, tmp_path / "fresh")


def test_models_of_another_lexicon_are_refused_and_the_lake_stays(
    feed_lake: Path, relearned: dict[str, str], tmp_path: Path
) -> None:
    lake = copied(feed_lake, tmp_path)
    before = bytes_of(lake)
    with pytest.raises(PermanentError, match="trained with lexicon"):
        run_over(lake, corpora=relearned["corpora"])
    assert bytes_of(lake) == before


def test_another_base_rate_only_judges_anew(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    counts = run_over(lake, feed, base_rate=0.02)
    kept = ("posts", "post_index", "post_features", "campaigns", "campaign_members")
    assert files_of(lake, *kept) == files_of(feed_lake, *kept)
    assert counts["posts_read"] == counts["posts_changed"] == 0
    flagged = [sum(row["is_broadcast"] for row in rows_of(at, "post_judgements")) for at in (lake, feed_lake)]
    assert flagged[0] < flagged[1]
    run_over(lake, feed)
    assert files_of(lake) == files_of(feed_lake)


def test_tokens_on_request_change_only_post_features(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, feed, store_tokens=True)
    assert all("".join(row["tokens"]) for row in rows_of(lake, "post_features", "tokens"))
    others = [table for table in DERIVED if table != "post_features"]
    assert files_of(lake, *others) == files_of(feed_lake, *others)


def test_every_post_of_a_run_has_its_emotions(feed_lake: Path) -> None:
    names = [f"emotion_{e}" for e in EMOTIONS if e != "neutral"]
    rows = rows_of(feed_lake, "post_features", *names)
    assert rows
    assert all(0 < sum(row[name] for name in names) < 1 for row in rows)


def test_snownlps_own_number_on_request_changes_only_post_features(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, feed, snownlp_exact=True)
    assert all(0 <= row["snownlp_exact"] <= 1 for row in rows_of(lake, "post_features", "snownlp_exact"))
    others = [table for table in DERIVED if table != "post_features"]
    assert files_of(lake, *others) == files_of(feed_lake, *others)
    run_over(lake, feed)
    assert files_of(lake) == files_of(feed_lake)


CONTEXT = ("platform", "post_id", "label", "broadcast_probability", "author_posts_before", "context_basis", "reasons")
BEFORE = ("platform", "post_id", "n_posts_before", "n_authors_before")
# The flood of 1 and 2 August 2026 is cut through by the end of the first.
SINCE, TILL, DAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 8, 1, 16, tzinfo=UTC), date(2026, 8, 1)


def exported(lake: Path, path: Path, keep: Callable[[dict[str, Any]], bool] = lambda row: True) -> Path:
    """raw_posts of a lake, those since SINCE and undated ones, as one native file."""
    ours = {"source", "source_file", "source_row", "batch_id", "schema_version", "gathered_at", "modified_at"}
    rows = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()
         if name not in ours and value is not None}
        for row in rows_of(lake, "raw_posts")
        if keep(row) and (row["posted_at"] is None or row["posted_at"] >= SINCE)
    ]  # fmt: skip
    return write_file(path, rows, "2026-10-20")


def trust_as_of(lake: Path, as_of: date) -> list[dict[str, Any]]:
    return [row for row in rows_of(lake, "author_trust") if row["as_of"] == as_of]


def test_nothing_posted_later_changes_what_was_known_before(weibo_lake: Path, tmp_path: Path) -> None:
    whole, until = tmp_path / "whole", tmp_path / "until"
    before = exported(weibo_lake, tmp_path / "until.jsonl", lambda row: not row["posted_at"] or row["posted_at"] < TILL)
    run_over(whole, exported(weibo_lake, tmp_path / "whole.jsonl"), as_of=DAY)
    run_over(until, before, as_of=DAY)
    assert len(rows_of(whole, "posts")) > len(rows_of(until, "posts")) + 20
    assert trust_as_of(whole, DAY) == trust_as_of(until, DAY) != []
    there = {(row["platform"], row["post_id"]) for row in rows_of(until, "posts")}
    for table, columns in (("post_judgements", CONTEXT), ("campaign_members", BEFORE)):
        kept, seen = (
            [row for row in rows_of(lake, table, *columns) if (row["platform"], row["post_id"]) in there]
            for lake in (whole, until)
        )
        assert told(kept) == told(seen) != []


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the first members of campaigns, which have no row before the second one comes: nothing came before them."""
    return [row for row in rows if row.get("n_posts_before") != 0]


def test_nothing_gathered_later_changes_trust_as_known_before(weibo_lake: Path, tmp_path: Path) -> None:
    def early(row: Mapping[str, Any]) -> bool:
        return sum(row["post_id"].encode()) % 2 > 0

    known_at = "2026-10-20T12:00:00Z"
    first = exported(weibo_lake, tmp_path / "first.jsonl", early)
    late = exported(weibo_lake, tmp_path / "late.jsonl", lambda row: not early(row))
    run_over(tmp_path / "alone", first, as_of=DAY, known_at=known_at)
    run_over(tmp_path / "both", first, as_of=DAY, known_at=known_at)
    run_over(tmp_path / "both", late, as_of=DAY, known_at=known_at, gathered_at="2026-10-25T00:00:00Z")
    assert len(rows_of(tmp_path / "both", "posts")) > len(rows_of(tmp_path / "alone", "posts"))
    assert trust_as_of(tmp_path / "both", DAY) == trust_as_of(tmp_path / "alone", DAY) != []


def test_trust_is_told_as_of_the_newest_post_that_was_known(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, as_of=None)
    run_over(lake, as_of=None, known_at="2026-03-02T23:00:00Z")
    newest = {row["as_of"]: row["known_at"] for row in rows_of(lake, "author_trust", "as_of", "known_at")}
    assert newest == {
        date(2026, 3, 5): datetime(2026, 3, 5, 12, tzinfo=UTC),
        date(2026, 3, 4): datetime(2026, 3, 5, 12, tzinfo=UTC),
        date(2026, 2, 10): datetime(2026, 3, 2, 23, tzinfo=UTC),
    }


class StopError(Exception):
    """What no stage expects."""


@pytest.fixture(scope="module")
def struck_lake(first_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake in which runs fail one after another."""
    return Path(shutil.copytree(first_lake, tmp_path_factory.mktemp("struck") / "lake"))


@pytest.mark.parametrize(
    "table", [t for t in PARTITIONS if t not in ("raw_authors", "campaign_aliases", "source_cursors")]
)
def test_an_exception_in_the_middle_of_a_stage_leaves_the_old_lake(
    feed: Path, struck_lake: Path, first_lake: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    put, adopt = Transaction.put, Transaction._adopt

    def break_after(self: Transaction, name: str, *args: Any, **more: Any) -> None:
        put(self, name, *args, **more)
        if name == table:
            raise StopError

    def break_after_writing(self: Transaction, part: str, *args: Any) -> None:
        adopt(self, part, *args)
        if part.startswith(f"{table}/"):
            raise StopError

    monkeypatch.setattr(Transaction, "put", break_after)
    monkeypatch.setattr(Transaction, "_adopt", break_after_writing)
    with pytest.raises(StopError):
        run_once(struck_lake, feed)
    assert bytes_of(struck_lake) == bytes_of(first_lake)


def test_a_run_after_failed_ones_gives_the_lake_of_one_run(feed: Path, struck_lake: Path, feed_lake: Path) -> None:
    with suppress(StopError), writing(settings_for(struck_lake, feed)) as run:
        stages.do(run)
        raise StopError  # before the commit
    run_over(struck_lake, feed)
    assert_same(struck_lake, feed_lake)


def strings_in(column: pa.Array) -> Iterator[str]:
    """Every string of a column, also inside lists and structs."""
    if pa.types.is_string(column.type):
        yield from (text for text in column.to_pylist() if text is not None)
    elif pa.types.is_list(column.type):
        yield from strings_in(column.flatten())
    elif pa.types.is_struct(column.type):
        for i in range(column.type.num_fields):
            yield from strings_in(column.field(i))


def shown_by(lake: Path) -> str:
    """All that a reader without the restricted zone sees: strings, and the bytes of files (footers hold statistics)."""
    opened = Lake.open(str(lake))
    shown = []
    for table in DERIVED:
        rows = opened.read(table).combine_chunks()
        shown += [text for column in rows.columns for text in strings_in(column.combine_chunks())]
        shown += [Path(path).read_bytes().decode("latin-1") for path in opened.files(table)]
    shown += [path.read_text("utf-8") for path in (lake / "_snapshots").iterdir()] + files_of(lake, *TABLES)
    return "\n".join(shown)


def test_no_raw_author_id_or_handle_leaves_the_restricted_zone(feed: Path, feed_lake: Path, tmp_path: Path) -> None:
    lake = copied(feed_lake, tmp_path)
    run_over(lake, feed, store_tokens=True)
    shown = shown_by(lake)
    assert [secret for secret in (*RAW_IDS, *HANDLES, NAMES[1], NAMES[2], NAMES[4]) if secret in shown] == []
    assert "〔微信号〕" in shown


def test_no_raw_author_id_of_the_sample_leaves_the_restricted_zone(sample_lake: Path) -> None:
    raw = {row["author_id"] for row in rows_of(sample_lake, "raw_posts", "author_id")} - {None}
    shown = shown_by(sample_lake)
    assert [author for author in raw if author in shown] == []


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", "一封信，没有表头".encode(), b'{"text": " "}\n']
)
def test_a_lake_without_posts_is_a_lake(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(content)
    counts = run_over(tmp_path / "lake", tmp_path / "in", as_of=None)
    assert (counts["rows"], counts["rejects"], counts["posts"], counts["daily_summary"]) == (1, 1, 0, 0)
    assert run_over(tmp_path / "lake", tmp_path / "in", as_of=AS_OF_DAY)["author_trust"] == 0


AS_OF_DAY = date(2026, 3, 5)


def test_one_post_without_date_and_author_goes_the_whole_way(tmp_path: Path) -> None:
    path = write_file(tmp_path / "one.jsonl", [{"text": "窗外在下雨"}])
    counts = run_over(tmp_path / "lake", path, as_of=None)
    assert (counts["post_judgements"], counts["author_trust"], counts["daily_summary"]) == (1, 0, 0)


def test_posts_without_a_platform_have_the_default_one(feed_lake: Path) -> None:
    rows = {row["text"]: row["platform"] for row in rows_of(feed_lake, "posts", "text", "platform")}
    assert rows["没有写平台的一行也算数"] == "unknown"


def test_progress_ends_at_the_total_of_each_stage(feed: Path, tmp_path: Path) -> None:
    told: dict[str, tuple[int, int]] = {}
    with writing(
        settings_for(tmp_path / "lake", feed), lambda stage, done, total: told.update({stage: (done, total)})
    ) as run:
        counts = stages.do(run)
    assert {stage: done for stage, (done, _) in told.items()} == {stage: total for stage, (_, total) in told.items()}
    assert told["features"] == (counts["posts"], counts["posts"])
    assert json.dumps(counts)
