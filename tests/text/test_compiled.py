from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.text import compiled

KERNEL = "@kernel\ndef add(x):\n    return x + {}\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one module, and a cache folder of its own."""
    monkeypatch.setenv(compiled.CACHE_HOME, str(tmp_path / "cache"))
    module = tmp_path / "package" / "text" / "compiled.py"
    module.parent.mkdir(parents=True)
    module.write_text("A = 1\n", "utf-8")
    monkeypatch.setattr(compiled, "__file__", str(module))
    return module.parents[1]


def test_kernels_of_another_version_are_not_taken(package: Path) -> None:
    first = compiled._kernel_folder()
    (package / "prose.py").write_text("A = 1\n", "utf-8")
    assert compiled._kernel_folder() == first  # it holds no kernel
    (package / "other.py").write_text(KERNEL.format(1), "utf-8")  # one that has not changed may call it
    second = compiled._kernel_folder()
    (package / "other.py").write_text(KERNEL.format(2), "utf-8")
    assert len({first, second, compiled._kernel_folder()}) == 3
    assert first.stat().st_mode & 0o022 == 0


def test_kernels_that_call_another_intrinsic_are_not_taken(package: Path) -> None:
    folders = set()
    for number in range(2):
        (package / "ahead.py").write_text(f"ahead = intrinsic(lambda: {number})\n", "utf-8")
        folders.add(compiled._kernel_folder())
    assert len(folders) == 2


def test_the_versions_used_last_are_kept(package: Path) -> None:
    folders = []
    for number in range(compiled._VERSIONS + 2):
        (package / "other.py").write_text(KERNEL.format(number), "utf-8")
        folders.append(compiled._kernel_folder())
        os.utime(folders[-1], (number, number))
    assert [folder.exists() for folder in folders] == [False, False] + [True] * compiled._VERSIONS
