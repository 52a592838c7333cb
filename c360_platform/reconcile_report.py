"""What `c360 reconcile` does and prints: who is missing, orphaned or foreign in Klaviyo, sync by sync.

Belongs here: which syncs are compared or repaired, and the layout on a terminal. Does not belong here: the
comparison itself (`activation.reconcile`). Nobody's address is printed unmasked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from rich.markup import escape
from rich.table import Table

from c360_platform.activation.reconcile import KINDS, Reconciliation, reconcile, repair

if TYPE_CHECKING:
    from rich.console import Console

    from c360_platform.activation.spec import SyncSpec
    from c360_platform.activation.transport.client import Klaviyo
    from c360_platform.warehouse import Warehouse

_ADVICE = {
    "missing": "taken off in Klaviyo; `--repair` lets the next run send them anew",
    "deleted": "no profile in Klaviyo any more; `--repair --revive` makes them anew, if that is right",
    "orphaned": "due to be taken off; the next run does it unless its fuse holds it",
    "foreign": "put there by others; no sync takes them off",
}


def by_default(specs: Sequence[SyncSpec]) -> list[SyncSpec]:
    """What is compared when no sync is named: lists, which need a request for a hundred members. Profiles
    need as many requests for a hundred rows, and there are more of them.
    """
    return [spec for spec in specs if spec.object == "list"]


def reconcile_all(
    specs: Sequence[SyncSpec], warehouse: Warehouse, klaviyo: Klaviyo, *, mend: bool, revive: bool
) -> list[Reconciliation]:
    """Compare each, and with `mend` make what is missing due again."""
    now = datetime.now(UTC)
    if not mend:
        return [reconcile(spec, warehouse, klaviyo, now=now) for spec in specs]
    run_id = f"reconcile-{uuid4()}"
    return [repair(spec, warehouse, klaviyo, run_id=run_id, now=now, revive=revive) for spec in specs]


def print_json(found: Sequence[Reconciliation]) -> None:
    """One document on stdout and nothing else."""
    import orjson

    syncs = [
        {"sync": one.sync, "list": one.list_name or None, "holds": one.holds, **one.counters()}
        | {"examples": {kind: list(addresses) for kind, addresses in one.examples.items()}}
        for one in found
    ]
    sys.stdout.write(orjson.dumps({"syncs": syncs}, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_reconciliations(console: Console, found: Sequence[Reconciliation], *, mended: bool) -> None:
    shown = Table(title="The ledger, compared with Klaviyo", title_justify="left")
    shown.add_column("sync")
    for kind in KINDS:
        shown.add_column(kind.replace("_", " "), justify="right")
    for one in found:
        shown.add_row(one.sync, *(f"{one.counters()[kind]:,}" for kind in KINDS))
    console.print(shown)
    for one in found:
        for kind, addresses in one.examples.items():
            count = one.counters()[kind]
            people = ", ".join(addresses) + (", …" if count > len(addresses) else "")
            console.print(
                f"[bold]{escape(one.sync)}[/]: {count:,} {kind} ({escape(people)}): {_ADVICE[kind]}"
            )
        if mended:
            console.print(f"[bold]{escape(one.sync)}[/]: {one.repaired:,} rows are due again in the next run")
    if all(one.holds for one in found):
        console.print("[green]in step[/]")
