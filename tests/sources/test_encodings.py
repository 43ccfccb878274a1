import pytest

from pipeline.sources import encodings
from pipeline.sources.rejects import RefusedFileError

TEXT = "text,author_id\n立秋了，院子里的蝉还没停,a1\n豆浆凉了，再热一热,a2\n"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("gb18030", "gb18030"),
        ("gbk", "gb18030"),
        ("utf-16", "utf-16"),
    ],
)
def test_encoding_is_found_and_reads_back(tmp_path, written, found):
    path = tmp_path / "file"
    path.write_bytes(TEXT.encode(written))
    assert encodings.encoding_of(path) == found
    assert encodings.whole_text(path, found) == TEXT


def test_character_outside_gbk_survives_in_gb18030(tmp_path):
    path = tmp_path / "file"
    path.write_bytes("text\n𠮷野家的牛丼\n".encode("gb18030"))
    assert encodings.whole_text(path, encodings.encoding_of(path)) == "text\n𠮷野家的牛丼\n"


def test_last_character_cut_short_is_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_bytes("text\n剪了一半".encode()[:-1])
    assert encodings.whole_text(path, encodings.encoding_of(path)) == "text\n剪了一\ufffd"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TEXT.encode()[:60] + b"\xff" + TEXT.encode()[60:], "unreadable_encoding"),
        (TEXT.encode() + TEXT.encode("gb18030"), "unreadable_encoding"),
        (TEXT.encode("gb18030") + TEXT.encode(), "unreadable_encoding"),
        ("text\n早安早安\n".encode() + "啊\n".encode("gb18030"), "unreadable_encoding"),  # GB18030 would read garbage
        (b"\xef\xbb\xbf" + TEXT.encode("gb18030"), "unreadable_encoding"),
        (b"\xff\xfe\x00\xd8\x00\x00", "unreadable_encoding"),
        (TEXT.encode("utf-32"), "unreadable_encoding"),
        (b"\x80\x80\x80" * 9, "unreadable_encoding"),
        (b"\x89PNG\r\n\x1a\n", "not_text"),
        (b"PK\x03\x04", "not_text"),
        (b"\x1f\x8b\x08", "not_text"),
        (b"SQLite format 3\x00", "not_text"),
        (b"a\x00b\x00c\x00", "not_text"),
    ],
)
def test_what_is_no_such_text_is_refused(tmp_path, content, reason):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(RefusedFileError) as refused:
        encodings.encoding_of(path)
    assert refused.value.reason == reason


def test_byte_order_mark_at_the_start_of_a_line_is_dropped(tmp_path):
    path = tmp_path / "file"
    path.write_text("\ufeffa\n\ufeffb\nc\ufeffd\n", "utf-8")
    assert list(encodings.lines(path, "utf-8-sig", "\n")) == ["a\n", "b\n", "c\ufeffd\n"]


def test_short_text_in_gb18030_is_not_taken_for_damaged_utf8(tmp_path):
    path = tmp_path / "file"
    path.write_bytes("text,author_id\n修好了,电饭煲\n".encode("gb18030"))  # four of its bytes are a character in UTF-8
    assert encodings.encoding_of(path) == "gb18030"
