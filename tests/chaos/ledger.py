"""What the ledger promises, compared with Klaviyo and with the models: read with SQL of our own.

Belongs here: that the state claims nothing that Klaviyo has not, that every row is in one place, that nothing
personal is written where people read. Does not belong here: what Klaviyo should hold (`expected`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from c360_platform.activation.ledger_tables import TABLES
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.chaos.account import Snapshot
from tests.chaos.expected import Truth
from tests.chaos.shop import EVENTS, KEY, MARK, MEMBERS, PHONE_MARK, PROFILES, Models, Row, address, event_key

Hash = tuple[str, str, str]  # sync, key, hash of a payload


class LedgerBook:
    """The ledger of one world, read after each round."""

    def __init__(self, path: Path, truth: Truth) -> None:
        self._path = path
        self._truth = truth
        self._claims: list[tuple[Hash, Mapping[str, Any]]] = []
        self._meanings: dict[Hash, Mapping[str, Any]] = {}
        self.read()

    def read(self) -> None:
        """Read the tables as they are now; before the first run, or after an early kill, some are missing."""
        warehouse = DuckDBWarehouse(self._path)
        with warehouse.session():
            if not all(warehouse.exists(f"c360_sync.{table}") for table in TABLES):
                self.state, self.rejections, self.runs, self.batches = [], [], [], []
                return
            self.state = warehouse.table("select sync, key, digest, target from c360_sync.state").to_pylist()
            self.rejections = warehouse.table(
                "select sync, stage, key, code, reason from c360_sync.rejections where resolved_at is null"
            ).to_pylist()
            self.runs = warehouse.table("select sync, status, message from c360_sync.runs").to_pylist()
            self.batches = warehouse.table(
                "select sync, lane, status, settled_at, row_count, message from c360_sync.batches"
            ).to_pylist()

    # At any time --------------------------------------------------------------------------------------------

    def violations(self, found: Snapshot) -> Iterator[str]:
        truth = self._truth
        for row in self._claiming():
            key = row["key"]
            if row["sync"] == EVENTS.name and key not in found.events:
                yield f"the state claims {key}, which Klaviyo has not"
            # Of a list that was deleted nobody knows yet, even if a killed run has made the next one; nor of
            # a removal that a killed run may have made.
            on_list = row["target"] not in found.lists or self._is_removing() or key in found.members
            if row["sync"] == MEMBERS.name and key in truth.now_members and not on_list:
                yield f"the state claims that {key} is on the list"
            if row["sync"] == PROFILES.name:
                if key not in found.profiles:
                    yield f"the state claims the profile {key}"
                else:
                    self._claims.append(((PROFILES.name, key, row["digest"]), found.profiles[key]))
        for text in self._texts():
            yield from leaks(text, "the ledger")

    def _is_removing(self) -> bool:
        return any(row["lane"] == "remove" and row["settled_at"] is None for row in self.batches)

    def _claiming(self) -> list[Row]:
        """Rows of the state without a hash say only that something may have been written."""
        return [row for row in self.state if row["digest"]]

    def _texts(self) -> Iterator[str]:
        for row in self.rejections:
            yield f"{row['code']} {row['reason']}"
        for row in [*self.runs, *self.batches]:
            yield row["message"] or ""

    def learn(self) -> None:
        """A run of the profiles went through: now it is known which versions the hashes stand for."""
        kept_out = {row["key"] for row in self.rejections if row["sync"] == PROFILES.name}
        for row in self._claiming():
            version = self._truth.now_profiles.get(row["key"])
            if row["sync"] == PROFILES.name and version is not None and row["key"] not in kept_out:
                self._meanings[PROFILES.name, row["key"], row["digest"]] = version

    def false_claims(self) -> Iterator[str]:
        """Where the state of any round said more than was in Klaviyo then; a later version may have been."""
        names = tuple(PROFILES.properties.values())
        for claim, entry in self._claims:
            meaning = self._meanings.get(claim)
            versions = self._truth.profiles[claim[1]]
            if meaning is None or meaning not in versions:
                continue
            later = versions[versions.index(dict(meaning)) :]
            if {name: entry.get(name) for name in names} not in [
                {name: version[name] for name in names} for version in later
            ]:
                yield f"the state claimed {dict(meaning)} of {claim[1]}, Klaviyo had {dict(entry)}"

    # At the end ---------------------------------------------------------------------------------------------

    def refused(self) -> set[tuple[str, str]]:
        return {(row["sync"], row["key"]) for row in self.rejections if row["stage"] == "klaviyo"}

    def shortcomings(self, models: Models) -> Iterator[str]:
        """Every row of a model is confirmed or rejected, nothing is open, nothing else is on record."""
        truth = self._truth
        valid = {
            PROFILES.name: truth.now_profiles,
            MEMBERS.name: truth.now_members,
            EVENTS.name: truth.now_events,
        }
        for batch in self.batches:
            if batch["settled_at"] is None:
                yield f"a batch of {batch['sync']} is open: {batch['status']}"
        yield from (f"a run of {run['sync']} is open" for run in self.runs if run["status"] == "running")
        for sync, good in valid.items():
            keys = {
                event_key(row) if sync == EVENTS.name else address(row["email"]) for row in models.of(sync)
            }
            confirmed = {row["key"] for row in self._claiming() if row["sync"] == sync}
            rejected = [row for row in self.rejections if row["sync"] == sync]
            out = {row["key"] for row in rejected}
            if len(out) < len({(row["key"], row["reason"]) for row in rejected if row["stage"] == "plan"}):
                yield f"{sync}: a key is rejected twice"
            for key in sorted(good.keys() - confirmed - out):
                yield f"{sync}: {key} is neither confirmed nor rejected"
            settled = (
                confirmed if sync == EVENTS.name else set()
            )  # an event is sent once and never looked at again
            for key in sorted(keys - good.keys() - out - settled):
                yield f"{sync}: {key!r} cannot be sent and is not rejected"
            for key in sorted(out - keys):
                yield f"{sync}: {key!r} is rejected and is no row any more"
            for row in rejected:
                failing = truth.blocked | truth.blocked_once
                if row["key"] in good and row["key"] not in failing:
                    yield f"{sync}: {row['key']} is rejected ({row['stage']}, {row['reason']}) and is right"
            if sync == MEMBERS.name:
                left = {row["key"] for row in self.state if row["sync"] == sync} - keys
                yield from (f"the state keeps {key}, who left" for key in sorted(left))


def leaks(text: str, where: str) -> Iterator[str]:
    """The key, an address or a phone number where people read."""
    for mark in (KEY, MARK, PHONE_MARK):
        if mark in text.lower():
            start = text.lower().index(mark)
            yield f"{where} holds personal data: …{text[max(start - 80, 0) : start + 60]!r}"
            return
