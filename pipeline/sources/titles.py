"""Title and body of a post as one text."""

from __future__ import annotations

import pyarrow as pa


def titled(titles: pa.Array, bodies: pa.Array) -> pa.Array:
    """Title, line break, body; the body alone where it begins with the title. An absent body may be written as -."""
    pairs = zip(titles.to_pylist(), bodies.to_pylist(), strict=True)  # per row: Arrow compares no prefix of each row
    return pa.array(
        [_joined((title or "").strip(), "" if body == "-" else body or "") for title, body in pairs], pa.string()
    )


def _joined(title: str, body: str) -> str:
    if not title or body.lstrip().startswith(title):
        return body
    return f"{title}\n{body}" if body.strip() else title
