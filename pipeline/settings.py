"""One frozen settings model: a TOML file, the environment (XINREN_*), a flow parameter and a command-line flag are the
same fields. What a later one states wins over an earlier: file, environment, then parameter or flag.
"""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import UsageError, one_line


class Settings(BaseSettings):
    """What a run is told. Secrets are not here: the id key comes from XINREN_ID_KEY or the user's state folder."""

    model_config = SettingsConfigDict(env_prefix="XINREN_", frozen=True, extra="forbid")

    lake: str = Field("lake", description="root of the lake: a folder or a URI such as s3://bucket/lake")
    inputs: tuple[str, ...] = Field((), description="files, folders or globs to gather")
    feeds: tuple[str, ...] = Field(
        (),
        description="live sources to ask: https://.../feed.xml (RSS, Atom, JSON Feed, RSSHub), mastodon+https://host/tags/NAME,"
        " mastodon+https://host/@NAME, postgresql://user@host/database#table; tokens: XINREN_TOKEN_<HOST>",
    )
    feed_rows: int = Field(
        100_000, ge=1, description="rows taken of a timeline or table in one run; the next goes on from there"
    )
    inbox: str = Field("", description="folder of dropped files to gather: unreadable ones are moved aside")
    models: str = Field("models", description="folder of the model folders")
    corpora: str = Field("corpora", description="folder of the lexicon and label folders")
    gathered_at: datetime | None = Field(
        None, description="when the inputs were gathered; default: each file's modification time"
    )
    as_of: date | None = Field(
        None, description="trust at the end of this local day; default: the day of the newest post"
    )
    known_at: datetime | None = Field(
        None, description="use only what was gathered by then; default: everything gathered"
    )
    base_rate: float = Field(
        0.3, gt=0, lt=1, description="share of broadcasting expected in the feed; sets the threshold"
    )
    keep_contacts: bool = Field(False, description="leave contact handles in posts.text instead of placeholders")
    store_tokens: bool = Field(False, description="write jieba tokens into post_features")
    snownlp_exact: bool = Field(
        False, description="write SnowNLP(text).sentiments itself into post_features (some 50 microseconds a post)"
    )
    domain_words: bool = Field(True, description="segment with corpora/lexicon/words.txt beside jieba's dictionary")
    default_platform: str = Field(
        "unknown", pattern=r"^[a-z][a-z0-9_]{0,31}$", description="platform of native rows without one"
    )
    allow_private_addresses: bool = Field(
        False, description="fetch from this network and machine too (10.x, 192.168.x, 127.0.0.1, ...)"
    )
    columns: dict[str, str] = Field({}, description="native files: other column names -> raw_posts columns")
    messages: bool = Field(False, description="gather messages of chats, as kind message, instead of rejecting them")
    workers: int = Field(0, ge=0, le=64, description="threads for the texts; 0: one per core, at most 4")
    campaign_parts: int = Field(
        0,
        ge=0,
        le=10_000,
        description="look for campaigns in so many parts, through Parquet beside the lake's tables; 0: in memory, all at once",
    )
    campaign_workers: Literal["threads", "served"] = Field(
        "threads",
        description="what does these parts in a flow: threads of this machine, or `prefect task serve` on any that sees the lake",
    )
    batch_rows: int = Field(4_000, ge=100, description="posts per batch; bounds memory")

    @field_validator("gathered_at", "known_at")
    @classmethod
    def _has_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a time zone")
        return value


_TIME = "a time with a zone such as 2026-01-31T08:00:00+08:00"
_EXPECTED = {"as_of": "a day such as 2026-01-31", "known_at": _TIME, "gathered_at": _TIME}
_OPTIONS = {"inputs": "--input", "feeds": "--feed", "columns": "--column"}


def load_settings(file: str | Path | None = None, command: str | None = None, **stated: Any) -> Settings:
    """Settings from `file` (TOML), the environment and what is `stated` (None counts as not stated).

    Raises UsageError naming the field, what was got and what was expected; where it was stated as an option of a `command`,
    naming these.
    """
    stated = {k: v for k, v in stated.items() if v is not None}
    try:
        from_file = tomllib.loads(Path(file).read_text("utf-8")) if file else {}
        from_env = Settings().model_dump(exclude_unset=True)
        return Settings(**{**from_file, **from_env, **stated})
    except FileNotFoundError:
        raise UsageError(f"settings file {file}: no such file; expected a TOML file of settings") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"settings file {file}: {one_line(error)}; expected TOML") from error
    except ValidationError as error:
        raise UsageError(_wrong(error.errors()[0], command, stated)) from error


def _wrong(error: Any, command: str | None, stated: dict[str, Any]) -> str:
    """What is wrong with the first wrong field, in one line."""
    name, got = str(error["loc"][0]), one_line(repr(error.get("input")), 80)
    said = (
        one_line(error["msg"]).removeprefix("Input should be a valid date or datetime, ").removeprefix("Value error, ")
    )
    said = f"{said}; expected {_EXPECTED[name]}" if name in _EXPECTED else said
    if command is None or name not in stated:
        return f"setting {'.'.join(map(str, error['loc']))}: got {got}; {said}"
    option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
    return f"{command} {option}: got {got}; {said}; see `xinren {command} --help`"
