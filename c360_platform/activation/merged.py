"""People who go on under another address: two customers turned out to be one, or somebody's address changed.

Belongs here: the relation that tells old addresses, and what becomes of the profile that an old one has in
Klaviyo. Does not belong here: who is who, which the models decide; leaving lists (`membership`).

A row of a list that goes on elsewhere leaves the list like any other, without a grace period. A profile
cannot leave: it is *retired*, that is, it loses the properties that the sync has written, so that no segment
of Klaviyo finds the person twice. Its own fields, its consent and its history stay. Klaviyo could merge the
two profiles, but never part them again, and a merge of ours may turn out to be wrong: so it is not asked to.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from c360_platform.activation.payloads import SEPARATOR

if TYPE_CHECKING:
    from c360_platform.activation.dialects import Dialect
    from c360_platform.activation.ledger import Ledger
    from c360_platform.activation.spec import SyncSpec

# The columns of a model of aliases.
ADDRESS, GOES_ON_AS = "address", "goes_on_as"
# The digest that the state has of a retired profile: of no row, so that it is written anew when it is back.
RETIRED = 0
_KEYS_A_STATEMENT = 1_000


@dataclass(frozen=True, slots=True)
class Aliases:
    """A model with a row per address that is in use no more; `goes_on_as` is the one in use of its person."""

    model: str
    unique_id: str
    schema: str
    table: str


def retires(spec: SyncSpec) -> bool:
    """Whether the sync has something to take away from profiles whose people go on under another address."""
    return spec.object == "profiles" and spec.aliases is not None and bool(spec.properties or spec.unset)


def gone_on(aliases: str, dialect: Dialect, keys: str) -> str:
    """A SELECT of `address` and `goes_on_as` from a relation of aliases, for the `key`s of a relation.

    An address that would go on as several, or as itself, goes nowhere.
    """
    former, present = (f"lower({dialect.trim(f'pair.{name}')})" for name in (ADDRESS, GOES_ON_AS))
    return f"""select old.key as {ADDRESS}, min({present}) as {GOES_ON_AS}
    from {keys} as old
    inner join (select {ADDRESS}, {GOES_ON_AS} from {aliases}) as pair on {former} = old.key
    group by old.key having count(distinct {present}) = 1 and min({present}) <> old.key"""


class Retirement:
    """SQL for the profiles of one sync that are to be retired; `model` and `aliases` are relations.

    Hardly any address has gone on since the last run: `look` counts them, so that the rest, which reads the
    model's keys once more, may be left out.
    """

    def __init__(self, spec: SyncSpec, ledger: Ledger, model: str, aliases: str) -> None:
        self.spec = spec
        self.ledger = ledger
        self.dialect = ledger.dialect
        self.model = model
        self.aliases = aliases

    def look(self) -> str:
        """How many profiles that are not retired have people who go on elsewhere, as n."""
        return f"select count(*) as n from ({self._elsewhere()}) as elsewhere"

    def ctes(self) -> dict[str, str]:
        """Name and SELECT of what `rows` reads."""
        of_sync = self._of_sync
        key = f"lower({self.dialect.trim(self.dialect.name(self.spec.key))})"
        return {
            "elsewhere": self._elsewhere(),
            "parted": f"""select state.key, state.filled, state.is_ours, elsewhere.{GOES_ON_AS}
    from elsewhere inner join (select key, filled, is_ours {of_sync}) as state
        on state.key = elsewhere.{ADDRESS}""",
            "still_there": f"""select distinct key from (select {key} as key from {self.model}) as keys
    where key in (select key from parted union all select {GOES_ON_AS} from parted)""",
            "survivors": f"""select key {of_sync} and digest <> {RETIRED}
        and key in (select {GOES_ON_AS} from parted)""",
        }

    def rows(self, columns: Sequence[str], *, refused: str, not_open: str) -> str:
        """A SELECT of these columns, for the plan.

        A profile is retired once Klaviyo has confirmed the other address, and is `leaving` until then: its
        values are taken away where they are known to stand elsewhere. Without a row under the other address
        it stays as it is. `refused` is a query for keys and digests that Klaviyo refused, empty for none;
        `not_open` a condition that leaves out rows of open batches.
        """
        d = self.dialect
        waits = "when survivors.key is null then 'leaving'"
        if refused:
            waits += f" when parted.key in (select key from ({refused}) as refused where digest = {RETIRED})"
            waits += " then 'refused'"
        values = {
            "operation": f"case {waits} else 'retire' end",
            "key": "parted.key",
            "digest": str(RETIRED),
            "is_ours": "parted.is_ours",
            "is_new": "false",
            "is_portable": "false",  # it was not looked at
            "filled": "parted.filled",
            "cleared": "''",
            "raw_payload": self._payload(),
            GOES_ON_AS: f"parted.{GOES_ON_AS}",
        }
        listed = ", ".join(values.get(name, f"cast(null as {d.string})") for name in columns)
        return f"""select {listed}
    from parted
    inner join still_there as other on other.key = parted.{GOES_ON_AS}
    left join still_there as same on same.key = parted.key
    left join survivors on survivors.key = parted.{GOES_ON_AS}
    where same.key is null {not_open}"""

    @property
    def _of_sync(self) -> str:
        return f"from {self.ledger.state} where sync = {self.ledger.sync_literal}"

    def _elsewhere(self) -> str:
        in_use = f"(digest is null or digest <> {RETIRED})"
        return gone_on(self.aliases, self.dialect, f"(select key {self._of_sync} and {in_use})")

    def _payload(self) -> str:
        d = self.dialect
        names = sorted({*self.spec.properties.values(), *self.spec.unset})
        unset = json.dumps(names, ensure_ascii=False, separators=(",", ":"))
        return d.glued(
            [
                d.literal('{"type":"profile","attributes":{"email":'),
                d.json_string("parted.key"),
                d.literal(f'}},"meta":{{"patch_properties":{{"unset":{unset}}}}}}}{SEPARATOR}'),
            ]
        )


class RetirementRecords:
    """Statements on the profiles that a run's plan retires."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.warehouse = ledger.warehouse

    def planned(self) -> Mapping[str, int]:
        """Address to position of the profiles that the plan retires and that are in no batch yet."""
        rows = self.warehouse.table(
            f"select key, position from {self.ledger.plan} "
            f"where operation = 'retire' and not ({self.ledger.open_rows()})"
        )
        return dict(zip(rows["key"].to_pylist(), rows["position"].to_pylist(), strict=True))

    def forget(self, addresses: Collection[str]) -> None:
        """Klaviyo has no profile of these any more: they leave the plan and the state."""
        known, ledger = sorted(addresses), self.ledger
        for start in range(0, len(known), _KEYS_A_STATEMENT):
            some = known[start : start + _KEYS_A_STATEMENT]
            these = f"key in ({', '.join('?' * len(some))})"
            self.warehouse.transaction(
                [
                    (f"delete from {ledger.plan} where operation = 'retire' and {these}", some),
                    (f"delete from {ledger.state} where sync = {ledger.sync_literal} and {these}", some),
                ]
            )
