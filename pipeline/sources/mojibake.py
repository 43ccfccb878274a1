"""UTF-8 that a program took for GBK and saved again as UTF-8: 寰崥 where 微博 stood.

Read back as GB18030 its bytes are the UTF-8 they were, as long as no character was lost on the way; of a text that has
lost some, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CHINESE = re.compile("[\u4e00-\u9fff]")


def is_garbled(text: str) -> bool:
    """Whether the text is such: read back, it holds Chinese and little that is no UTF-8. Chinese in UTF-8, read back,
    holds next to no Chinese.
    """
    back = text.encode("gb18030", "replace").decode("utf-8", "replace")
    chinese = len(_CHINESE.findall(back))
    return chinese >= 4 and chinese > 2 * back.count("\ufffd")


def repaired(text: str) -> str:
    """The text as it was. Raises UnicodeError where characters were lost."""
    return text.encode("gb18030").decode("utf-8")


def is_repairable(lines: Iterable[str]) -> bool:
    """Whether every line can be repaired."""
    try:
        for line in lines:  # per line: a file is never held as a whole
            repaired(line)
    except UnicodeError:
        return False
    return True
