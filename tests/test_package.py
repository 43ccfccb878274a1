"""What is installed: the wheel holds `pipeline` and nothing else, and the lock is what pyproject.toml asks for."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel built from a copy of the tree, so that the tree stays as it is and leftovers of builds stay out."""
    copy = tmp_path_factory.mktemp("wheel")
    shutil.copytree(root / "pipeline", copy / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("corpora", "models", "tests"):  # what a greedy configuration would take along
        (copy / folder).mkdir()
        (copy / folder / "__init__.py").touch()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(root / name, copy)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(copy / "dist"),
        str(copy),
    ]
    subprocess.run(command, check=True, cwd=copy)
    return zipfile.ZipFile(next((copy / "dist").glob("xinren-*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_holds_every_file_of_pipeline_and_nothing_else(root: Path, wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    kept = {p for p in (root / "pipeline").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert held == {p.relative_to(root).as_posix() for p in kept}


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(name).decode().split() == ["[console_scripts]", "xinren", "=", "pipeline.cli:main"]


def test_the_wheel_says_its_pythons_and_its_bounds(metadata: Message) -> None:
    assert metadata["Requires-Python"] == ">=3.11"
    wanted = {r.name: str(r.specifier) for r in map(Requirement, metadata.get_all("Requires-Dist", [])) if not r.marker}
    assert wanted["prefect"] == "==3.8.8"
    assert wanted["fastapi"] == "<0.151,>=0.139"
    assert wanted["sqlalchemy"] == "<2.1,>=2.0"


def locked(root: Path) -> dict[str, Version]:
    lines = (root / "requirements.lock").read_text("utf-8").splitlines()
    return {r.name: Version(str(r.specifier)[2:]) for r in map(Requirement, lines)}


def test_the_lock_holds_what_pyproject_asks_for(root: Path, metadata: Message) -> None:
    versions = locked(root)
    for wanted in map(Requirement, metadata.get_all("Requires-Dist", [])):
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        assert name in versions, f"{name} is not locked; make lock"
        assert wanted.specifier.contains(versions[name]), f"{wanted}: {versions[name]} is locked; make lock"


def test_the_lock_names_no_place_to_download_from(root: Path) -> None:
    text = (root / "requirements.lock").read_text("utf-8")
    assert not re.findall(r"^-|://| @ |--hash", text, re.MULTILINE)
