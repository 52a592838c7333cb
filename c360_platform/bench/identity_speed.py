"""What it costs to find out which of a million records are one person, and the same ÷ a union-find.

Belongs here: the records, the two sides and the goal. Does not belong here: whether the answer is right
(identity_truth.py, and the tests).

Run as a module it measures identity alone: python -m c360_platform.bench.identity_speed
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from c360_platform.bench.build_ratio import bare, dbt_command, dbt_parse, plain_statements
from c360_platform.bench.models_speed import slowest
from c360_platform.bench.processes import Command, Say, measure
from c360_platform.bench.sync_goals import Figure
from c360_platform.bench.workplace import Workplace, make_workplace

RECORDS: Final = 1_000_000
MOST_SECONDS: Final = 60
# From what records say to the customer of each; reports and golden records only read that.
MODELS: Final = (
    "identity_contacts",
    "identity_compared_names",
    "identity_residences",
    "identity_identifiers",
    "identity_proposed_links",
    "identity_strong_parts_1",
    "identity_strong_parts_2",
    "identity_strong_parts_3",
    "identity_weak_parts",
    "identity_clusters",
    "identity_links",
    "identity_map",
    "customer_ids",
)

# Of six records in a row three are one person's and three another's, under keys in no order. Every 50th
# person shares the phone with the one before, and one mailbox of a till stands in a thousand records.
_RECORDS: Final = """
create schema if not exists identity;
create schema if not exists staging;
create or replace temp macro chance(i, what) as (hash(i, what) % 100000) / 100000.0;
create or replace temp macro id(i) as to_base((hash(i, 'id') >> 1)::bigint, 36, 13);
create or replace table identity.identity_records as
with drawn as (
    select
        i,
        i // 6 * 2 + (i % 6 in (1, 2, 4))::int as person,
        ['shopify', 'shopify_order', 'webshop', 'crm', 'zendesk', 'klaviyo'][1 + i % 6] as source,
    from range({records}) as numbers(i)
)

select
    source || ':' || id(i) as record_key,
    source,
    id(i) as source_id,
    source in ('shopify', 'shopify_order', 'webshop') as is_channel,
    case when source = 'klaviyo' then 'shopify:' || id(i - 5) end as account_key,
    case when i % 1000 = 0 then 'till@shop.example.com'
        when chance(i, 'email') < 0.9
            then 'person' || person || if(i % 30 = 0, '+shop', '') || '@mail.example.com' end as email,
    source = 'shopify' as has_verified_email,
    case when chance(i, 'phone') < 0.6
        then '+49151' || lpad((person - (person % 50 = 0)::int)::varchar, 8, '0') end as phone,
    'Anna' || chr(97 + (person % 26)::int) as first_name,
    'Müller' || chr(97 + (person // 26 % 26)::int) || chr(97 + (person // 676 % 26)::int)
        || chr(97 + (person // 17576 % 26)::int) as last_name,
    'DE' as country_code, 'de' as language,
    case when chance(i, 'street') < 0.7
        then ['Haupt', 'Garten', 'Linden', 'Schiller'][1 + person % 4] || if(i % 3 = 0, 'str. ', 'straße ')
            || 1 + person // 4 % 200 end as street,
    lpad((person // 7 % 8000 * 12 + 1067)::varchar, 5, '0') as postal_code, 'Berlin' as city,
    case when chance(i, 'birthday') < 0.6
        then date '1950-01-02' + (hash(person, 'birthday') % 18000)::integer end as birth_date,
    false as accepts_marketing,
    timestamptz '2024-01-01 00:00:00+00' + to_minutes((hash(i, 'created') % 1000000)::bigint) as created_at,
    timestamptz '2026-06-01 00:00:00+00' as updated_at,
from drawn;
create or replace table staging.stg_orders (
    customer_key varchar, email varchar, phone varchar, first_name varchar, last_name varchar,
    street varchar, postal_code varchar, country_code varchar, ordered_at timestamptz
);
"""

_PEER: Final = """
import sys, duckdb, networkx
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    links = connection.execute(
        "select distinct record_key, anchor_key from identity.identity_links where not is_held"
    ).fetchall()
graph = networkx.Graph()
graph.add_edges_from(links)
print(sum(1 for _ in networkx.connected_components(graph)))
"""


def identity_figures(directory: Path, *, say: Say, records: int = RECORDS) -> Iterator[Figure]:
    """CPU seconds of identity's own SQL, and the same ÷ networkx's connected components of the links."""
    workplace = make_workplace(directory)
    raw = directory / "raw.duckdb"
    measure(dbt_parse(workplace))
    warehouse = workplace.settings.warehouse_path
    measure(dbt_command(workplace, ["seed", *_variables(workplace)]))
    say(f"  making {records:,} records …")
    _fill(warehouse, records)
    shutil.copyfile(warehouse, raw)
    built = measure(dbt_command(workplace, ["run", "--select", *MODELS, *_variables(workplace)]))
    say(f"  dbt run: CPU {built.cpu:.1f} s, at most {built.peak / 1e6:,.0f} MB; {_counts(warehouse)}")
    say(f"  {slowest(workplace)}")
    statements = directory / "statements.json"
    statements.write_text(json.dumps(list(plain_statements(workplace))))
    floor = bare(workplace, raw, statements)
    floor.prepare()
    ours = measure(floor)
    peer = measure(
        Command([sys.executable, "-c", _PEER, str(warehouse)], workplace.environment, workplace.settings.home)
    )
    detail = f"{records:,} records; {_counts(warehouse)}; at most {ours.peak / 1e6:,.0f} MB"
    shutil.rmtree(directory)
    yield Figure("identity from records to customers", ours.cpu, detail, most=MOST_SECONDS, unit="s CPU")
    yield Figure(
        "identity ÷ union-find of its links",
        ours.cpu / peer.cpu,
        f"CPU {ours.cpu:.1f} s ÷ {peer.cpu:.1f} s; networkx gets the links; {peer.peak / 1e6:,.0f} MB",
    )


def _variables(workplace: Workplace) -> list[str]:
    from c360_platform.dbt_manifest import dbt_arguments

    return list(dbt_arguments(workplace.settings))


def _fill(warehouse: Path, records: int) -> None:
    import duckdb

    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(_RECORDS.format(records=records))


def _counts(warehouse: Path) -> str:
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [counts] = connection.execute(
            "select (select count(*) from identity.identity_identifiers), "
            "(select count(*) from identity.identity_links), "
            "(select count(distinct customer_id) from identity.customer_ids)"
        ).fetchall()
    return "{:,} identifiers, {:,} links, {:,} customers".format(*counts)


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="c360-bench-") as temporary:
        for figure in identity_figures(Path(temporary) / "identity", say=_write):
            _write(str(figure))
