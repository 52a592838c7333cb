"""Who may become a new, billed profile: the part of a plan that knows whom Klaviyo has.

Belongs here: SQL that tells known people from new ones, and the words for those who are kept out. Does not
belong here: what else keeps a row from being sent (`plan_statement`).

Klaviyo knows whom our ingest has read there, and whom this sync or another profiles sync has confirmed.
People whose profile it deleted are never made again.
"""

from __future__ import annotations

from dataclasses import dataclass

from c360_platform.activation.ledger import Ledger
from c360_platform.activation.mapped_rows import RowExpressions
from c360_platform.activation.spec import SyncSpec

_NOT_SENT = {
    "deleted": "Klaviyo deleted this profile: it is not made again",
    "never": "Klaviyo does not know the person, and this sync makes no profiles (create: never)",
    "consented": "Klaviyo does not know the person, who has not consented (create: consented)",
}


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Over rows with `person` and `is_unknown`; `ingested_profiles` is a relation, empty without ingest."""

    spec: SyncSpec
    ledger: Ledger
    row: RowExpressions
    ingested_profiles: str

    def ctes(self) -> dict[str, str]:
        """Name and SELECT of what `joins` joins."""
        found = {}
        if self.ingested_profiles:
            found["ingested"] = f"""select lower({self.ledger.dialect.trim("email")}) as email,
        max(case when coalesce(is_deleted, false) then 0 else 1 end) as is_alive
    from {self.ingested_profiles} where email is not null group by 1"""
        if self._others():
            found["brought"] = (
                f"select distinct key from {self.ledger.state} where sync in ({', '.join(self._others())})"
            )
        return found

    def joins(self, rows: str) -> str:
        joined = ""
        if self.ingested_profiles:
            joined += f" left join ingested on ingested.email = {rows}.person"
        if self._others():
            joined += f" left join brought on brought.key = {rows}.person"
        return joined

    def flags(self) -> dict[str, str]:
        """Conditions over the joined rows: is_new, is_deleted, may_be_made."""
        is_new, is_deleted = "is_unknown", "false"
        if self.ingested_profiles:
            is_new += " and ingested.email is null"
            is_deleted = "coalesce(ingested.is_alive, 1) = 0"
        if self._others():
            is_new += " and brought.key is null"
        allowed = {"never": "false", "consented": self.row.consented or "false", "always": "true"}
        return {"is_new": is_new, "is_deleted": is_deleted, "may_be_made": allowed[self.spec.create]}

    def _others(self) -> list[str]:
        """Other syncs that bring profiles, as literals."""
        names = [name for name in self.spec.profile_syncs if name != self.spec.name]
        return [self.ledger.dialect.literal(name) for name in names]


def reasons(spec: SyncSpec) -> tuple[str, str]:
    """Why a person is kept out: Klaviyo deleted the profile; the policy."""
    return _NOT_SENT["deleted"], _NOT_SENT["never" if spec.create == "never" else "consented"]
