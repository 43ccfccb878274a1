import hashlib
import io
import os
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import TransientError
from pipeline.settings import Settings
from pipeline.sources import SOURCES, InputFile, batch_id_of, find_inputs, gather_file
from pipeline.sources.rejects import REASONS

DATA = Path(__file__).parents[1] / "data"
FIXTURES = {str(path.relative_to(DATA)): path.read_bytes() for path in sorted(DATA.rglob("*")) if path.is_file()}


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["晾被子", "收被子"] * 40, "likes": range(80)}), out)
    return out.getvalue()


@pytest.mark.parametrize("name", FIXTURES)
def test_every_fixture_keeps_the_law(gather, check_law, name):
    gathered = gather(FIXTURES[name])
    check_law(gathered)
    assert gathered.file["source"].to_pylist()[0] in SOURCES


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \n\n", "empty_file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not_text"),
        (b"PK\x03\x04rest of an archive", "not_text"),
        (b"SQLite format 3\x00", "broken_sqlite"),
        (b"PAR1 and no more", "broken_parquet"),
        (parquet()[:-30], "broken_parquet"),
        ("正文\n".encode() + b"\xff\xff", "unreadable_encoding"),
        ("id,bid,正文,日期,工具\n5301234567890201\t,Pq,早,2026-03-01,iPhone\n".encode(), "unknown_dialect"),
        (b'{"user": {"id": "1"}, "weibo": [{"text": "x"}]}', "unknown_dialect"),
        (b'{\n  "list": [1, 2]\n}', "unknown_dialect"),
        (b"[]", "unknown_dialect"),
        (b"[1, 2, 3]", "unknown_dialect"),
        (b"[" * 100_000, "unknown_dialect"),
        ("一封信，没有表头".encode(), "unknown_dialect"),
        (b"<rss><item/></rss>", "unknown_dialect"),
        (b"platform,post_id\nweibo,1\n", "no_text_column"),
    ],
)
def test_file_that_no_source_reads_is_one_reject_without_a_row(gather, check_law, content, reason):
    gathered = gather(content)
    check_law(gathered)
    assert gathered.rejects.select(["source", "source_row", "reason"]).to_pylist() == [
        {"source": "unknown", "source_row": None, "reason": reason}
    ]
    file = gathered.file.to_pylist()[0]
    assert (file["n_rows"], file["n_rows_framed"], file["n_posts"], file["n_rejects"]) == (1, None, 0, 1)


def test_parquet_whose_column_cannot_be_text_is_refused_as_a_whole(gather, check_law, tmp_path):
    pq.write_table(pa.table({"text": ["早"], "author_id": [{"id": 1}]}), tmp_path / "posts")
    gathered = gather((tmp_path / "posts").read_bytes())
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == ["bad_column"]


def test_header_alone_is_a_file_without_rows(gather, check_law):
    gathered = gather("text,author_id\n")
    check_law(gathered)
    assert gathered.file.select(["n_rows", "n_rows_framed"]).to_pylist() == [{"n_rows": 0, "n_rows_framed": 0}]


def test_list_that_breaks_off_gives_what_stands_before_the_break(gather, check_law):
    gathered = gather('[{"text": "早"}, {"text": "午"}, {"text": "晚')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["早", "午"]
    assert gathered.rejects.select(["source_row", "reason", "raw"]).to_pylist() == [
        {"source_row": 3, "reason": "bad_json", "raw": '{"text": "晚'}
    ]


def test_words_after_the_end_of_a_list_are_one_reject(gather, check_law):
    gathered = gather('[{"text": "早"}] 完 [{"text": "晚"}]')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["早"]
    assert gathered.rejects["raw"].to_pylist() == ['完 [{"text": "晚"}]']


def test_long_article_of_many_lines_is_one_post(gather, check_law):
    article = "一行，再一行\n" * 30_000
    gathered = gather(f'text,author_id\n"{article}",a\n短的,b\n')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == [article, "短的"]


def test_broken_item_costs_no_other(gather, check_law):
    gathered = gather('[{"text": "早"}, {"text": 午}, {"text": "晚"}, 7 {}, {"text": "夜"}]')
    check_law(gathered)
    assert gathered.posts["source_row"].to_pylist() == [1, 3, 5]
    assert gathered.file["n_rows_framed"].to_pylist() == [5]


