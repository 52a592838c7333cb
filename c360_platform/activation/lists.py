"""Lists as mirrors: which list, who was on it before us, and taking off whom we put on.

Belongs here: finding or making the list, adopting its earlier members, removals. Does not belong here: adding
members (`imports`, with the list as target), and anything about consent, which no mirror touches.
"""

from __future__ import annotations

from collections.abc import Sequence

from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import KlaviyoRefused, SyncFailed, SyncRefused
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.membership import Membership


def find_or_create_list(run: Run) -> tuple[str, bool]:
    """The id of the sync's list and whether it is new. Raises `SyncFailed` when two bear its name."""
    name = run.spec.list_name
    found = run.klaviyo.lists_named(name)
    if len(found) > 1:
        raise SyncFailed(
            f"sync {run.spec.name}: {len(found)} lists in Klaviyo are named {name!r}: rename all but one"
        )
    if found:
        return found[0], False
    run.say(f"making the list {name!r}")
    return run.klaviyo.create_list(name), True


def adopt_members(run: Run, list_id: str) -> None:
    """Planned members that are on the list already are never removed: somebody else put them there.

    When membership is all that the sync writes, there is nothing to send for them.
    """
    import pyarrow as pa

    membership = Membership(run.ledger)
    keys = membership.planned_additions()
    if not keys or not run.klaviyo.has_members(list_id):
        return
    present = run.klaviyo.members_among(list_id, keys)
    if present:
        membership_only = not run.spec.fields and not run.spec.properties
        table = pa.table({"key": sorted(present)})
        adopted = membership.adopt(
            table, list_id, to_state=membership_only, run_id=run.run_id, at=run.moment()
        )
        if membership_only:
            run.planned += adopted
            run.confirmed["add"] += adopted
        run.say(f"{adopted:,} rows were on the list already")


class Removals:
    """The lane `remove`: members that we added and that are no longer rows of the model."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def deliver(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            keys = self.run.ledger.rows(batch, ("key",))["key"].to_pylist()
            ids = self.run.klaviyo.profile_ids(keys)
            if ids:
                try:
                    self.run.klaviyo.remove_from_list(batch.target, list(ids.values()))
                except KlaviyoRefused as refusal:
                    raise SyncRefused(
                        f"sync {self.run.spec.name}: {refusal}. Nobody of this batch was removed"
                    ) from None
            # An address that Klaviyo does not know is on no list.
            self.run.confirm([self.run.accepted(batch, "", len(keys))])
