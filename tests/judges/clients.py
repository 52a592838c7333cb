"""Starting each judge's client in its own environment, and its records as `(stream, record)`.

Belongs here: command lines, configurations, message formats. Does not belong here: what a judge should read
(`judges`). A client that keeps a state goes on from it when it reads in the same folder again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Records = Iterator[tuple[str, dict[str, Any]]]

EMAIL: Final = "judge@shop.example"
TOKEN: Final = "demo_judge"
KEY: Final = "pk_demo_judge"
START: Final = "2023-01-01T00:00:00Z"

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parents[1]
_TIMEOUT_SECONDS: Final = 120
_DEADLINE: Final = time.monotonic() + 540  # of the whole run, which began when this module was loaded
_STATE: Final = "state.json"
_OUTPUT: Final = "output"


class ClientError(Exception):
    """A client could not be started, or ended with an error; the message has the end of what it said."""


class Client:
    """One client, installed in `.venv-judges-{environment}`, on the way to the sandbox at `url`."""

    def __init__(self, environment: str, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._bin = _ROOT / f".venv-judges-{environment}" / "bin"
        if not (self._bin.parent / ".ready").exists():
            raise ClientError(f"{self._bin.parent.name} is not installed: run `make judges` and see why")

    def state(self) -> tuple[str, ...]:
        """The argument that gives the client the state it was left in; none the first time."""
        path = self._folder / _STATE
        return ("--state", str(path)) if path.exists() else ()

    def write(self, name: str, content: Any) -> str:
        """The path of a JSON file for the client."""
        path = self._folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def run(self, command: str, *arguments: str) -> Iterator[Any]:
        """The JSON documents that the command prints, one a line."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PYTHONPATH": str(_HERE / "loopback"),
            "C360_JUDGED_SANDBOX": self.url,
            "TZ": "UTC",
        }
        yield from _printed([str(self._bin / command), *arguments], self._folder, environment)

    def document(self, command: str, *arguments: str) -> Any:
        """The single JSON document that the command prints over several lines."""
        list(self.run(command, *arguments))
        return json.loads((self._folder / _OUTPUT).read_text(encoding="utf-8"))


def read_klaviyo_api(url: str, folder: Path) -> Records:
    """Klaviyo's SDK, which the platform's own environment has."""
    reader = str(_HERE / "readers" / "klaviyo_reader.py")
    yield from _printed([sys.executable, reader, url, KEY], folder, {"PATH": os.environ["PATH"]})


def read_zenpy(url: str, folder: Path) -> Records:
    """zenpy, by a script of ours that only calls it."""
    client = Client("zenpy", url, folder)
    yield from client.run("python", str(_HERE / "readers" / "zenpy_reader.py"), EMAIL, TOKEN)


def read_tap_zendesk(url: str, folder: Path) -> Records:
    """Singer's tap for Zendesk: discovery, then every stream it finds."""
    client = Client("tap-zendesk", url, folder)
    yield from _tapped(
        client, "tap-zendesk", {"subdomain": "judged", "access_token": TOKEN, "start_date": START}
    )


def read_tap_klaviyo(url: str, folder: Path) -> Records:
    """Singer's tap for Klaviyo: discovery, then the streams whose endpoints the sandbox has."""
    client = Client("tap-klaviyo", url, folder)
    config = {"api_key": KEY, "start_date": START}
    yield from _tapped(client, "tap-klaviyo", config, without={"campaigns"})


def read_airbyte_zendesk(url: str, folder: Path) -> Records:
    """Airbyte's source for Zendesk Support."""
    credentials = {"credentials": "api_token", "email": EMAIL, "api_token": TOKEN}
    config = {"subdomain": "judged", "start_date": START, "credentials": credentials}
    chosen = {
        *("tickets", "users", "organizations", "satisfaction_ratings", "ticket_metrics", "ticket_comments"),
        *("ticket_metric_events", "ticket_fields", "groups", "brands", "user_fields", "tags"),
    }
    yield from _connected(Client("airbyte", url, folder), "source-zendesk-support", config, chosen)


def read_airbyte_klaviyo(url: str, folder: Path) -> Records:
    """Airbyte's source for Klaviyo."""
    chosen = {"profiles", "global_exclusions", "events", "metrics", "lists", "lists_detailed"}
    config = {"api_key": KEY, "start_date": START}
    yield from _connected(Client("airbyte", url, folder), "source-klaviyo", config, chosen)


def _tapped(client: Client, tap: str, config: dict[str, Any], without: set[str] | None = None) -> Records:
    path = client.write("config.json", config)
    catalog = client.document(tap, "--config", path, "--discover")
    for stream in catalog["streams"]:
        selected = stream["stream"] not in (without or set())
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = selected
    arguments = ("--config", path, "--catalog", client.write("catalog.json", catalog), *client.state())
    for message in client.run(tap, *arguments):
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "RECORD":
            yield message["stream"], message["record"]
        elif kind == "STATE":
            client.write(_STATE, message["value"])


def _connected(client: Client, source: str, config: dict[str, Any], chosen: set[str]) -> Records:
    path = client.write("config.json", config)
    found = [
        stream
        for message in client.run(source, "discover", "--config", path)
        if message.get("type") == "CATALOG"
        for stream in message["catalog"]["streams"]
        if stream["name"] in chosen
    ]
    catalog = client.write("catalog.json", {"streams": [_configured(stream) for stream in found]})
    states: dict[str, Any] = {}
    arguments = ("--config", path, "--catalog", catalog, *client.state())
    for message in client.run(source, "read", *arguments):
        if message.get("type") == "RECORD":
            yield message["record"]["stream"], message["record"]["data"]
        elif message.get("type") == "STATE":
            states[message["state"]["stream"]["stream_descriptor"]["name"]] = message["state"]
    client.write(_STATE, list(states.values()))


def _configured(stream: dict[str, Any]) -> dict[str, Any]:
    """The stream as a connection reads it: from its state on where it keeps one."""
    incremental = "incremental" in stream.get("supported_sync_modes", ())
    return {
        "stream": stream,
        "sync_mode": "incremental" if incremental else "full_refresh",
        "cursor_field": stream.get("default_cursor_field", []),
        "destination_sync_mode": "append_dedup" if incremental else "overwrite",
        "primary_key": stream.get("source_defined_primary_key", []),
    }


def _printed(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[Any]:
    """The JSON documents that the command prints, one a line; what it prints is kept in the folder."""
    name, output, errors = Path(command[0]).name, folder / _OUTPUT, folder / "errors"
    with output.open("wb") as out, errors.open("wb") as err:
        try:
            ended = subprocess.run(
                command,
                env=environment,
                cwd=folder,
                stdout=out,
                stderr=err,
                timeout=_seconds_left(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ClientError(f"{name} took too long and was stopped") from None
    if ended.returncode != 0:
        raise ClientError(f"{name} ended with {ended.returncode}: {_end(errors)} {_end(output)}")
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                continue  # a client's own words between its messages


def _seconds_left() -> float:
    """What a client may take, so that all of them end in time."""
    return max(1.0, min(_TIMEOUT_SECONDS, _DEADLINE - time.monotonic()))


def _end(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-800:]
