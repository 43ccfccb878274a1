"""What every test may use, and the promise that with XINREN_NO_SKIP=1 (the continuous check) no test is skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # a machine that does other work besides is no bug
settings.load_profile("busy")

ROOT = Path(__file__).parent.parent
# A process in which Prefect has run cannot fork: its children end with exit code 1 when its threads are shut down.
AFTER_FORKS = ("test_flows", "test_flow_parts", "test_prefect_yaml", "test_scheduled_run")
NO_SKIP = bool(os.environ.get("XINREN_NO_SKIP"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository: prefect.yaml, models/, corpora/."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data kept beside the repository and never inside it; where it is absent the test is skipped."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of real data is not beside the repository")
    return folder


@pytest.fixture(autouse=True, scope="session")
def private_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State, cache and Prefect's home in a folder of the session: no test touches the user's own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        for name in os.environ.keys() - {"XINREN_NO_SKIP"}:
            if name.startswith(("PREFECT_", "XINREN_")):
                patch.delenv(name)
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        yield home


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small feed of tests/feed.py."""
    from tests.feed import write_feed

    return write_feed(tmp_path_factory.mktemp("feed") / "exports")


@pytest.fixture(scope="session")
def feed_lake(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of one run over the feed; tests that change a lake copy it first."""
    from pipeline.run import writing
    from pipeline.stages import do
    from tests.feed import need_models, opened_once, settings_for

    need_models()
    lake = tmp_path_factory.mktemp("lake") / "lake"
    with opened_once(), writing(settings_for(lake, feed)) as run:
        do(run)
    return lake


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem in AFTER_FORKS)


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: may not be skipped here ({why})"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"{len(terminalreporter.stats.get('skipped', []))} skipped")
