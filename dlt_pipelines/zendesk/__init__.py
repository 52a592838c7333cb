"""Zendesk Support as raw tables: tickets, ticket_metrics, users, organizations, satisfaction_ratings and
csat_survey_responses.

Belongs here: the dlt source, what each resource remembers between loads, and `load`. Does not belong here:
requests (`client`), columns (`decoding`), numbers (`settings`).

How far a load got is Zendesk's own cursor, not `updated_at`: system changes move a ticket in the export
without touching that. Tables merge by id, so rows that come twice stay one.

    from dlt_pipelines.zendesk import load
    load(warehouse, base_url="https://acme.zendesk.com", email="admin@acme.example", api_token=token)

or `python -m dlt_pipelines.zendesk --help`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import dlt
import msgspec
import pyarrow as pa

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.errors import ResourceSelectionError, SourceRejected
from dlt_pipelines.pipeline import LoadReport, load_until_caught_up, make_pipeline
from dlt_pipelines.zendesk import settings
from dlt_pipelines.zendesk.client import E, ZendeskClient
from dlt_pipelines.zendesk.decoding import (
    CSAT_SURVEY_RESPONSES,
    ORGANIZATIONS,
    SATISFACTION_RATINGS,
    TICKET_METRICS,
    TICKETS,
    USERS,
    CsatSurveyResponse,
    ExportedTicket,
    OrganizationPage,
    SatisfactionRating,
    SatisfactionRatingPage,
    SurveyResponsePage,
    Ticket,
    TicketPage,
    User,
    UserPage,
    csat_row,
)

__all__ = ["NAME", "RESOURCES", "load", "make_pipeline", "zendesk_source"]

logger = logging.getLogger(__name__)

NAME = "zendesk"
RESOURCES = (
    "tickets",
    "ticket_metrics",
    "users",
    "organizations",
    "satisfaction_ratings",
    "csat_survey_responses",
)


@dlt.source(name=NAME)
def zendesk_source(
    base_url: str = dlt.config.value,
    email: str = dlt.config.value,
    api_token: str = dlt.secrets.value,
    *,
    start_date: datetime = settings.FIRST_MOMENT,
    pages_per_package: int = settings.PAGES_PER_PACKAGE,
) -> Any:
    """Everything the platform reads from Zendesk.

    `base_url` is `https://{subdomain}.zendesk.com`; `api_token` must be an administrator's. `start_date`
    bounds the first load. A run stops an export after `pages_per_package` pages of 1,000 rows; run again
    until caught up, as `load` does. `tickets` and `ticket_metrics` come from one export and load together:
    selecting one of them raises `ResourceSelectionError`.
    """
    client = ZendeskClient(base_url, email, api_token)
    first_moment = int(start_date.timestamp())

    @dlt.resource(name="ticket_pages", selected=False)
    def ticket_pages() -> Iterator[Sequence[ExportedTicket]]:
        """Pages of the ticket export, read once for both tables."""
        chosen = {"tickets", "ticket_metrics"} & set(dlt.current.source().selected_resources)
        if len(chosen) == 1:
            raise ResourceSelectionError(
                "tickets and ticket_metrics come from one export and share its cursor: loading one of them "
                "alone would skip rows of the other for ever; select both"
            )
        yield from _exported(client, "tickets", TicketPage, first_moment, pages_per_package)

    @dlt.transformer(data_from=ticket_pages, **TICKETS.merged)
    def tickets(page: Sequence[ExportedTicket]) -> Iterator[pa.Table]:
        """Tickets, deleted ones included, in their latest version."""
        yield TICKETS.arrow(page)

    @dlt.transformer(data_from=ticket_pages, **TICKET_METRICS.merged)
    def ticket_metrics(page: Sequence[ExportedTicket]) -> Iterator[pa.Table]:
        """Service times of tickets; those of deleted tickets keep their last state."""
        yield TICKET_METRICS.arrow([ticket.metric_set for ticket in page if ticket.metric_set is not None])

    @dlt.resource(**USERS.merged)
    def users() -> Iterator[pa.Table]:
        """End users, agents and administrators, deleted ones included."""
        for page in _exported(client, "users", UserPage, first_moment, pages_per_package):
            yield USERS.arrow(page)

    @dlt.resource(**ORGANIZATIONS.merged)
    def organizations() -> Iterator[pa.Table]:
        """Organizations, deleted ones included; the time-based export repeats its last second."""
        state = dlt.current.resource_state()
        latest = int(time.time()) - settings.EXPORT_DELAY_SECONDS
        start = min(state.get("end_time", first_moment), latest)
        yield ORGANIZATIONS.arrow([])
        for page in client.organizations(msgspec.json.Decoder(OrganizationPage), start):
            if page.end_time is not None:
                state["end_time"] = page.end_time
            yield ORGANIZATIONS.arrow(page.rows)

    @dlt.resource(**SATISFACTION_RATINGS.merged)
    def satisfaction_ratings() -> Iterator[pa.Table]:
        """Legacy CSAT."""
        decoder = msgspec.json.Decoder(SatisfactionRatingPage)
        for page in client.satisfaction_ratings(decoder, _ratings_start(first_moment)):
            _remember_newest(page.rows)
            yield SATISFACTION_RATINGS.arrow(page.rows)

    @dlt.resource(**CSAT_SURVEY_RESPONSES.merged)
    def csat_survey_responses() -> Iterator[pa.Table]:
        """Survey CSAT: answered surveys about tickets."""
        yield CSAT_SURVEY_RESPONSES.arrow([])
        decoder = msgspec.json.Decoder(SurveyResponsePage)
        for page in client.survey_responses(decoder, _ratings_start(first_moment)):
            rows = [row for response in page.rows if (row := csat_row(response)) is not None]
            _remember_newest(rows)
            yield CSAT_SURVEY_RESPONSES.arrow(rows)

    for table, resource in ((TICKETS, tickets), (TICKET_METRICS, ticket_metrics), (USERS, users)):
        table.lay_out(resource)
    return (
        ticket_pages,
        tickets,
        ticket_metrics,
        users,
        organizations,
        satisfaction_ratings,
        csat_survey_responses,
    )


def load(
    warehouse: Path | str | BigQuery,
    *,
    dataset: str = NAME,
    base_url: str | None = None,
    email: str | None = None,
    api_token: str | None = None,
    pipelines_dir: Path | str | None = None,
    resources: Sequence[str] | None = None,
    report: Callable[[str], None] | None = None,
) -> LoadReport:
    """Load everything that is new into a schema of `warehouse`: a DuckDB file, or a place in BigQuery.

    What is not given comes from dlt's configuration (`sources.zendesk.api_token`, …). Raises an
    `IngestionError` whose message is one line for a person.
    """
    given = {"base_url": base_url, "email": email, "api_token": api_token}
    arguments = {name: value for name, value in given.items() if value is not None}

    def make_source() -> Any:
        source = zendesk_source(**arguments)
        return source.with_resources(*resources) if resources else source

    return load_until_caught_up(
        make_source, lambda: make_pipeline(NAME, warehouse, pipelines_dir, dataset=dataset), report=report
    )


def _exported(
    client: ZendeskClient, resource: str, page_type: type[E], first_moment: int, budget: int
) -> Iterator[Sequence[Any]]:
    """The rows of each page of a cursor export, from where the last load stopped, `budget` pages at most.

    One page comes at least, possibly empty, so that the table exists. The cursor is stored before its page is
    handed on: dlt commits both together or neither.
    """
    state = dlt.current.resource_state()
    state["caught_up"] = True
    pages = _pages(client, resource, msgspec.json.Decoder(page_type), state, first_moment)
    empty = True
    for page in islice(pages, budget):
        state["cursor"] = page.after_cursor
        state["caught_up"] = page.end_of_stream
        if page.rows:
            state["newest"] = _changed_at(page.rows[-1])
        if page.rows or empty:
            yield page.rows
        empty = False
    if empty:
        yield []


def _pages(
    client: ZendeskClient,
    resource: str,
    decoder: msgspec.json.Decoder[E],
    state: dict[str, Any],
    first_moment: int,
) -> Iterator[E]:
    """Pages after the stored cursor; when Zendesk no longer knows it, from an hour before its last row."""
    cursor: str | None = state.get("cursor")
    if cursor is not None:
        try:
            yield from client.cursor_export(resource, decoder, cursor=cursor)
        except SourceRejected:
            if state["cursor"] != cursor:  # pages came already: it is not the stored cursor that is refused
                raise
            logger.warning("Zendesk no longer knows the cursor of %s: reading again by time", resource)
            first_moment = state.get("newest", first_moment) - settings.LOST_CURSOR_LOOKBACK_SECONDS
        else:
            return
    yield from client.cursor_export(resource, decoder, start_time=first_moment)


def _changed_at(row: Ticket | User) -> int:
    """Seconds since 1970 of the change for which an export lists a row."""
    if isinstance(row, Ticket):
        return row.generated_timestamp or 0
    return int(row.updated_at.timestamp()) if row.updated_at else 0


def _ratings_start(first_moment: int) -> int:
    """From when on ratings are read: again all that may still have changed since the last load."""
    newest = dlt.current.resource_state().get("newest", 0)
    return max(first_moment, newest - settings.RATINGS_LOOKBACK_DAYS * 86_400)


def _remember_newest(rows: Sequence[SatisfactionRating | CsatSurveyResponse]) -> None:
    state = dlt.current.resource_state()
    times = [int(row.created_at.timestamp()) for row in rows if row.created_at]
    if times:
        state["newest"] = max(*times, state.get("newest", 0))
