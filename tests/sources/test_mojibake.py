from pathlib import Path

import pytest

from pipeline.sources.mojibake import is_garbled

# Characters in twos: of three, GB18030 eats what stands after them.
POSTS = "post_id,author_id,text\nw1,甲乙,今天下雨 晾好被子\nw2,丙丁,我家的猫 跑了两天 自己回来\n"
DATA = Path(__file__).parents[1] / "data"


def garbled(text: str) -> bytes:
    """The text as UTF-8 that a program read as GB18030, what it could not read replaced, and saved as UTF-8."""
    return text.encode().decode("gb18030", "replace").encode()


def test_text_that_lost_nothing_reads_as_it_was(gather, check_law):
    assert "\ufffd" not in garbled(POSTS).decode()
    gathered = gather(garbled(POSTS))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["今天下雨 晾好被子", "我家的猫 跑了两天 自己回来"]
    assert gathered.posts["author_id"].to_pylist() == ["甲乙", "丙丁"]


def test_json_reads_as_it_was_too(gather, check_law):
    gathered = gather(garbled('{"text": "灯还亮着", "post_id": "w1"}\n'))
    check_law(gathered)
    assert gathered.posts["text"].to_pylist() == ["灯还亮着"]


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
