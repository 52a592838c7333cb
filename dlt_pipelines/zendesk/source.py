"""The dlt source of Zendesk: one resource per table.

Belongs here: arguments, which resources there are and how they merge. Does not belong here: reading
(`reading`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import dlt

from dlt_pipelines.gathering import gathered, gathered_together
from dlt_pipelines.journal import Journal
from dlt_pipelines.quarantine import rejected_rows
from dlt_pipelines.zendesk import settings, tables
from dlt_pipelines.zendesk.client import ZendeskClient
from dlt_pipelines.zendesk.reading import Reading

NAME: Final = "zendesk"
RESOURCES: Final = tuple(table.name for table in tables.TABLES)


@dlt.source(name=NAME)
def zendesk_source(
    base_url: str = dlt.config.value,
    email: str = dlt.config.value,
    api_token: str = dlt.secrets.value,
    *,
    start_date: datetime = settings.FIRST_MOMENT,
    pages_per_package: int = settings.PAGES_PER_PACKAGE,
    exports_per_minute: int = settings.EXPORTS_PER_MINUTE,
    comments: bool = True,
    journal: Any = None,
) -> Any:
    """Everything the platform reads from Zendesk.

    `base_url` is `https://{subdomain}.zendesk.com`; `api_token` must be an administrator's. `start_date`
    bounds the first load. A run stops an export after `pages_per_package` pages of 1,000 rows; run again
    until caught up, as `load` does. `exports_per_minute` is what the plan allows (30 with the High Volume
    add-on). Without `comments` ticket events hold no text of messages. `journal` collects what a load over
    several runs sees. `tickets` and `ticket_metrics` come from one export and load together: selecting one
    of them raises `ResourceSelectionError`.
    """
    log: Journal = journal or Journal(NAME)
    client = ZendeskClient(base_url, email, api_token, log, exports_per_minute=exports_per_minute)
    reading = Reading(client, log, int(start_date.timestamp()), pages_per_package, comments)
    ticket_pages = dlt.resource(
        gathered_together(reading.ticket_pages()), name="ticket_pages", selected=False
    )

    @dlt.transformer(data_from=ticket_pages, **tables.TICKETS.merged)
    def tickets(pages: Any) -> Any:
        """Tickets, deleted ones included, in their latest version."""
        yield pages["tickets"]

    @dlt.transformer(data_from=ticket_pages, **tables.TICKET_METRICS.merged)
    def ticket_metrics(pages: Any) -> Any:
        """Service times of tickets; those of deleted tickets keep their last state."""
        yield pages["ticket_metrics"]

    resources = {"tickets": tickets, "ticket_metrics": ticket_metrics}
    for table in tables.TABLES:
        if table.name not in resources:
            form = table.merged if table in tables.MERGED else table.replaced
            resources[table.name] = dlt.resource(gathered(getattr(reading, table.name)()), **form)
        if table.cluster_by:
            table.lay_out(resources[table.name])
    return ticket_pages, *resources.values(), rejected_rows(log, client.now)
