"""Compiled kernels: Numba's machine code, kept in the user's own cache folder so that only the first run compiles.

Numba keeps what it compiled as pickles, so the folder is 0700 and the user's own; where none can be had (a read-only
home), every process compiles for itself (about half a minute). Kernels release the GIL: threads run them side by side.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

CACHE_HOME = "XDG_CACHE_HOME"
_VERSIONS = 8  # of the package whose kernels are kept: some megabytes each
_F = TypeVar("_F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """The user's own cache folder for xinren, made 0700. Raises OSError where there is none that only the user can write."""
    folder = Path(os.environ.get(CACHE_HOME) or Path.home() / ".cache") / "xinren"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise PermissionError(f"{folder}: others can write there; expected a folder of the user's own; chmod 700 it")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable")
    return folder


def _kernel_folder() -> Path:
    """Where the kernels of this version are kept. Numba looks whether a kernel's own module has changed, but not whether one
    that it calls has: so every state of all modules with kernels or intrinsics has a folder of its own, the last used being kept."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        content = source.read_bytes()
        if b"@kernel" in content or b"intrinsic(" in content:
            digest.update(source.relative_to(package).as_posix().encode() + b"\0" + content)
    folder = cache_folder() / f"kernels-{digest.hexdigest()[:16]}"
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        for old in sorted(folder.parent.glob("kernels*"), key=lambda path: path.stat().st_mtime)[:-_VERSIONS]:
            shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):
        os.utime(folder)
    return folder


@lru_cache(maxsize=1)
def _compiler() -> Callable[[Any], Any]:
    import numba

    try:
        numba.config.CACHE_DIR = str(_kernel_folder())
        cache = True
    except OSError:
        cache = False
    compile_: Callable[[Any], Any] = numba.njit(cache=cache, nogil=True, error_model="numpy")
    return compile_


def kernel(function: _F) -> _F:
    """`function` compiled at its first call, or loaded from the cache; integers wrap, floats keep IEEE order."""
    compiled: _F = _compiler()(function)
    return compiled
