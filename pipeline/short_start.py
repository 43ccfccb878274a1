"""Libraries that others import in case they are wanted, hidden from a process of our own that wants none of them.

Arrow imports pandas, where it is installed, with the first array that is made; Numba imports SciPy's linear algebra before
the first kernel, for products of matrices, of which no kernel has any. Together they were a third of the start of
`xinren score`. Nor are cycles looked for while modules and tables come in, of which none is garbage: a tenth of the start.
A process of someone else's (a notebook, a flow) is left as it is: there pandas may be wanted.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

UNWANTED = frozenset({"pandas", "scipy.linalg"})


class _Hidden(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        """Raises ModuleNotFoundError for what is unwanted, as if it were not installed; knows nothing of the rest."""
        if name in UNWANTED:
            raise ModuleNotFoundError(f"No module named {name!r} (hidden by pipeline.short_start)", name=name)


def hide_unwanted() -> None:
    """Let no later import of this process find what is unwanted; what is imported already stays."""
    if not _is_our_own():
        sys.meta_path.insert(0, _Hidden())


def _is_our_own() -> bool:
    return any(isinstance(finder, _Hidden) for finder in sys.meta_path)


def put_off_collecting() -> None:
    """Look for no cycles before `started`. For a process of our own, after `hide_unwanted`."""
    gc.disable()


def started() -> None:
    """What there is now stays to the end: look for cycles among the rest alone, if looking was put off.

    A process of someone else's that looks for none by its own choice is left as it is.
    """
    if _is_our_own() and not gc.isenabled():
        gc.freeze()
        gc.enable()
