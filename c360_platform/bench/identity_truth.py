"""How many pairs of records identity finds, and how many it makes up, against the synthetic shop's truth.

Belongs here: which record of the models is whose in the world, and the two shares by what was planted. Does
not belong here: what is planted (sandbox/world) and what must come out; tests and the benchmark say that.

Run as a module it makes a shop and judges it: python -m c360_platform.bench.identity_truth [CUSTOMERS]
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import duckdb

ALL: Final = "all"
# Records without any mailbox, phone or street that is somebody's (sales at a till, placeholders, what Amazon
# ships itself) cannot be found by any rule, so they count for precision alone.
_TRUTH: Final = """
create or replace temp table owned as
with known as (
    select
        case
            when source = 'amazon' and table_name = 'buyer' then 'amazon:' || source_id
            when table_name in ('customer', 'customers', 'contacts', 'users', 'profiles')
                then source || ':' || source_id
            when table_name = 'orders' then source || '_order:' || source_id
            when table_name = 'order' then source || '_order:' || source_id
        end as record_key,
        person_id,
        source,
        table_name,
        source_id,
    from world.records
    where person_id is not null
)

select
    customer_ids.record_key,
    customer_ids.customer_id,
    known.person_id,
    records.email is not null or records.phone is not null
    or (records.street is not null and records.last_name is not null) as is_findable,
    coalesce(planted.defects, ['none']) as defects,
from identity.customer_ids
inner join known using (record_key)
inner join identity.identity_records as records using (record_key)
left join (
    select source, table_name, source_id, list(distinct defect) as defects,
    from world.defects
    group by all
) as planted
    on known.source = planted.source
    and known.table_name = planted.table_name
    and known.source_id = planted.source_id;

create or replace temp table pairs as
with true_pairs as (
    select a.record_key as a, b.record_key as b, a.is_findable and b.is_findable as is_findable,
        list_distinct(a.defects || b.defects) as defects, true as is_true,
        a.customer_id = b.customer_id as is_found,
    from owned as a
    inner join owned as b on a.person_id = b.person_id and a.record_key < b.record_key
),

wrong_pairs as (
    select a.record_key, b.record_key, a.is_findable and b.is_findable,
        list_distinct(a.defects || b.defects), false, true,
    from owned as a
    inner join owned as b on a.customer_id = b.customer_id and a.record_key < b.record_key
    where a.person_id <> b.person_id
)

select * from true_pairs
union all
select * from wrong_pairs;
"""
_SCORES: Final = """
select
    variant,
    count(*) filter (where is_true and is_findable) as pairs,
    count(*) filter (where is_true and is_found and is_findable) as found,
    count(*) filter (where is_true and is_found) as right_pairs,
    count(*) filter (where not is_true) as wrong,
from (
    select 'all' as variant, is_true, is_found, is_findable from pairs
    union all
    select unnest(defects), is_true, is_found, is_findable from pairs
)
group by variant
order by pairs desc, variant
"""


@dataclass(frozen=True, slots=True)
class PairScore:
    """Pairs of records of which at least one has the variant (`world.defects`; 'none' and 'all' besides).

    `pairs` are those of one person, `found` those of them with one customer id, `right` the same with records
    that cannot be found, `wrong` pairs of two people with one customer id.
    """

    variant: str
    pairs: int
    found: int
    right: int
    wrong: int

    @property
    def precision(self) -> float:
        """Share of the pairs that were joined that are one person; 1 where none was."""
        joined = self.right + self.wrong
        return self.right / joined if joined else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs of one person that were joined; 1 where there is none."""
        return self.found / self.pairs if self.pairs else 1.0

    def __str__(self) -> str:
        return (
            f"{self.variant:<22} {self.pairs:>10,} pairs, recall {self.recall:.4f}, "
            f"precision {self.precision:.5f} ({self.wrong} wrong)"
        )


_PROFILES: Final = """
select id, email, phone_number, external_id, first_name, last_name, locale, location, created_at, updated_at
from kl_profile
"""
_RAW: Final = """
create schema if not exists klaviyo;
create or replace table klaviyo.profiles as
select * exclude (created_at, updated_at), make_timestamptz(created_at) as created,
    make_timestamptz(updated_at) as updated
from profiles;
create schema if not exists zendesk;
create or replace table zendesk.users as
select unnest(from_json(body, '{
    "id": "varchar", "external_id": "varchar", "email": "varchar", "phone": "varchar", "name": "varchar",
    "role": "varchar", "locale": "varchar", "active": "boolean", "verified": "boolean",
    "permanently_deleted": "boolean", "created_at": "timestamptz", "updated_at": "timestamptz"
}'))
from users;
"""


def load_people_of_the_sandbox(connection: duckdb.DuckDBPyConnection, sandbox: Path) -> None:
    """Klaviyo's profiles and Zendesk's users as raw tables, past HTTP: what identity reads of them."""
    import pyarrow as pa

    with closing(sqlite3.connect(sandbox)) as store:
        found = store.execute(_PROFILES)
        names = [column[0] for column in found.description]
        profiles = pa.table(dict(zip(names, map(list, zip(*found, strict=True)), strict=True)))
        users = pa.table({"body": [body for (body,) in store.execute("select body from zd_user")]})
    connection.register("profiles", profiles)
    connection.register("users", users)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(_RAW)
    connection.unregister("profiles")
    connection.unregister("users")


def pair_scores(connection: duckdb.DuckDBPyConnection) -> dict[str, PairScore]:
    """Scores of a built home by variant, `ALL` first. The connection needs `world` and `identity`."""
    connection.execute(_TRUTH)
    return {row[0]: PairScore(*row) for row in connection.execute(_SCORES).fetchall()}


def _judge(customers: int) -> None:
    import duckdb

    from c360_platform.bench.build_ratio import dbt_command, dbt_parse
    from c360_platform.bench.processes import measure
    from c360_platform.bench.workplace import AS_OF, SEED, make_workplace
    from c360_platform.dbt_manifest import dbt_arguments
    from c360_platform.sandbox.world import make_world

    with tempfile.TemporaryDirectory(prefix="c360-bench-") as directory:
        workplace = make_workplace(Path(directory) / "truth")
        settings = workplace.settings
        make_world(
            settings.warehouse_path, settings.sandbox_path, customers=customers, seed=SEED, as_of=AS_OF
        )
        with duckdb.connect(settings.warehouse_path) as connection:
            load_people_of_the_sandbox(connection, settings.sandbox_path)
        measure(dbt_parse(workplace))
        models = ["--exclude-resource-types", "test", "unit_test", "--select", "+identity_report"]
        built = measure(dbt_command(workplace, ["build", *dbt_arguments(settings), *models]))
        sys.stdout.write(f"{customers:,} customers; staging and identity: {built.cpu:.0f} s CPU\n")
        with duckdb.connect(settings.warehouse_path) as connection:
            for score in pair_scores(connection).values():
                sys.stdout.write(f"{score}\n")


if __name__ == "__main__":
    _judge(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
