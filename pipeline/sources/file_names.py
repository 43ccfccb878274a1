"""What the name of a file says where its rows do not: the author, in `<user id>.csv`."""

from __future__ import annotations

import re

_USER_FILE = re.compile(
    r"(?:^|[^0-9A-Za-z])(\d{5,11})(?:\s*[-–(（_]\s*(?:副本|copy|\d{1,2}).*)?\.[A-Za-z]{2,7}\d?$", re.IGNORECASE
)


def user_id_in(file_name: str) -> str | None:
    """The digits that name the file, also in `1234567890 - 副本.csv` and `1234567890 (1).csv`; None where none do."""
    found = _USER_FILE.search(file_name)
    return found[1] if found else None
