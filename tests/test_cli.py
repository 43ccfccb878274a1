"""Every command as a user gives it: what it prints, what it leaves behind, and one line for whatever is wrong."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from errno import EROFS
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.storage import Disk
from pipeline.store import Lake
from pipeline.tables import TABLES
from tests.feed import CORPORA, FEED, HANDLES, MODELS, NAMES, RAW_IDS, WALK, need_models, opened_once, write_file

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x80\x00\x00\x01\xe0\x08\x06\x00\x00\x00"
OTHER = "同一个号码，另一个平台。"  # the feed has it on another platform under the id of WALK
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", autouse=True)
def models() -> Iterator[None]:
    need_models()
    with opened_once():
        yield


@pytest.fixture
def xinren(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Gives a command line to `main` in a folder of its own; exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XINREN_MODELS", str(MODELS))
    monkeypatch.setenv("XINREN_CORPORA", str(CORPORA))
    monkeypatch.setenv("XINREN_WORKERS", "1")
    monkeypatch.setenv("COLUMNS", "100")

    def give(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return give


@pytest.fixture
def lake(feed_lake: Path, tmp_path: Path) -> Path:
    """A lake that the test may change."""
    return Path(shutil.copytree(feed_lake, tmp_path / "lake"))


def good(result: tuple[int, str, str]) -> str:
    """The output of a command that did what it was told."""
    status, out, err = result
    assert (status, "Traceback" in err) == (0, False), err
    return out


def test_run_ends_with_the_summary_and_says_how_far_it_is(xinren: Run, feed: Path) -> None:
    status, out, err = xinren("run", "--input", feed, "--lake", "new")
    n_rows = sum(len(rows) for _, rows in FEED.values())
    assert status == 0
    assert f"{len(FEED)} new files: {n_rows} rows = 52 posts gathered + 6 rejects" in out
    assert "duckdb.read_parquet" in out
    assert [line.split(":")[0] for line in err.splitlines()] == [
        "gather", "clean", "features", "campaigns", "judge", "trust", "summary",
    ]  # fmt: skip


def test_quiet_says_nothing(xinren: Run, feed: Path) -> None:
    assert xinren("run", "--input", feed, "--lake", "new", "--quiet") == (0, "", "")


def test_every_setting_is_a_flag(xinren: Run, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("内容,时间,备注\n加微信 mm_dl2026 看看,2026-01-02 08:00,x\n", "utf-8")
    flags = (
        "--column", "内容=text", "--column", "时间=posted_at", "--column", "备注=",
        "--default-platform", "qzone", "--keep-contacts", "--store-tokens",
        "--jieba-only", "--base-rate", "0.2", "--as-of", "2026-02-01", "--known-at", "2026-03-01T00:00:00Z",
        "--gathered-at", "2026-02-03T00:00:00+08:00", "--batch-rows", "200", "--workers", "1",
    )  # fmt: skip
    good(xinren("run", "--input", "posts.csv", "--lake", "new", "--quiet", *flags))
    new = Lake.open("new")
    (post,) = new.read("posts").to_pylist()
    assert (post["platform"], post["text"]) == ("qzone", "加微信 mm_dl2026 看看")
    assert post["first_seen_at"].isoformat() == "2026-02-02T16:00:00+00:00"
    assert new.read("post_features")["tokens"].null_count == 0


def test_stages_one_by_one_give_what_run_gives(xinren: Run, feed: Path, feed_lake: Path) -> None:
    assert "raw_posts 52, raw_authors 0, rejects 6" in good(xinren("gather", "--input", feed, "--lake", "new"))
    for name in ("features", "campaigns", "judge", "trust", "summary"):
        out = good(xinren(name, "--lake", "new", "--as-of", "2026-03-05"))
        assert out.count("\n") == 1 or name in ("campaigns", "summary")
    assert [f.path for f in Lake.open("new").snapshot().files if "raw" not in f.table] == [
        f.path for f in Lake.open(str(feed_lake)).snapshot().files if "raw" not in f.table
    ]


def test_files_to_gather_may_stand_without_their_flag(xinren: Run, feed: Path) -> None:
    assert "raw_posts 52, raw_authors 0, rejects 6" in good(xinren("gather", feed, "--lake", "new"))


def test_days_are_listed_and_one_is_shown(xinren: Run, lake: Path) -> None:
    listed = good(xinren("summary", "--lake", lake, "--days", "2"))
    days = sorted({str(day) for day in Lake.open(str(lake)).read("daily_summary")["date"].to_pylist()})
    assert [day for day in days if day in listed] == days[-2:]
    assert f"Feeling on {days[0]}" in good(xinren("summary", "--lake", lake, "--show", days[0]))
    for words, said in (
        (("--days", "0"), "got 0; expected 1 or more"),
        (("--show", "someday"), "expected a day such as"),
    ):
        status, _, err = xinren("summary", "--lake", lake, *words)
        assert (status, said in err, err.count("\n")) == (2, True, 1)


def test_a_run_writes_the_report_where_it_is_told_to(xinren: Run, feed: Path, tmp_path: Path) -> None:
    status, _, err = xinren("run", "--input", feed, "--lake", "new", "--report", "nowhere/report.html")
    assert (status, "run --report nowhere/report.html" in err) == (2, True)
    assert not Path("new").exists()
    good(xinren("run", "--input", feed, "--lake", "new", "--report", "page.html", "--quiet"))
    good(xinren("report", "--lake", "new", "--out", "again.html"))
    assert Path("page.html").read_bytes() == Path("again.html").read_bytes()


def test_campaigns_are_listed_and_one_is_shown(xinren: Run, lake: Path) -> None:
    listed = good(xinren("campaigns", "--lake", lake, "--top", "1", "--kind", "flood"))
    assert "campaigns of kind flood, 1 shown" in listed
    campaign_id = next(word for word in listed.split() if word.startswith("wechat_moments:"))
    shown = good(xinren("campaigns", "--lake", lake, "--show", campaign_id))
    assert "flood: 4 posts, 4 authors" in shown
    assert "campaign_members" not in shown  # the stage did not run
    assert good(xinren("campaigns", "--lake", lake, "--quiet")) == ""


@pytest.mark.parametrize("words", [("--top", "0"), ("--kind", "nix"), ("--show", "weibo:nix"), ("--top", "x")])
def test_campaigns_asked_for_wrongly(xinren: Run, feed_lake: Path, words: tuple[str, str]) -> None:
    status, out, err = xinren("campaigns", "--lake", feed_lake, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "expected" in err or "invalid" in err


def test_report_is_one_page_that_tells_no_contact_and_no_raw_id(xinren: Run, feed_lake: Path) -> None:
    out = good(xinren("report", "--lake", feed_lake, "--out", "page.html", "--top", "1"))
    page = Path("page.html").read_text("utf-8")
    assert out == f"report of lake {feed_lake}: page.html, {len(page.encode()):,} bytes\n"
    assert page.count("<article>") == 1
    assert "flood: 4 posts, 4 authors" in page
    assert "58 rows read from 5 files" in page
    assert not [words for words in (*HANDLES, *RAW_IDS, *NAMES) if words in page]


def test_check_counts_what_it_looked_at(xinren: Run, lake: Path) -> None:
    snapshot = Lake.open(str(lake)).snapshot()
    out = good(xinren("check", "--lake", lake))
    rows = sum(file.rows for file in snapshot.files)
    assert out == f"all laws hold: snapshot 1, {len(snapshot.files)} files, {rows} rows\n"


def test_check_of_a_damaged_lake_lists_findings_and_fails(xinren: Run, lake: Path) -> None:
    Path(Lake.open(str(lake)).files("campaigns")[0]).unlink()
    status, out, err = xinren("check", "--lake", lake)
    assert (status, err.count("\n")) == (1, 1)
    assert out.startswith("files are there: campaigns: ")


def test_files_are_those_of_the_latest_snapshot(xinren: Run, lake: Path) -> None:
    paths = good(xinren("files", "posts", "--lake", lake)).splitlines()
    assert paths == Lake.open(str(lake)).files("posts")
    assert sum(pq.read_metadata(path).num_rows for path in paths) == len(Lake.open(str(lake)).read("posts"))


def test_schema_is_the_data_dictionary(xinren: Run) -> None:
    out = good(xinren("schema"))
    assert [line.split()[0] for line in out.splitlines() if line and line[0] != " "] == list(TABLES)
    one = good(xinren("schema", "author_trust"))
    assert one.splitlines()[0] == "author_trust"
    assert all(column.name in one and column.doc in one for column in TABLES["author_trust"])


def test_score_keeps_the_rows_and_says_what_it_renamed(xinren: Run, tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("id,text,label\n007,招代理一件代发加我微信,?\n008,,?\n009,下雨了,?\n", "utf-8")
    out = good(xinren("score", "posts.csv", "--out", "judged.parquet"))
    assert "3 posts judged, 1 broadcasting: judged.parquet" in out
    assert "renamed, because xinren writes columns of those names: input_label" in out
    judged = pq.read_table("judged.parquet")
    assert judged["id"].to_pylist() == ["007", "008", "009"]
    assert judged["is_broadcast"].to_pylist() == [True, None, False]


def test_score_without_out_writes_beside_its_input(xinren: Run, tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").write_text('{"正文": "下雨了"}\n', "utf-8")
    good(xinren("score", "posts.jsonl", "--text-column", "正文"))
    assert pq.read_metadata(tmp_path / "posts.scored.parquet").num_rows == 1


def test_explain_shows_label_words_and_reasons_of_a_post(xinren: Run, lake: Path) -> None:
    out = good(xinren("explain", "w11", "--lake", lake))
    assert out.startswith("recruit, broadcasting: probability ")
    assert "加微信 〔微信号〕 详聊" in out
    assert "habit" in out


def test_explain_shows_a_post_id_of_two_platforms_twice(xinren: Run, lake: Path) -> None:
    out = good(xinren("explain", "w1", "--lake", lake))
    heads = ("weibo, 2026-01-12 09:00, context dated", "qzone, 2026-02-02 09:00, context dated", OTHER)
    assert [out.count(words) for words in heads] == [1, 1, 1]
    assert WALK in out


def test_explain_of_a_text_needs_no_lake(xinren: Run) -> None:
    out = good(xinren("explain", "--text", "招代理，一件代发，加我微信"))
    assert "recruit, broadcasting" in out
    calm = good(xinren("explain", "--text", "今天下雨，没出门", "--base-rate", "0.01"))
    assert "not broadcasting" in calm
    assert "at a base rate of 1%" in calm


def test_promote_puts_a_candidate_in_place(xinren: Run, tmp_path: Path) -> None:
    shutil.copytree(MODELS / "trust", tmp_path / "candidates" / "trust")
    out = good(xinren("promote", "candidates/trust", "--models", tmp_path))
    assert out == f"now in use: {tmp_path / 'trust'}\n"
    assert (tmp_path / "trust" / "model.json").read_bytes() == (MODELS / "trust" / "model.json").read_bytes()


def test_version_and_help(xinren: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert good(xinren("--version")).startswith("xinren ")
    with pytest.raises(SystemExit) as left:
        main(["run", "--help"])
    assert left.value.code == 0
    assert "--gathered-at TIME" in capsys.readouterr().out


def prepare(folder: Path, feed_lake: Path) -> None:
    """What the wrong commands below name."""
    files: dict[str, bytes] = {
        "photo.jpg": PNG, "empty.csv": b"", "blank.csv": b" \n\n", "notext.csv": b"id,likes\n1,2\n",
        "object.json": b'{"list": 3}', "list.json": b"[1, 2]", "deep.json": b"[" * 100_000, "ragged.csv": b"id,text\n1,a,b\n",
        "twice.csv": b"text,text\na,b\n", "posts.csv": "id,text\n1,下雨了\n".encode(), "lists.jsonl": b'{"text": ["a"]}\n',
        "bad.toml": b"lake = \n", "unknown.toml": b'lak = "x"\n', "bad.parquet": b"PAR1 and no more", "file": b"x",
        "naughty.toml": b'base_rate = "much"\n',
    }  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    for name in ("nothing", "photos", "photos/_x", "cut", "models", "not_a_lake", "corrupt", "future", "snapless"):
        (folder / name).mkdir()
    (folder / "not_a_lake" / "notes.txt").write_text("x")
    pq.write_table(pa.table({"text": pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())}), folder / "cut.parquet")
    for name, marker in {
        "corrupt": "{",
        "future": '{"format": 9, "schema_version": 1, "buckets": 1, "key_id": "a"}',
    }.items():
        (folder / name / "_lake.json").write_text(marker)
    shutil.copytree(MODELS, folder / "changed")
    with (folder / "changed" / "judge" / "weights.parquet").open("ab") as file:
        file.write(b"!")
    shutil.copytree(feed_lake, folder / "lake")
    shutil.copytree(feed_lake, folder / "torn")
    newest = max((folder / "torn" / "_snapshots").glob("*.json"))
    newest.write_bytes(newest.read_bytes()[:100])
    write_file(folder / "feed.jsonl", FEED["qzone.jsonl"][1])


RUN = ("run", "--quiet", "--lake", "new", "--input", "feed.jsonl")
WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {  # the words, the exit status, what the line must say
    "no command": ((), 2, "no command"),
    "unknown command": (("rum",), 2, "invalid choice: 'rum'"),
    "unknown flag": ((*RUN, "--fast"), 2, "--fast"),
    "flag without value": (("run", "--lake"), 2, "--lake"),
    "no input": (("run", "--lake", "new"), 2, "type `xinren run PATH`"),
    "files of a stage that reads the lake": (("judge", "feed.jsonl", "--lake", "lake"), 2, "`xinren gather PATH`"),
    "trust of a time before every post": (
        ("trust", "--from", "1999-01-01", "--to", "1999-02-01", "--lake", "lake", "--quiet"),
        2,
        "no judged post up to 1999-01-31",
    ),
    "missing path without --input": (("gather", "nowhere.csv", "--lake", "new"), 2, "nowhere.csv: does not exist"),
    "missing path": (("run", "--input", "nowhere", "--lake", "new"), 2, "nowhere"),
    "missing path after a good one": ((*RUN, "nowhere"), 2, "nowhere"),
    "empty folder": (("run", "--input", "nothing", "--lake", "new"), 2, "nothing"),
    "glob of nothing": (("gather", "--input", "*.xlsx", "--lake", "new"), 2, "*.xlsx"),
    "time without zone": ((*RUN, "--gathered-at", "2026-01-31T08:00:00"), 2, "needs a time zone"),
    "time that is none": ((*RUN, "--gathered-at", "gestern"), 2, "run --gathered-at: got 'gestern'; "),
    "day that is none": (
        (*RUN, "--as-of", "2026-02-30"),
        2,
        "run --as-of: got '2026-02-30'; day value is outside expected range",
    ),
    "day that is none, of trust": (
        ("trust", "--as-of", "bad"),
        2,
        "expected a day such as 2026-01-31; see `xinren trust --help`",
    ),
    "base rate above 1": ((*RUN, "--base-rate", "2"), 2, "run --base-rate: got 2.0"),
    "base rate that is none": ((*RUN, "--base-rate", "viel"), 2, "--base-rate"),
    "too many workers": ((*RUN, "--workers", "1000"), 2, "run --workers: got 1000"),
    "column without name": ((*RUN, "--column", "=text"), 2, "--column"),
    "column that is none": ((*RUN, "--column", "内容=Inhalt"), 2, "Inhalt"),
    "platform that is no slug": ((*RUN, "--default-platform", "微博"), 2, "--default-platform"),
    "settings file missing": ((*RUN, "--settings", "no.toml"), 2, "no such file"),
    "settings file is a folder": ((*RUN, "--settings", "nothing"), 2, "nothing"),
    "settings file is no TOML": ((*RUN, "--settings", "bad.toml"), 2, "bad.toml"),
    "settings with an unknown field": ((*RUN, "--settings", "unknown.toml"), 2, "setting lak"),
    "settings with a wrong value": ((*RUN, "--settings", "naughty.toml"), 2, "setting base_rate: got 'much'"),
    "lake is a file": (("run", "--input", "feed.jsonl", "--lake", "file"), 1, "lake file"),
    "lake is another folder": (("run", "--input", "feed.jsonl", "--lake", "not_a_lake"), 2, "notes.txt"),
    "lake on an unknown store": (("check", "--lake", "nope://x"), 2, "nope://x"),
    "lake with a corrupt marker": (("run", "--input", "feed.jsonl", "--lake", "corrupt"), 1, "_lake.json"),
    "lake of a newer version": (("run", "--input", "feed.jsonl", "--lake", "future"), 1, "newer xinren"),
    "lake with a torn snapshot": (("check", "--lake", "torn"), 1, "restore it from a backup"),
    "stage without a lake": (("judge", "--lake", "new"), 2, "no lake there"),
    "check without a lake": (("check", "--lake", "nothing"), 2, "no lake there"),
    "check of a file": (("check", "--lake", "file"), 1, "lake file"),
    "files of an unknown table": (("files", "post", "--lake", "lake"), 2, "no such table"),
    "schema of an unknown table": (("schema", "post"), 2, "no such table"),
    "no models": ((*RUN, "--models", "no_such_models"), 1, "no model.json"),
    "no models to score": (("score", "posts.csv", "--models", "no_such_models"), 1, "no model.json"),
    "no models to explain": (("explain", "--text", "x", "--models", "no_such_models"), 1, "no model.json"),
    "weights changed": ((*RUN, "--models", "changed"), 1, "weights.parquet was changed"),
    "weights changed, scoring": (("score", "posts.csv", "--models", "changed"), 1, "weights.parquet was changed"),
    "no lexicon": ((*RUN, "--corpora", "nothing"), 1, "lexicon nothing/lexicon"),
    "explain nothing": (("explain",), 2, "POST_ID or --text"),
    "explain both": (("explain", "w1", "--text", "x"), 2, "POST_ID or --text"),
    "explain an unknown post": (("explain", "w999", "--lake", "lake"), 2, "w999"),
    "explain a post that is no text": (("explain", "\udcff", "--lake", "lake"), 2, "not judged"),
    "explain without a lake": (("explain", "w1", "--lake", "new"), 2, "no lake there"),
    "explain an empty text": (("explain", "--text", " "), 2, "shows nothing"),
    "explain an invisible text": (("explain", "--text", "\u200b\u2060"), 2, "shows nothing"),
    "score a missing file": (("score", "nowhere.csv"), 2, "no such file"),
    "score a folder": (("score", "nothing"), 2, "is a folder"),
    "score a picture": (("score", "photo.jpg"), 1, "PNG"),
    "score an empty file": (("score", "empty.csv"), 1, "empty.csv: got nothing"),
    "score a blank file": (("score", "blank.csv"), 1, "blank.csv: got nothing"),
    "score a table without text": (("score", "notext.csv"), 2, "got id, likes; set --text-column"),
    "score an object without text": (("score", "object.json"), 2, "got list"),
    "score a list of numbers": (("score", "list.json"), 1, "record 1 is no JSON object"),
    "score brackets": (("score", "deep.json"), 1, "deep.json"),
    "score a ragged table": (("score", "ragged.csv"), 1, "Expected 2 columns, got 3"),
    "score a table with two texts": (("score", "twice.csv"), 2, "stands 2 times"),
    "score lists": (("score", "lists.jsonl"), 2, "got type list"),
    "score a broken Parquet file": (("score", "bad.parquet"), 1, "bad.parquet"),
    "score bytes that are no text": (("score", "cut.parquet"), 1, "cut.parquet"),
    "score into an unknown form": (("score", "posts.csv", "--out", "x.xlsx"), 2, ".xlsx"),
    "score into itself": (("score", "posts.csv", "--out", "./posts.csv"), 2, "input itself"),
    "score into no folder": (("score", "posts.csv", "--out", "no/x.csv"), 2, "no folder no"),
    "score below a file": (("score", "posts.csv", "--out", "file/x.csv"), 2, "no folder file"),
    "score into a folder": (("score", "posts.csv", "--out", "dir.csv"), 2, "is a folder"),
    "promote nothing": (("promote", "candidates/judge"), 1, "no model.json"),
    "promote another name": (("promote", "changed"), 2, "changed"),
    "promote a changed model": (("promote", "changed/judge"), 1, "was changed"),
    "train on nothing": (("train", "judge", "--data", "nowhere"), 1, "nowhere"),
    "train an unknown model": (("train", "juge", "--data", "nothing"), 2, "no such model"),
    "evaluate an unknown model": (("evaluate", "juge", "--data", "nothing"), 2, "no such evaluation"),
    "evaluate with the card of no model": (("evaluate", "judge", "--data", "nowhere", "--card", "none"), 1, "none"),
    "labels alone": (("labels",), 2, "labels export or import"),
    "import nothing": (("labels", "import", "none.jsonl"), 2, "no such file"),
    "import with half a name": (("labels", "import", "none.jsonl", "--map", "广告"), 2, "expected NAME=LABEL"),
    "export no lake": (("labels", "export", "--lake", "nowhere"), 2, "no lake there"),
    "export to another ending": (("labels", "export", "--format", "csv", "--out", "a.json"), 2, "ends in .csv"),
    "labels for another model": (("train", "trust", "--data", ".", "--labels", "a.csv"), 2, "train judge"),
    "fetch an unknown set": (("corpora", "fetch", "none"), 2, "no such set"),
    "evaluate on nothing": (("evaluate", "judge", "--data", "nowhere"), 1, "nowhere"),
    "evaluate feelings on nothing": (("evaluate", "sentiment", "--data", "nowhere"), 1, "nowhere"),
    "evaluate feelings into a card": (("evaluate", "sentiment", "--data", "nowhere", "--card", "x"), 2, "--card"),
}


@pytest.fixture(scope="module")
def wrong_things(feed_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    prepare(folder, feed_lake)
    (folder / "dir.csv").mkdir()
    return folder


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(xinren: Run, wrong_things: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.chdir(wrong_things)
    shutil.rmtree("new", ignore_errors=True)
    words, status, said = WRONG[case]
    got, out, err = xinren(*words)
    assert (got, out) == (status, ""), err
    assert err.startswith("xinren: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert said in err
    assert not (wrong_things / "new").exists(), "a lake was made for nothing"


def test_a_lake_of_another_key_is_refused(xinren: Run, lake: Path, feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINREN_ID_KEY", "f" * 64)
    status, out, err = xinren("run", "--input", feed, "--lake", lake, "--quiet")
    assert (status, out, err.count("\n"), "author key" in err) == (1, "", 1, True)


def test_a_poor_key_is_refused(xinren: Run, feed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINREN_ID_KEY", "geheim")
    status, out, err = xinren("run", "--input", feed, "--lake", "new", "--quiet")
    assert (status, out, err.count("\n"), "geheim" in err) == (2, "", 1, False)


@pytest.mark.parametrize("words", [("run", "--quiet", "--input"), ("gather", "--quiet", "--input")])
def test_a_lake_that_cannot_be_written_is_one_line(
    xinren: Run, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def refuse(self: Disk, path: Path, data: bytes) -> None:
        raise OSError(EROFS, os.strerror(EROFS), str(path))

    monkeypatch.setattr(Disk, "write", refuse)
    more = write_file(tmp_path / "more.jsonl", [{"text": "新的一行"}])
    status, out, err = xinren(*words, more, "--lake", lake)
    assert (status, out, err.count("\n"), "Read-only file system; expected a place" in err) == (1, "", 1, True)
    monkeypatch.undo()
    assert Lake.open(str(lake)).snapshot().number == 1


def test_a_lake_that_cannot_be_written_can_be_read(xinren: Run, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("write", "mkdir", "unlink", "rename", "link"):
        monkeypatch.setattr(Disk, name, lambda *_: pytest.fail("a reader wrote"))
    good(xinren("files", "posts", "--lake", lake))
    good(xinren("explain", "w1", "--lake", lake))
    good(xinren("check", "--lake", lake))


def test_a_folder_of_unreadable_files_is_a_run_with_rejects(xinren: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    files = {
        "photo.jpg": PNG, "empty.csv": b"", "notext.csv": b"post_id,likes\n1,2\n", "odd.json": b'{"list": [1]}',
        "letter.txt": "一封信，没有表头".encode(), "torn.parquet": b"PAR1 and no more", "latin.csv": b"text\n\xff\xff\xfe\n",
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / "in" / name).write_bytes(data)
    out = good(xinren("run", "--input", "in", "--lake", "new"))
    assert "7 new files: 7 rows = 0 posts gathered + 7 rejects" in out
    assert {
        "not_text",
        "empty_file",
        "no_text_column",
        "unknown_dialect",
        "broken_parquet",
        "unreadable_encoding",
    } <= set(out.split())
    good(xinren("check", "--lake", "new"))
    status, _, err = xinren("explain", "1", "--lake", "new")
    assert (status, err.count("\n")) == (2, 1)


def process(*words: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"XINREN_MODELS": str(MODELS), "XINREN_CORPORA": str(CORPORA), "COLUMNS": "100"}
    env |= {name: str(value) for name, value in more.items()}
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=env, cwd=MODELS.parent, check=False)


def test_a_process_runs_a_feed_in_a_terminal_that_knows_no_chinese(tmp_path: Path, feed: Path) -> None:
    done = process(
        "run", "--input", feed, "--lake", tmp_path / "lake", "--workers", 1, PYTHONIOENCODING="ascii", COLUMNS=60
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "5 new files" in done.stdout
    assert done.stdout.isascii()


def test_a_process_that_fails_leaves_one_line(tmp_path: Path) -> None:
    done = process("check", "--lake", tmp_path / "no\nlake")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("words", [("schema",), ("schema", "rejects")], ids=["long", "short"])
def test_a_reader_that_has_read_enough_is_no_error(words: tuple[str, ...]) -> None:
    command, env = [sys.executable, "-m", "pipeline", *words], dict(os.environ)
    env.pop("PYTHONUNBUFFERED", None)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=MODELS.parent, env=env) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert started.stderr.read() == b""
    assert started.returncode == 1


SCORING = """
import json, sys
from pipeline.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules.keys() & {"sklearn", "prefect", "duckdb", "fastapi"})]))
"""


def test_scoring_loads_no_training_no_service_and_no_lake(tmp_path: Path) -> None:
    write_file(tmp_path / "ten.jsonl", [{"text": f"第{i}天，桂花还没谢。"} for i in range(10)])
    command = [sys.executable, "-c", SCORING, "score", str(tmp_path / "ten.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=MODELS.parent, check=True)
    status, loaded = json.loads(done.stdout.splitlines()[-1])
    assert (status, loaded) == (0, [])
    assert pq.read_metadata(tmp_path / "ten.scored.parquet").num_rows == 10


STARTING = """
import gc, json, sys
from pipeline.cli import main
status = main()
print(json.dumps([status, sorted(sys.modules.keys() & {"pandas", "scipy.linalg"}), gc.isenabled(), gc.get_freeze_count() > 0]))
"""


def test_a_command_over_texts_starts_without_what_others_import_in_case(xinren: Run, tmp_path: Path) -> None:
    write_file(tmp_path / "two.jsonl", [{"text": "招代理，一件代发，加我微信"}, {"text": "桂花还没谢。"}])
    assert xinren("score", "two.jsonl", "--out", "here.parquet")[0] == 0
    command = [sys.executable, "-c", STARTING, "score", "two.jsonl", "--out", "there.parquet"]
    env = {**os.environ, "PYTHONPATH": str(MODELS.parent)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, [], True, True]
    assert (tmp_path / "there.parquet").read_bytes() == (tmp_path / "here.parquet").read_bytes()


def test_a_process_of_someone_elses_keeps_what_it_may_want(xinren: Run) -> None:
    xinren("explain", "--text", "桂花还没谢。")
    assert gc.isenabled()
    assert "pipeline.short_start" not in {type(finder).__module__ for finder in sys.meta_path}


def test_a_process_of_someone_elses_that_looks_for_no_cycles_goes_on_so(xinren: Run, tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text('{"text": "早"}\n{"text": "招代理，加微信"}\n', "utf-8")
    before = gc.get_freeze_count()
    gc.disable()
    try:
        xinren("score", "two.jsonl", "--out", "out.parquet")
        assert (gc.isenabled(), gc.get_freeze_count()) == (False, before)
    finally:
        gc.enable()
