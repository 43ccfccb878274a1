"""The few errors xinren raises on purpose. Each message is one line: what, where, got, expected, next step."""

from __future__ import annotations


class XinrenError(Exception):
    """Base of every error that is the user's to mend; the command line prints it as one line and exits 1 or 2."""


class UsageError(XinrenError):
    """The words of the command or a setting are wrong (exit 2)."""


class PermanentError(XinrenError):
    """Trying again cannot help: a bad file, schema, model or lake (exit 1, never retried)."""


class TransientError(XinrenError):
    """Trying again may help: a network, a lock, a full disk (exit 1; flows retry it)."""


class SchemaError(PermanentError):
    """A table does not have the columns, types or non-null values that its schema in tables.py promises."""


class LakeError(PermanentError):
    """The lake is damaged, belongs to another key, or was written by a newer version."""


def one_line(text: object, limit: int = 400) -> str:
    """`text` safe for one terminal line: control characters escaped, line breaks folded, cut at `limit`."""
    folded = " ".join(str(text).split())
    safe = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in folded)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
