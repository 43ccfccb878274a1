"""Author ids that tell authors apart without naming them: HMAC-SHA256 under a key that never lies in the lake."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PermanentError, UsageError, one_line

ENV = "XINREN_ID_KEY"
MIN_CHARACTERS = 16
KEY_BYTES = 32
# MediaCrawler's platforms: its exports since July 2026 hold sha256(user id) cut to 16 hex (`creator_hash`) and no user
# id, earlier ones the user id. The hash is the form that both can give.
HASHED_PLATFORMS = ("weibo", "xiaohongshu", "douyin", "kuaishou", "bilibili", "tieba", "zhihu")
# Between platform and id, and between platform and form; no platform or form holds this character.
_BETWEEN = "\x1f"
_MOST_KNOWN = 2**18  # ids of a platform remembered: 0.1 GB
Change = Callable[[str, str, list[str]], list[str]]  # platform, form, ids


def load_key(create: bool) -> bytes:
    """The author key: XINREN_ID_KEY, or the 0600 file in the user's state folder (`create` makes it when absent).

    Raises UsageError where there is no key or a poor one, PermanentError where the file cannot be made or read.
    """
    stated = os.environ.get(ENV, "").strip()
    if stated:
        return _parse(stated, ENV)
    path = key_file()
    try:
        if create and not path.exists():
            _create(path)
        return _read(path)
    except FileNotFoundError:
        raise UsageError(
            f"author key: no {ENV} and no file {path}; expected either; `xinren run` makes the file"
        ) from None
    except OSError as error:
        raise PermanentError(f"author key: {path}: {one_line(error)}; expected a private file; set {ENV}") from error


def key_file() -> Path:
    """Where the key is kept when the environment does not state it."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "xinren" / "id_key"


def key_id(key: bytes) -> str:
    """8 hex characters that tell keys apart and give none away; the lake records them."""
    return hmac.digest(key, b"xinren key id", "sha256").hex()[:8]


def canonical_ids(platforms: pa.Array, author_ids: pa.Array, forms: pa.Array) -> pa.Array:
    """The form of each author id that every exporter of its platform can give; NULL stays NULL.

    `forms` is raw_posts.author_id_form: "creator_hash" for an id that is hashed already, else "id" or NULL.
    """
    return _by_kind(platforms, author_ids, forms, _canonical)


def keyed_ids(key: bytes, platforms: pa.Array, author_ids: pa.Array, forms: pa.Array) -> pa.Array:
    """HMAC-SHA256(key, platform, canonical id), first 16 bytes as 32 hex; NULL stays NULL. A microsecond a new author."""
    return _by_kind(platforms, author_ids, forms, partial(keyed, key))


def keyed(key: bytes, platform: str, form: str, ids: list[str]) -> list[str]:
    """`keyed_ids` of ids of one platform and form."""
    known = _known(key, platform, form)
    if len(known) > _MOST_KNOWN:
        known = {}
    new = [one for one in ids if one not in known]
    known.update(zip(new, _macs(key, platform, _canonical(platform, form, new)), strict=True))
    return [known[one] for one in ids]


@lru_cache(maxsize=64)
def _known(_key: bytes, _platform: str, _form: str) -> dict[str, str]:
    """What was computed before: authors come again and again, batch after batch."""
    return {}


def _macs(key: bytes, platform: str, ids: list[str]) -> list[str]:
    """HMAC as RFC 2104 spells it out: half the time of hmac.digest, which looks for the digest's name each time."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + f"{platform}{_BETWEEN}".encode())
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(one: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(one.encode())
        second.update(first.digest())
        return second.hexdigest()[:32]

    return [mac(one) for one in ids]  # a loop, because Arrow has no HMAC: over authors, not over posts


def _canonical(platform: str, form: str, ids: list[str]) -> list[str]:
    if platform not in HASHED_PLATFORMS or form == "creator_hash":
        return ids
    return [hashlib.sha256(one.encode()).hexdigest()[:16] for one in ids]


def _by_kind(platforms: pa.Array, author_ids: pa.Array, forms: pa.Array, change: Change) -> pa.Array:
    """The ids changed: the distinct ones of each platform and form, of which there are few, at once."""
    kinds = _single(pc.binary_join_element_wise(platforms, pc.fill_null(forms, "id"), _BETWEEN)).dictionary_encode()
    ids, parts, rows = _single(author_ids), [pa.nulls(0, pa.string())], [np.zeros(0, np.int64)]
    for number, kind in enumerate(kinds.dictionary.to_pylist()):
        mine = pc.and_(pc.equal(kinds.indices, number), ids.is_valid())
        coded = ids.filter(mine).cast(pa.string()).dictionary_encode()
        platform, form = kind.split(_BETWEEN)
        changed = pa.array(change(platform, form, coded.dictionary.to_pylist()), pa.string())
        parts.append(changed.take(coded.indices))
        rows.append(np.flatnonzero(mine.to_numpy(zero_copy_only=False)))
    at = np.full(len(ids), -1, np.int64)
    at[np.concatenate(rows)] = np.arange(sum(map(len, rows)))
    return pa.concat_arrays(parts).take(pa.array(at, mask=at < 0))


def _single(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _parse(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) >= MIN_CHARACTERS:
        return key
    if len(text) < MIN_CHARACTERS:
        raise UsageError(
            f"author key: {where} has {len(text)} characters; expected at least {MIN_CHARACTERS}, better 64 random hex"
            " digits (`openssl rand -hex 32`)"
        )
    return text.encode()


def _read(path: Path) -> bytes:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise UsageError(f"author key: {path} has mode {mode:o}; expected 600, for its owner alone; `chmod 600 {path}`")
    return _parse(path.read_text("utf-8", errors="replace").strip(), str(path))


def _create(path: Path) -> None:
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    staged = path.with_name(f"id_key.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(staged)  # whole from the first moment, and never over the key that another run just made
    except FileExistsError:
        pass
    finally:
        staged.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
