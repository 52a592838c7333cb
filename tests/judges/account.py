"""The account that the judges read: a small world, and the rows that readers get wrong.

Belongs here: filling the sandbox. Does not belong here: what should be read of it (`truth`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import requests

from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.sandbox.world import make_world
from c360_platform.sandbox.zendesk.changes import Changes
from tests.judges.clients import KEY

_CUSTOMERS: Final = 1500
_SEED: Final = 7
_FIRST_TIE: Final = 900_001
_TIES: Final = 120  # more than a list page; the export by time cannot pass a thousand
_HOUR: Final = 3600


@contextmanager
def judged_sandbox(folder: Path) -> Iterator[Sandbox]:
    """A running sandbox, without limits, whose world ends this midnight and goes on for some changes."""
    path = folder / "sandbox.sqlite"
    today = datetime.now(UTC).date()
    make_world(folder / "warehouse.duckdb", path, customers=_CUSTOMERS, seed=_SEED, as_of=today)
    with running_sandbox(path, limits=False) as sandbox:
        change_at_first(sandbox)
        yield sandbox


def change_at_first(sandbox: Sandbox) -> None:
    """Ties, a system update, a merge, deletions and a new field, all an hour before now."""
    sandbox.clock.advance(-_HOUR)
    changes = Changes(sandbox.store, sandbox.clock)
    requester = sandbox.store.value("select max(id) from zd_user")
    texts = {"subject": "Tie", "raw_subject": "Tie", "description": "Tie", "status": "open"}
    people = {"requester_id": requester, "submitter_id": requester}
    changes.put_many("tickets", [{"id": _FIRST_TIE + number, **texts, **people} for number in range(_TIES)])
    changes.put("ticket_fields", 27643, {"type": "text", "title": "Channel"})
    changes.system_update(1, {"group_id": 380000000001})
    changes.merge(_FIRST_TIE, _FIRST_TIE + 1)
    changes.scrub("tickets", _FIRST_TIE + 2)
    changes.delete("tickets", _FIRST_TIE + 3)
    changes.delete("users", requester - 1)
    sandbox.clock.reset()


def change_again(sandbox: Sandbox) -> None:
    """What a reader that goes on from its state must find: half an hour ago, older than its last minute."""
    sandbox.clock.advance(-_HOUR / 2)
    changes = Changes(sandbox.store, sandbox.clock)
    changes.patch("tickets", _FIRST_TIE + 10, {"status": "solved", "comment": {"body": "Done"}})
    changes.system_update(_FIRST_TIE + 11, {"status": "closed"})
    changes.delete("tickets", _FIRST_TIE + 12)
    changes.merge(_FIRST_TIE + 13, _FIRST_TIE + 14)
    changes.put("tickets", _FIRST_TIE + _TIES, {"subject": "New", "status": "new"})
    changes.patch("users", sandbox.store.value("select min(id) from zd_user"), {"name": "Renamed"})
    changes.delete("organizations", sandbox.store.value("select min(id) from zd_organization"))
    _rename_profile(sandbox)
    sandbox.clock.reset()


def _rename_profile(sandbox: Sandbox) -> None:
    profile = sandbox.store.value("select min(id) from kl_profile")
    body = {"data": {"type": "profile", "id": profile, "attributes": {"first_name": "Renamed"}}}
    headers = {"Authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-10-15"}
    answer = requests.patch(f"{sandbox.url}/api/profiles/{profile}", json=body, headers=headers, timeout=10)
    answer.raise_for_status()