def test_first_line_broken_costs_no_other(gather, check_law):
    gathered = gather('xt": "断了"}\n{"text": "早"}\n')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["早"]


def test_line_ends_and_newlines_in_cells_survive(gather, check_law):
    for end in ("\n", "\r\n", "\r"):
        gathered = gather(f'text,author_id{end}"两{end}行",a{end}{end}单行,b')
        check_law(gathered)
        assert gathered.posts["text"].to_pylist() == [f"两{end}行", "单行"]
        assert gathered.posts["source_row"].to_pylist() == [1, 2]


def test_reject_keeps_at_most_4_kb_and_whole_characters(gather):
    reject = gather("text,author_id\n" + "很长" * 3000 + "\n").rejects.to_pylist()[0]
    assert reject["reason"] == "bad_row"
    assert len(reject["raw"].encode()) == 4095  # 1365 characters of three bytes


def test_gathered_at_is_the_setting_or_the_files_time_in_whole_seconds(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_text("text\n早\n", "utf-8")
    os.utime(path, ns=(0, 1_772_330_465_987_654_321))
    file = InputFile(path, "posts.csv")
    stated = datetime(2026, 1, 31, tzinfo=UTC)
    assert gather_file(file, Settings()).posts["gathered_at"].to_pylist() == [datetime(2026, 3, 1, 2, 1, 5, tzinfo=UTC)]
    assert gather_file(file, Settings(gathered_at=stated)).file["gathered_at"].to_pylist() == [stated]


def test_batch_id_is_the_hash_of_the_bytes(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_bytes(b"text\n")
    assert batch_id_of(path) == hashlib.sha256(b"text\n").hexdigest()[:16]
    assert gather_file(InputFile(path, "x"), Settings()).file["batch_id"].to_pylist() == [batch_id_of(path)]


def test_file_that_grows_while_it_is_read_is_not_half_gathered(tmp_path, monkeypatch):
    path = tmp_path / "posts.csv"
    path.write_text("text\n早\n", "utf-8")

    def grow(file):
        with file.open("a", encoding="utf-8") as out:
            out.write("晚\n")
        return "0" * 16

    monkeypatch.setattr("pipeline.sources.batch_id_of", grow)
    with pytest.raises(TransientError, match="changed while it was read"):
        gather_file(InputFile(path, "posts.csv"), Settings())


def test_file_that_is_gone_is_one_line(tmp_path):
    with pytest.raises(TransientError, match=r"posts\.csv"):
        gather_file(InputFile(tmp_path / "posts.csv", "posts.csv"), Settings())


def test_rows_do_not_hang_on_the_batch_size(gather):
    post = '{"text": "今天立秋", "author_id": "a"}\n'
    content = "".join(post if n % 7 else f'{{"text": "第{n}句", "likes": {n}}}\nbroken\n' for n in range(700))
    comments = FIXTURES["weibo_search_comments.csv"].decode()
    header, rest = comments.split("\n", 1)
    for text in (content, header + "\n" + rest * 60):
        small, large = gather(text, batch_rows=100), gather(text, batch_rows=20_000)
        assert small.posts.equals(large.posts)
        assert small.rejects.equals(large.rejects)


def test_reading_twice_gives_the_same(gather):
    for content in FIXTURES.values():
        first, again = gather(content), gather(content)
        assert first == again


PIECES = [
    '"', '""', ",", "\n", "\r", "\r\n", "\ufeff", "\x00", "\\", "{", "}", "[", "]", "\\ud83d", "\x1e", "\x1f", "<br>",
    "&#0;", "1e999", "NaN", "9" * 5000, "[" * 3000, " ", "\t", "\xa0", "\x85", "\u2028", "id", "text", "null", "5.1E+15",
    "昨天", "2026-02-30", "#", "@", "\U0001f600", ',"', '\n"', '\n\ufeff"', "]",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "gb18030"]
SEEDS = [*FIXTURES.values(), parquet()]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """`content` after a few changes of its characters, written in some encoding, or else of its bytes."""
    try:
        whole: str | bytes = content.decode() if chance.random() < 0.7 else content
    except UnicodeDecodeError:
        whole = content
    for _ in range(chance.randint(1, 5)):
        start = chance.randrange(len(whole) + 1)
        end = min(len(whole), start + chance.choice([0, 1, 2, 30, 300, 10**6]))
        new = chance.choice([spliced(whole, chance), whole[start:end] * 2, whole[:0]])
        whole = whole[:start] + new + whole[end:]
    if isinstance(whole, str):
        return whole.encode(chance.choice(ENCODINGS), "replace")
    flipped = bytearray(whole)
    for _ in range(chance.randint(0, 3) if flipped else 0):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def spliced(whole: str | bytes, chance: random.Random) -> str | bytes:
    """A piece that is apt to break a parser, of the type of `whole`."""
    piece = chance.choice(PIECES)
    return piece if isinstance(whole, str) else piece.encode(chance.choice(ENCODINGS))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1))
