"""Lists as mirrors: which list, who was on it before us, and taking off whom we put on.

Belongs here: finding or making the list, adopting its earlier members, removals. Does not belong here: adding
members (`imports`, with the list as target), and anything about consent, which no mirror touches.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from c360_platform.activation.arrow_columns import texts
from c360_platform.activation.delivery import Run
from c360_platform.activation.errors import KlaviyoRefused, SyncFailed, SyncHeld, SyncRefused
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.membership import Membership

if TYPE_CHECKING:
    from c360_platform.activation.spec import SyncSpec
    from c360_platform.activation.transport.client import Klaviyo

_MEMBERS_A_REQUEST = 100  # read by pages, or asked for by their addresses


def find_list(spec: SyncSpec, klaviyo: Klaviyo) -> str | None:
    """The id of the sync's list, None when nothing bears its name. Raises `SyncFailed` when two do."""
    found = klaviyo.lists_named(spec.list_name)
    if len(found) > 1:
        raise SyncFailed(
            f"sync {spec.name}: {len(found)} lists in Klaviyo are named {spec.list_name!r}: "
            "rename all but one"
        )
    return found[0] if found else None


def find_or_create_list(run: Run) -> tuple[str, bool]:
    """The id of the sync's list and whether it is new.

    Raises `SyncHeld` when the list seems to have been renamed: flows hang on a list and not on its name, so
    a second one is not made behind their back.
    """
    name = run.spec.list_name
    found = find_list(run.spec, run.klaviyo)
    if found is not None:
        return found, False
    if any(_exists(run.klaviyo, list_id) for list_id in Membership(run.ledger).lists()):
        raise SyncHeld(
            f"sync {run.spec.name}: no list in Klaviyo is named {name!r}, but the list that it has filled so "
            "far is there under another name: nothing was sent. Rename it back, or write its name into "
            f"meta.klaviyo; to fill another one from now on, make a list {name!r} in Klaviyo"
        )
    run.say(f"making the list {name!r}")
    return run.klaviyo.create_list(name), True


def adopt_members(run: Run, list_id: str) -> None:
    """Planned members that are on the list already are never removed: somebody else put them there.

    When membership is all that the sync writes, there is nothing to send for them.
    """
    import pyarrow as pa

    membership = Membership(run.ledger)
    keys = membership.planned_additions()
    present = _present(run.klaviyo, list_id, keys) if keys else ()
    if present:
        membership_only = not run.spec.fields and not run.spec.properties
        table = pa.table({"key": texts(sorted(present))})
        adopted = membership.adopt(
            table, list_id, to_state=membership_only, run_id=run.run_id, at=run.moment()
        )
        if membership_only:
            run.planned += adopted
            run.confirmed["add"] += adopted
        run.say(f"{adopted:,} rows were on the list already")


class Removals:
    """The lane `remove`: members that we added and that are no longer rows of the model.

    Klaviyo removes by its own ids. Our ingest has most of them without a call, but it may be older than a
    merge or an erasure, and Klaviyo says nothing about an id that is not on the list. So a removal by the
    ingest's ids counts only when none of the addresses is on the list any more.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def deliver(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        ingested = Membership(self.run.ledger).ingested_ids(self.run.spec.ingest_schema, batches)
        for batch in batches:
            keys = self.run.ledger.rows(batch, ("key",))["key"].to_pylist()
            try:
                self._remove(batch.target, keys, {key: ingested[key] for key in keys if key in ingested})
            except KlaviyoRefused as refusal:
                raise SyncRefused(
                    f"sync {self.run.spec.name}: {refusal}. Nobody of this batch counts as removed"
                ) from None
            self.run.confirm([self.run.accepted(batch, "", len(keys))])

    def _remove(self, list_id: str, keys: Sequence[str], ingested: Mapping[str, str]) -> None:
        klaviyo = self.run.klaviyo
        unknown = [key for key in keys if key not in ingested]
        found = klaviyo.profile_ids(unknown) if unknown else {}
        try:
            self._take_off(list_id, {**ingested, **found}.values())
        except KlaviyoRefused:
            # One of the profiles is gone, by a merge for instance. If it is the list, this is refused too.
            self._take_off(list_id, klaviyo.profile_ids(keys).values())
            return
        left = klaviyo.members_among(list_id, list(ingested)) if ingested else ()
        if left:
            now = klaviyo.profile_ids(sorted(left))
            self._take_off(list_id, [now[key] for key in now if now[key] != ingested[key]])

    def _take_off(self, list_id: str, profile_ids: Collection[str]) -> None:
        """An address that Klaviyo does not know has no id, and is on no list."""
        if profile_ids:
            self.run.klaviyo.remove_from_list(list_id, list(dict.fromkeys(profile_ids)))


def _present(klaviyo: Klaviyo, list_id: str, keys: Sequence[str]) -> set[str]:
    """Those of the addresses that are on the list.

    A list that is small beside them is read as a whole; members of a large one are asked for by address.
    """
    wanted, present = set(keys), set()
    most = max(len(keys) // 2, _MEMBERS_A_REQUEST)
    for number, (_, email) in enumerate(klaviyo.list_members(list_id), start=1):
        if number > most:
            return klaviyo.members_among(list_id, keys)
        if email in wanted:
            present.add(email)
    return present


def _exists(klaviyo: Klaviyo, list_id: str) -> bool:
    try:
        klaviyo.has_members(list_id)
    except KlaviyoRefused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True
