"""The dlt source of Klaviyo: one resource per table.

Belongs here: arguments, which resources there are and how they merge. Does not belong here: reading
(`reading`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import dlt

from dlt_pipelines.gathering import gathered
from dlt_pipelines.journal import Journal
from dlt_pipelines.klaviyo import settings, tables
from dlt_pipelines.klaviyo.client import KlaviyoClient
from dlt_pipelines.klaviyo.reading import Reading
from dlt_pipelines.quarantine import rejected_rows

NAME: Final = "klaviyo"
RESOURCES: Final = tuple(table.name for table in tables.TABLES)


@dlt.source(name=NAME)
def klaviyo_source(
    base_url: str = settings.BASE_URL,
    api_key: str = dlt.secrets.value,
    *,
    start_date: datetime = settings.FIRST_MOMENT,
    profile_pages_per_package: int = settings.PROFILE_PAGES_PER_PACKAGE,
    event_pages_per_package: int = settings.EVENT_PAGES_PER_PACKAGE,
    events_window: Any = None,
    rate_share: float = 1.0,
    paces: Any = None,
    journal: Any = None,
) -> Any:
    """Everything the platform reads from Klaviyo.

    `api_key` is a private key with profiles:read, events:read, metrics:read and lists:read. `start_date`
    bounds the first load. A run stops profiles, their predictions and events after so many pages; run again
    until caught up, as `load` does. `events_window` is (from, to): `events` are then read of that window, its
    end not included, and what the loads remember stays untouched. `rate_share` is the part of Klaviyo's
    limits to use, which all keys of an account share; `paces` (`pacing.Paces`) makes its calls count together
    with those of other processes. `journal` collects what a load over several runs sees.
    """
    log: Journal = journal or Journal(NAME)
    client = KlaviyoClient(base_url, api_key, log, rate_share=rate_share, paces=paces)
    reading = Reading(
        client, log, start_date, profile_pages_per_package, event_pages_per_package, events_window
    )
    resources = []
    for table in tables.TABLES:
        form = table.merged if table in tables.MERGED else table.replaced
        resource = dlt.resource(gathered(getattr(reading, table.name)()), **form)
        if table.cluster_by:
            table.lay_out(resource)
        resources.append(resource)
    return *resources, rejected_rows(log, client.now)