def test_no_damage_breaks_the_law(gather, check_law, seed):
    chance = random.Random(seed)
    check_law(gather(damaged(chance.choice(SEEDS), chance), batch_rows=100))


def test_every_reason_says_a_next_step_in_one_line():
    assert all(meaning.count(";") == 1 and "\n" not in meaning for meaning in REASONS.values())


COVERED = {
    "weibo-search": "weibo_search", "MediaCrawler": "mediacrawler", "weibo-crawler": "weibo_crawler",
    "weiboSpider": "weibo_spider", "nghuyong-WeiboSpider": "weibo_tweets", "raw-m.weibo.cn": "weibo_responses",
}  # fmt: skip
NOTHING_LOST = {"repeated_header", "deleted_post", "bad_row", "bad_json", "no_record"}  # rows that were never posts


def test_real_exports_keep_the_law_and_are_read_by_their_source(exports, check_law):
    for file in find_inputs([str(exports / name) for name in COVERED]):
        gathered = gather_file(file, Settings())
        check_law(gathered)
        folder = Path(file.path).relative_to(exports).parts[0]
        assert gathered.file["source"].to_pylist() == [COVERED[folder]], file.name
        assert gathered.rejects["source_row"].to_pylist() != [None], file.name


def test_real_exports_become_posts_and_authors_but_for_those_without_text(exports):
    reasons, n_kept, n_rows = Counter(), 0, 0
    for file in find_inputs([str(exports / name) for name in COVERED]):
        gathered = gather_file(file, Settings())
        reasons.update(gathered.rejects["reason"].to_pylist())
        posts, authors = gathered.posts, gathered.authors
        n_kept += len({*posts["source_row"].to_pylist(), *authors["source_row"].to_pylist()})
        n_rows += gathered.file["n_rows"][0].as_py()
        for column in ("author_id", "posted_at", "kind"):
            assert posts[column].null_count == 0, (file.name, column)
        assert posts["post_id_derived"].to_pylist().count(True) in (
            0,
            len(posts),
            posts["kind"].to_pylist().count("comment"),
        )
    assert set(reasons) == {"empty_text", *NOTHING_LOST}
    assert n_kept >= 0.995 * (n_rows - reasons["empty_text"])


def test_rows_padded_with_empty_cells_are_rows(gather, check_law):
    gathered = gather('text,author_id\n早,a,,\n午,b,"",\n晚,c,,x\n夜,d\n')
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["早", "午", "夜"]
    assert gathered.rejects.select(["source_row", "reason"]).to_pylist() == [{"source_row": 3, "reason": "bad_row"}]


@pytest.mark.parametrize(("delimiter", "end"), [(",", "\r\n"), (";", "\n"), ("\t", "\r\n")])
def test_line_that_tells_excel_the_delimiter_is_no_header(gather, check_law, delimiter, end):
    rows = (["text", "author_id"], ["早", "a"])
    gathered = gather(f"sep={delimiter}{end}" + "".join(delimiter.join(row) + end for row in rows))
    check_law(gathered)
    assert gathered.posts.select(["source_row", "text"]).to_pylist() == [{"source_row": 1, "text": "早"}]
