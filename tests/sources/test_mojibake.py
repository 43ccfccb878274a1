from pathlib import Path

import pytest

from pipeline.sources.mojibake import is_garbled

POSTS = "post_id,author_id,text,posted_at\nw1,甲乙,腊梅开在墙外头，路过的人都抬头,2026-01-05\nw2,丙丁,火塘边烤红薯；皮焦，芯甜！,2026-01-06\n"
DATA = Path(__file__).parents[1] / "data"


def garbled(text: str) -> bytes:
    """The text as UTF-8 that a program read as GB18030, what it could not read replaced, and saved as UTF-8."""
    return text.encode().decode("gb18030", "replace").encode()


def test_text_that_lost_nothing_reads_as_it_was(gather, check_law):
    assert "\ufffd" not in garbled(POSTS).decode()
    gathered = gather(garbled(POSTS))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["腊梅开在墙外头，路过的人都抬头", "火塘边烤红薯；皮焦，芯甜！"]
    assert gathered.posts["author_id"].to_pylist() == ["甲乙", "丙丁"]


def test_json_reads_as_it_was_too(gather, check_law):
    gathered = gather(garbled('{"text": "雪压断了竹子。", "post_id": "w1"}\n'))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["雪压断了竹子。"]


def test_text_that_lost_characters_is_refused(gather, check_law):
    lossy = garbled("post_id,text\n" + "w1,三个字\n" * 3 + "w2,腊梅开在墙外头\n" * 9)
    assert "\ufffd" in lossy.decode()
    gathered = gather(lossy)
    check_law(gathered)
    assert gathered.rejects["reason"].to_pylist() == ["unreadable_encoding"]
    assert "characters lost" in gathered.rejects["detail"].to_pylist()[0]


@pytest.mark.parametrize("path", [path for path in sorted(DATA.rglob("*")) if path.is_file()], ids=str)
def test_what_was_never_garbled_is_not_taken_for_it(path):
    assert not is_garbled(path.read_text("utf-8"))
