"""The same shop in two homes, one on DuckDB and one on the emulator, each with a Klaviyo of its own.

Belongs here: running both side by side, reading rows of either in one form. Does not belong here: what must
be equal; the tests say that.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from c360_platform.resources import WarehouseAccess
from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.settings import Settings
from c360_platform.warehouse import Warehouse

RELATIVE_TOLERANCE = 1e-9
_TIMEOUT_SECONDS = 900
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Home:
    """A home, its Klaviyo, and the variables that a child process needs to work in it."""

    settings: Settings
    sandbox: Sandbox
    environment: Mapping[str, str]

    @property
    def warehouse(self) -> Warehouse:
        return WarehouseAccess(self.settings).open()

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A child process of this Python in the home."""
        return subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **self.environment, **self.settings.variables()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def tables(self, schema: str) -> list[str]:
        return sorted(self.warehouse.tables(self.warehouse.own_schema(schema)))

    def rows(self, schema: str, table: str, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
        """All rows of a table in one form for both engines, in no order."""
        warehouse = self.warehouse
        relation = warehouse.relation(warehouse.own_schema(schema), table)
        found = warehouse.table(f"select {', '.join(columns) or '*'} from {relation}")
        return plain(found.to_pylist())

    def klaviyo(self) -> dict[str, set[Any]]:
        """What Klaviyo holds, without ids and times of its own: profiles, lists with members, events."""
        store = self.sandbox.store
        return {
            "profiles": {
                tuple(row)
                for row in store.rows(
                    "select email, phone_number, external_id, first_name, last_name, location, properties, "
                    "email_consent, email_suppressions from kl_profile"
                )
            },
            "members": {
                tuple(row)
                for row in store.rows(
                    "select l.name, p.email from kl_list_member as m join kl_list as l on l.id = m.list_id "
                    "join kl_profile as p on p.id = m.profile_id"
                )
            },
            "events": {
                tuple(row)
                for row in store.rows(
                    "select e.unique_id, p.email, m.name, e.occurred_at, e.value, e.properties "
                    "from kl_event as e join kl_profile as p on p.id = e.profile_id "
                    "join kl_metric as m on m.id = e.metric_id"
                )
            },
        }

    def writes(self) -> dict[str, int]:
        """Requests to Klaviyo that were not reads, since the last time this was asked."""
        calls = self.sandbox.calls()
        self.sandbox.traffic.forget_calls()
        return {call: n for call, n in calls.items() if not call.startswith("GET ")}


@contextmanager
def open_homes(
    local: Settings, staging: Settings, environment: Mapping[str, str]
) -> Iterator[tuple[Home, Home]]:
    """Both homes with a running sandbox each; the staging one's children find BigQuery by `environment`."""
    with ExitStack() as stack:
        homes = []
        for settings, variables in ((local, {}), (staging, environment)):
            sandbox = stack.enter_context(running_sandbox(settings.sandbox_path, limits=False))
            homes.append(Home(settings.pointed_at(sandbox.url), sandbox, variables))
        yield homes[0], homes[1]


def run_both(homes: Sequence[Home], job: str) -> list[dict[str, Any]]:
    """The outcome of a job in each home, run side by side; every one has to succeed."""
    paths = [home.settings.home / "outcome.json" for home in homes]
    started = [
        home.start("-m", "tests.warehouse.wire.loop_process", job, str(path))
        for home, path in zip(homes, paths, strict=True)
    ]
    try:
        return [_outcome(*one) for one in zip(homes, started, paths, strict=True)]
    finally:
        for process in started:
            if process.poll() is None:  # the other one failed
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _outcome(home: Home, process: subprocess.Popen[str], path: Path) -> dict[str, Any]:
    output, _ = process.communicate(timeout=_TIMEOUT_SECONDS)
    assert process.returncode == 0, output
    outcome: dict[str, Any] = json.loads(path.read_text())
    assert outcome["success"], (home.settings.environment, outcome["failures"])
    return outcome


def plain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in one form for both engines."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def differences(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]]) -> list[str]:
    """What differs between two sets of rows, a few examples: nothing when they are equal.

    Money and counts exactly, floats to `RELATIVE_TOLERANCE`.
    """
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows and {len(theirs)} rows"]
    found = []
    for one, other in zip(sorted(ours, key=_order), sorted(theirs, key=_order), strict=True):
        found += [
            f"{name}: {one[name]!r} and {other.get(name)!r} in the row of {_label(one)}"
            for name in one
            if not _equal(one[name], other.get(name))
        ]
        if set(one) != set(other):
            found.append(f"columns {sorted(set(one) ^ set(other))}")
        if len(found) > 5:
            break
    return found


def _plain(value: Any) -> Any:
    """One Python value per value: times in UTC, whole and decimal numbers alike, structs as JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value).normalize() + 0
    if isinstance(value, list):
        return tuple(_plain(one) for one in value)
    return json.dumps(value, default=str, sort_keys=True) if isinstance(value, dict) else value


def _order(row: dict[str, Any]) -> tuple[str, ...]:
    """By everything but floats, whose last digits may differ."""
    return tuple(str(row[name]) for name in sorted(row) if not isinstance(row[name], float))


def _label(row: dict[str, Any]) -> str:
    return str(next(iter(row.values())))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float | Decimal):
        return math.isclose(one, float(other), rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12)
    return bool(one == other)
