"""The Dagster UI on a laptop: `dagster dev` as a child, the sandbox beside it.

Belongs here: starting and stopping the two together. Does not belong here: what they serve.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from c360_platform.loop import home_instance
from c360_platform.settings import PROJECT_ROOT, Settings


def serve_ui(settings: Settings, *, port: int) -> None:
    """Serve the UI on 127.0.0.1:`port` until interrupted; in `local`, the sandbox runs for as long.

    Blocks. The child gets exactly these settings through its environment, and DAGSTER_HOME is the home's own
    instance, so that the runs of `c360 demo` are there to look at.
    """
    from contextlib import ExitStack

    with ExitStack() as stack:
        if settings.environment == "local":
            from c360_platform.sandbox.server import running_sandbox

            settings = settings.pointed_at(stack.enter_context(running_sandbox(settings.sandbox_path)).url)
        with home_instance(settings):
            pass
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and arguments)
            [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"),
             "-h", "127.0.0.1", "-p", str(port)],
            env=os.environ | settings.variables() | {"DAGSTER_HOME": str(settings.dagster_home)},
            cwd=PROJECT_ROOT,
        )  # fmt: skip
        try:
            child.wait()
        except KeyboardInterrupt:
            pass
        finally:
            _stop(child)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """`dagster dev` stops its own children on SIGINT, not on SIGTERM."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
