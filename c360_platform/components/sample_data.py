"""The synthetic shop as sources, for whoever wants to see the component before wiring anything.

Belongs here: which of its tables stand for which kind of source. Does not belong here: the shop itself
(`sandbox.world`, which is imported only when somebody asks for sample data).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from c360_platform.components.plan import Plan, Source
from c360_platform.components.profiles import Load
from c360_platform.warehouse.duckdb import DuckDBWarehouse

if TYPE_CHECKING:
    import pyarrow as pa

CUSTOMERS: Final = 400
SEED: Final = 360

_PAYMENTS: Final = "select * from stripe.charge where livemode"
# Contacts, and the accounts of the web shop: they know by which id GA4 calls somebody.
_CONTACTS: Final = """
select contact_id, null as user_id, email, phone, first_name, last_name, acquisition_source,
    acquisition_medium, acquisition_campaign, created_at, updated_at
from crm.contacts where not archived
union all
select null, id, email, phone, first_name, last_name, null, null, null, created_at, updated_at
from webshop.customers where not is_deleted
"""
_EVENTS: Final = "select * from ga4.events"
_PROFILES: Final = (
    "select email, phone_number as phone, first_name, last_name, created_at, updated_at, last_event_at "
    "from kl_profile"
)
_EVENT_COLUMNS: Final = {
    "session_id": "event_params[ga_session_id]",
    "acquisition_source": "collected_traffic_source.manual_source",
    "acquisition_medium": "collected_traffic_source.manual_medium",
    "acquisition_campaign": "collected_traffic_source.manual_campaign_name",
}


def sample_sources(folder: Path, plan: Plan) -> list[tuple[Source, Load]]:
    """Make the shop, as it was at the end of `plan.as_of`, in a folder, and give all four sources."""
    from c360_platform.sandbox.world import make_world

    warehouse, sandbox = folder / "shop.duckdb", folder / "sandbox.sqlite"
    make_world(warehouse, sandbox, customers=CUSTOMERS, seed=SEED, as_of=plan.as_of + timedelta(days=1))
    shop = DuckDBWarehouse(warehouse)
    return [
        (Source("crm", "crm"), lambda: shop.table(_CONTACTS)),
        (Source("stripe", "stripe", {"email": "billing_detail_email"}), lambda: shop.table(_PAYMENTS)),
        (Source("marketing", "marketing"), lambda: _profiles(sandbox)),
        (Source("ga4", "ga4", _EVENT_COLUMNS), lambda: shop.table(_EVENTS)),
    ]


def _profiles(sandbox: Path) -> pa.Table:
    import pyarrow as pa

    with closing(sqlite3.connect(sandbox)) as connection:
        cursor = connection.execute(_PROFILES)
        names = [column[0] for column in cursor.description]
        columns = list(zip(*cursor.fetchall(), strict=True))
    return pa.table({name: pa.array(values) for name, values in zip(names, columns, strict=True)})
