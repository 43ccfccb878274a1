"""Prefect kept to this machine: no analytics, and a home in xinren's state folder instead of the user's ~/.prefect."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ANALYTICS_OFF = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
# Prefect gives its temporary server 20 s to answer, which two busy cores and cold imports were seen to exceed.
STARTUP_SECONDS = "120"
LOOPBACK = "127.0.0.1,localhost"


def state_folder() -> Path:
    """Where xinren keeps what belongs to the user and to no lake: $XDG_STATE_HOME/xinren or ~/.local/state/xinren."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "xinren"


def prepare() -> None:
    """Environment defaults that Prefect reads when it is first imported; whatever the user has set stays.

    In a process that already runs Prefect (a worker, `prefect deploy`), or where a server, profile or home is named,
    only the analytics are switched off.
    """
    for name, value in ANALYTICS_OFF.items():
        os.environ.setdefault(name, value)
    if "prefect" in sys.modules or {"PREFECT_HOME", "PREFECT_API_URL", "PREFECT_PROFILE"} & os.environ.keys():
        return
    home = state_folder() / "prefect"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(home)
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", STARTUP_SECONDS)
    _reach_loopback_directly()


def _reach_loopback_directly() -> None:
    """Keep requests to the temporary server away from a proxy, which would look for 127.0.0.1 on its own machine."""
    spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = f"{spared},{LOOPBACK}" if spared else LOOPBACK
