"""The account that the judges read: a small world, and the rows that readers get wrong.

Belongs here: filling the sandbox. Does not belong here: what should be read of it (`truth`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from c360_platform.sandbox.server import Sandbox, running_sandbox
from c360_platform.sandbox.world import make_world
from c360_platform.sandbox.zendesk.changes import Changes

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
        _change(sandbox)
        yield sandbox


def _change(sandbox: Sandbox) -> None:
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
