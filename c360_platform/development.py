"""The Dagster UI on a laptop: `dagster dev` as a child, the sandbox beside it.

Belongs here: starting and stopping the two together. Does not belong here: what they serve.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

from c360_platform.instance import home_instance
from c360_platform.settings import PROJECT_ROOT, Settings, SettingsError

HOST = "127.0.0.1"


def serve_ui(settings: Settings, *, port: int, say: Callable[[str], None]) -> None:
    """Serve the UI on 127.0.0.1:`port` until interrupted; in `local`, the sandbox runs for as long.

    Blocks. The child gets exactly these settings through its environment, and DAGSTER_HOME is the home's own
    instance, so that the runs of `c360 demo` are there to look at. Raises `SettingsError` when the port is in
    use.
    """
    _require_free(port)
    with ExitStack() as stack:
        if settings.uses_sandbox:
            from c360_platform.sandbox.server import running_sandbox

            settings = settings.pointed_at(stack.enter_context(running_sandbox(settings.sandbox_path)).url)
            say(f"the sandbox (Klaviyo and Zendesk) answers on {settings.klaviyo_base_url}")
        with home_instance(settings):
            say(f"the Dagster UI will answer on http://{HOST}:{port} in a few seconds; Ctrl-C stops both")
        # Whoever terminates us means the children as well.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        child = subprocess.Popen(  # noqa: S603  (our own interpreter and arguments)
            [sys.executable, "-W", "ignore", "-m", "dagster", "dev",
             "-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", HOST, "-p", str(port)],
            env=os.environ | settings.variables() | {"DAGSTER_HOME": str(settings.dagster_home)},
            cwd=PROJECT_ROOT,
            preexec_fn=_listen_to_interrupts,  # noqa: PLW1509  (it only resets a signal)
        )  # fmt: skip
        try:
            child.wait()
        except KeyboardInterrupt:
            pass
        finally:
            _stop(child)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SettingsError(
                f"port {port} is in use: stop what listens there or give another --port"
            ) from None


def _listen_to_interrupts() -> None:
    """A shell that starts us in the background makes children deaf to SIGINT, but dagster needs it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """`dagster dev` stops its own children on SIGINT, not on SIGTERM."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
