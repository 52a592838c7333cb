"""Records and decisions out of the warehouse, proposals back into it.

Belongs here: the few statements of the review. Does not belong here: the search (search.py) and when it
happens (assets/identity_review.py). Names are those of the dbt models and seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from c360_platform.identity_review.people import ATTRIBUTES, Guards
from c360_platform.warehouse import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.warehouse import Warehouse

IDENTITY, RECORDS, IDS = "identity", "identity_records", "customer_ids"
SEEDS, DECISIONS = "seeds", "identity_decisions"
SCHEMA, TABLE = "identity_review", "probable_duplicates"


@dataclass(frozen=True, slots=True, repr=False)
class Proposal:
    """A pair that nobody has decided about, with what its two records say: attribute to value."""

    record_key_a: str
    record_key_b: str
    probability: float
    agreements: str
    differences: str
    a: dict[str, Any]
    b: dict[str, Any]


class ReviewTables:
    """What the review reads and writes; each call is one short visit."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def check(self) -> None:
        """Raise `WarehouseError` when the models are not built."""
        for name in (RECORDS, IDS):
            if not self.warehouse.exists(self._identity(name)):
                raise WarehouseError(
                    f"there is no table {name} to review: build the models first, `c360 build`"
                )

    def records(self) -> Iterator[pa.RecordBatch]:
        """All records with their customers, with the columns `people.COLUMNS`."""
        attributes = ", ".join(f"records.{name}" for name in ATTRIBUTES)
        return self.warehouse.query(
            f"select records.record_key, ids.customer_id, {attributes} "
            f"from {self._identity(RECORDS)} as records "
            f"inner join {self._identity(IDS)} as ids on records.record_key = ids.record_key"
        )

    def decided(self) -> list[tuple[str, str]]:
        """Pairs of record keys that people have decided about, in either way."""
        rows = self.warehouse.table(f"select record_key_a, record_key_b from {self._seed(DECISIONS)}")
        return [(row["record_key_a"], row["record_key_b"]) for row in rows.to_pylist()]

    def guards(self) -> Guards:
        """What is nobody's name, birth date or mailbox."""
        return Guards(
            names=self._values("placeholder_names", "name"),
            birth_dates=self._values("placeholder_birth_dates", "birth_date"),
            mailboxes=self._values("role_mailboxes", "local_part"),
        )

    def write(self, proposals: pa.Table) -> None:
        """Replace all proposals: readers see the old rows or the new ones."""
        schema = self.warehouse.own_schema(SCHEMA)
        table, fresh = (self.warehouse.relation(schema, name) for name in (TABLE, f"{TABLE}_new"))
        self.warehouse.create_schema(schema)
        self.warehouse.execute(f"drop table if exists {fresh}")
        self.warehouse.append(fresh, proposals)
        self.warehouse.execute(f"create or replace table {table} as select * from {fresh}")
        self.warehouse.execute(f"drop table {fresh}")

    def has_proposals(self) -> bool:
        """Whether a search was ever made."""
        return self.warehouse.exists(self._proposals())

    def open_proposals(self, *, most: int | None, min_probability: float = 0.0) -> list[Proposal]:
        """The most probable pairs, or all, without a decision whose records still are two customers."""
        columns = ", ".join(
            f"record_{side}.{name} as {name}_{side}" for side in "ab" for name in ("source", *ATTRIBUTES)
        )
        rows = self.warehouse.table(
            f"""
            with decided as (
                select record_key_a, record_key_b from {self._seed(DECISIONS)}
                union distinct
                select record_key_b, record_key_a from {self._seed(DECISIONS)}
            )

            select
                proposals.record_key_a, proposals.record_key_b, proposals.probability,
                proposals.agreements, proposals.differences, {columns}
            from {self._proposals()} as proposals
            inner join {self._identity(RECORDS)} as record_a on proposals.record_key_a = record_a.record_key
            inner join {self._identity(RECORDS)} as record_b on proposals.record_key_b = record_b.record_key
            inner join {self._identity(IDS)} as ids_a on proposals.record_key_a = ids_a.record_key
            inner join {self._identity(IDS)} as ids_b on proposals.record_key_b = ids_b.record_key
            left join decided
                on proposals.record_key_a = decided.record_key_a
                and proposals.record_key_b = decided.record_key_b
            where decided.record_key_a is null
                and ids_a.customer_id <> ids_b.customer_id
                and proposals.probability >= ?
            order by proposals.probability desc, proposals.record_key_a, proposals.record_key_b
            {"" if most is None else f"limit {int(most)}"}
            """,
            [min_probability],
        )
        return [_proposal(row) for row in rows.to_pylist()]

    def _values(self, seed: str, column: str) -> list[Any]:
        return self.warehouse.table(f"select {column} from {self._seed(seed)}")[column].to_pylist()

    def _identity(self, model: str) -> str:
        return self.warehouse.relation(self.warehouse.own_schema(IDENTITY), model)

    def _seed(self, name: str) -> str:
        return self.warehouse.relation(self.warehouse.own_schema(SEEDS), name)

    def _proposals(self) -> str:
        return self.warehouse.relation(self.warehouse.own_schema(SCHEMA), TABLE)


def _proposal(row: dict[str, Any]) -> Proposal:
    sides = ({name: row[f"{name}_{side}"] for name in ("source", *ATTRIBUTES)} for side in "ab")
    of_pair = ("record_key_a", "record_key_b", "probability", "agreements", "differences")
    return Proposal(*(row[name] for name in of_pair), *sides)
