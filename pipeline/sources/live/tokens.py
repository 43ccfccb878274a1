"""Tokens of the hosts that want one: from the environment, or as a flow got them from its blocks. Never in settings."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from pydantic import SecretStr

_provided: ContextVar[Mapping[str, SecretStr]] = ContextVar("provided", default={})  # noqa: B039 - never changed in place


def variable_of(url: str) -> str:
    """The environment variable of the token for a URL's host: XINREN_TOKEN_MASTODON_SOCIAL for mastodon.social."""
    return "XINREN_TOKEN_" + re.sub(r"[^A-Z0-9]+", "_", (urlsplit(url).hostname or "").upper()).strip("_")


def token_for(url: str) -> SecretStr | None:
    """The token for a URL's host, if there is one."""
    name = variable_of(url)
    value = os.environ.get(name, "").strip()
    return SecretStr(value) if value else _provided.get().get(name)


def wanted(urls: Iterable[str]) -> list[str]:
    """The variables of the hosts of some feeds that are not set."""
    names = dict.fromkeys(variable_of(url) for url in urls)
    return [name for name in names if not os.environ.get(name, "").strip()]


@contextmanager
def provided(tokens: Mapping[str, SecretStr]) -> Iterator[None]:
    """In the block these tokens, by the names of their variables, stand in for variables that are not set."""
    mark = _provided.set(tokens)
    try:
        yield
    finally:
        _provided.reset(mark)
