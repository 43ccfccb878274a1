"""Author ids: the same author under every exporter, nobody's name without the key, and a key that stays private."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PermanentError, UsageError
from pipeline.identity import canonical_ids, key_file, key_id, keyed_ids, load_key

KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XINREN_ID_KEY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "xinren"


def ids(rows: list[tuple[str, str | None, str | None]], key: bytes = KEY) -> list[str | None]:
    platforms, authors, forms = (pa.array(column, pa.string()) for column in zip(*rows, strict=True))
    return keyed_ids(key, platforms, authors, forms).to_pylist()


def test_user_id_and_creator_hash_of_one_author_give_one_id() -> None:
    hashed = hashlib.sha256(b"5678901234").hexdigest()[:16]
    old, new = ids([("weibo", "5678901234", None), ("weibo", hashed, "creator_hash")])
    assert old == new


def test_other_platforms_keep_the_id_as_exported() -> None:
    arrays = [pa.array([v], pa.string()) for v in ("wechat_moments", "阿梨妈妈", "id")]
    assert canonical_ids(*arrays).to_pylist() == ["阿梨妈妈"]


@pytest.mark.parametrize("size", [16, 63, 64, 65, 200])
def test_id_is_the_documented_hmac(size: int) -> None:
    key = bytes(range(size))
    expected = hmac.new(key, "qzone\x1f小满".encode(), "sha256").hexdigest()[:32]
    assert ids([("qzone", "小满", "id")], key) == [expected]


def test_same_id_on_two_platforms_is_two_authors() -> None:
    a, b = ids([("qzone", "10001", None), ("weibo_intl", "10001", None)])
    assert a != b


def test_another_key_gives_other_ids() -> None:
    rows = [("qzone", "10001", None)]
    assert ids(rows) != ids(rows, bytes(32))


def test_unknown_author_stays_unknown() -> None:
    assert ids([("weibo", None, None), ("qzone", None, "id")]) == [None, None]


def test_hostile_id_with_the_separator_stays_apart() -> None:
    a, b = ids([("qzone", "a\x1fb", None), ("qzone", "a", None)])
    assert a != b
    assert None not in (a, b)


ROW = st.tuples(
    st.sampled_from(["weibo", "qzone", "douyin"]),
    st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=6)),
    st.sampled_from(["id", "creator_hash", None]),
)


@given(st.lists(ROW, min_size=1, max_size=20), st.integers(0, 20))
def test_ids_do_not_depend_on_the_other_rows_or_on_chunks(
    rows: list[tuple[str, str | None, str | None]], at: int
) -> None:
    assert ids(rows) == [ids([row])[0] for row in rows]
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    chunked = [pa.chunked_array([column[:at], column[at:]]) for column in columns]
    assert keyed_ids(KEY, *chunked).to_pylist() == ids(rows)


def test_no_rows_give_no_ids() -> None:
    none = pa.array([], pa.string())
    assert keyed_ids(KEY, none, none, none).equals(none)


def test_key_id_tells_keys_apart_and_is_no_part_of_them() -> None:
    assert key_id(KEY) != key_id(bytes(32))
    assert len(key_id(KEY)) == 8
    assert key_id(KEY) not in KEY.hex()


@pytest.mark.parametrize(
    ("text", "key"), [("00ff" * 8, bytes.fromhex("00ff" * 8)), ("一个很长的口令" * 3, ("一个很长的口令" * 3).encode())]
)
def test_key_from_the_environment(text: str, key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINREN_ID_KEY", f" {text}\n")
    assert load_key(create=False) == key


def test_short_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINREN_ID_KEY", "hunter2hunter2")
    with pytest.raises(UsageError, match="14 characters; expected at least 16") as caught:
        load_key(create=True)
    assert "hunter" not in str(caught.value)


def test_made_key_is_private_and_stays(state: Path) -> None:
    key = load_key(create=True)
    assert len(key) == 32
    assert key == load_key(create=True) == load_key(create=False)
    assert (state / "id_key").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in state.iterdir()] == ["id_key"]


def test_without_a_key_nothing_is_made_unasked(state: Path) -> None:
    with pytest.raises(UsageError, match="no XINREN_ID_KEY and no file"):
        load_key(create=False)
    assert not state.exists()


def test_key_file_that_others_may_read_is_refused(state: Path) -> None:
    load_key(create=True)
    (state / "id_key").chmod(0o644)
    with pytest.raises(UsageError, match="mode 644; expected 600"):
        load_key(create=True)


def test_two_first_runs_at_once_end_with_one_key(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "ab" * 32
    link = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        self.write_text(other)
        self.chmod(0o600)
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", late)
    assert load_key(create=True) == bytes.fromhex(other)
    assert [path.name for path in state.iterdir()] == ["id_key"]


def test_state_folder_that_cannot_be_made_is_one_line(state: Path) -> None:
    state.parent.write_text("a file where the folder should be")
    with pytest.raises(PermanentError, match=r"author key: .*; set XINREN_ID_KEY") as caught:
        load_key(create=True)
    assert "\n" not in str(caught.value)


def test_key_file_is_under_the_users_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", os.sep + "home/ali")
    assert str(key_file()) == "/home/ali/.local/state/xinren/id_key"
