"""The patched BigQuery emulator as a process of its own, and the environment that leads clients to it.

Belongs here: start, readiness, credentials, end. Does not belong here: what is patched (`launcher`, which the
emulator's own Python runs) and what must be true over the wire (`tests/warehouse/wire`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
VENV = ROOT / ".venv-emulator"
PROJECT = "local-dev"
LOCATION = "EU"
_READY_SECONDS = 60
_LOG_LINES = 20


class EmulatorError(RuntimeError):
    """The emulator did not start; the message holds the end of its log."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator. `directory` holds its log, its credentials file and the list of jobs."""

    url: str
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which unchanged production code talks to the emulator and to nobody else."""
        return {
            "BIGQUERY_EMULATOR_HOST": self.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.directory / "adc.json"),
            "C360_BIGQUERY_PROJECT": PROJECT,
            "C360_BIGQUERY_LOCATION": LOCATION,
            # Google's libraries ask about regions in the background: the request ends on this machine.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_GCE_CHECK": "true",
        }

    @property
    def jobs_path(self) -> Path:
        return self.directory / "jobs.jsonl"

    def jobs(self) -> list[dict[str, Any]]:
        """Every job that was asked for so far: see `launcher.journal`."""
        if not self.jobs_path.exists():
            return []
        return [json.loads(line) for line in self.jobs_path.read_text(encoding="utf-8").splitlines()]

    @cached_property
    def client(self) -> Any:
        """Google's own client, for looking at what came of things."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            location=LOCATION,
            client_options={"api_endpoint": self.url},
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; fails at once instead of retrying."""
        return [tuple(row.values()) for row in self.client.query(sql, retry=None, job_retry=None).result()]

    def drop(self, *datasets: str) -> None:
        """Remove datasets with all that is in them."""
        for dataset in datasets:
            self.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)


@contextmanager
def running_emulator(directory: Path) -> Iterator[Emulator]:
    """An empty emulator on free ports of 127.0.0.1; ended with all its children."""
    directory.mkdir(parents=True, exist_ok=True)
    rest, grpc = _free_ports(2)
    emulator = Emulator(f"http://127.0.0.1:{rest}", directory)
    log = directory / "emulator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(VENV / "bin" / "python"), "-m", "launcher", "start",
                "--rest-host", "127.0.0.1", "--rest-port", str(rest),
                "--grpc-host", "127.0.0.1", "--grpc-port", str(grpc),
                "--project", PROJECT, "--log-level", "error", "--log-format", "console",
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(VENV / "home"),  # where DuckDB looks for its extensions
                "PYTHONPATH": str(Path(__file__).parent),
                "EMULATOR_JOBS": str(emulator.jobs_path),
                "TMPDIR": str(directory),
            },
            cwd=directory, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_until_ready(emulator.url, process, log)
            _write_credentials(directory / "adc.json", f"{emulator.url}/token")
            yield emulator
        finally:
            _end(process)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    state = "is not ready" if process.poll() is None else f"ended with code {process.returncode}"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
    raise EmulatorError(f"the BigQuery emulator {state}; the end of its log:\n{tail}")


def _write_credentials(path: Path, token_uri: str) -> None:
    """A service account's key file, of the kind that production has, with a key made up on the spot."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": f"c360@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(account))


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole session that was started, and nothing else."""
    for signal_, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal_)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
