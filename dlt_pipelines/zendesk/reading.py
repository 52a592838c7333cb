"""Reading Zendesk table by table: Arrow tables to merge, and what is read again.

Belongs here: which table comes from where, look-backs. Does not belong here: requests (`client`), positions
in exports (`exports`), columns (`tables`), numbers (`settings`), dlt resources (`source`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import dlt
import msgspec
import pyarrow as pa

from dlt_pipelines.errors import ResourceSelectionError
from dlt_pipelines.journal import Journal
from dlt_pipelines.pages import PageDecoder
from dlt_pipelines.records import extra_fields
from dlt_pipelines.zendesk import answers, exports, settings, tables
from dlt_pipelines.zendesk.client import SecondTooFull, ZendeskClient

P = TypeVar("P", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Reading:
    """One run's reading of an account; each method is the rows of one table (`ticket_pages` of two).

    A table gets one Arrow table at least, so that it exists also when the account has no rows for it.
    """

    client: ZendeskClient
    journal: Journal
    first_moment: int
    pages_per_package: int
    comments: bool

    def ticket_pages(self) -> Iterator[dict[str, pa.Table]]:
        """Pages of the ticket export, read once for both tables: the rows by table."""
        chosen = {"tickets", "ticket_metrics"} & set(dlt.current.source().selected_resources)
        if len(chosen) == 1:
            raise ResourceSelectionError(
                "tickets and ticket_metrics come from one export and share its cursor: loading one of them "
                "alone would skip rows of the other for ever; select both"
            )
        pages = exports.by_cursor(
            self.client,
            "tickets",
            PageDecoder(
                answers.TicketPage,
                "tickets",
                self.journal,
                nested={tables.TicketMetric: "ticket_metrics"},
            ),
            self.journal,
            first_moment=self.first_moment,
            budget=self.pages_per_package,
        )
        for page in pages:
            self.journal.compare_fields(("tickets", "ticket_metrics"), dlt.current.resource_state())
            metrics = [ticket.metric_set for ticket in page.rows if ticket.metric_set]
            yield {
                "tickets": tables.TICKETS.arrow(page.rows),
                "ticket_metrics": tables.TICKET_METRICS.arrow(metrics),
            }

    def users(self) -> Iterator[pa.Table]:
        """End users, agents and administrators, deleted ones included."""
        pages = exports.by_cursor(
            self.client,
            "users",
            self._decoder(answers.UserPage, "users"),
            self.journal,
            first_moment=self.first_moment,
            budget=self.pages_per_package,
        )
        for page in pages:
            self.journal.compare_fields(("users",), dlt.current.resource_state())
            yield tables.USERS.arrow(page.rows)

    def organizations(self) -> Iterator[pa.Table]:
        """Organizations, deleted ones included."""
        yield tables.ORGANIZATIONS.arrow([])
        pages = self._decoder(answers.OrganizationPage, "organizations")
        for page in exports.by_time(
            lambda start: self.client.time_export("organizations", pages, start),
            "organizations",
            self.client,
            self.journal,
            first_moment=self.first_moment,
            budget=self.pages_per_package,
        ):
            self.journal.compare_fields(("organizations",), dlt.current.resource_state())
            yield tables.ORGANIZATIONS.arrow(page.rows)

    def satisfaction_ratings(self) -> Iterator[pa.Table]:
        """Legacy CSAT; an offer that is answered later is read again."""
        pages = self._decoder(answers.SatisfactionRatingPage, "satisfaction_ratings")
        for page in self.client.satisfaction_ratings(pages, _ratings_start(self.first_moment)):
            _remember_newest(page.rows)
            self.journal.page("satisfaction_ratings", len(page.rows))
            self.journal.compare_fields(("satisfaction_ratings",), dlt.current.resource_state())
            yield tables.SATISFACTION_RATINGS.arrow(page.rows)

    def csat_survey_responses(self) -> Iterator[pa.Table]:
        """Survey CSAT: answered surveys about tickets."""
        yield tables.CSAT_SURVEY_RESPONSES.arrow([])
        pages = self._decoder(answers.SurveyResponsePage, "csat_survey_responses")
        for page in self.client.survey_responses(pages, _ratings_start(self.first_moment)):
            answered = [(row, response) for response in page.rows if (row := answers.csat_row(response))]
            _remember_newest([row for row, _ in answered])
            self.journal.page("csat_survey_responses", len(answered))
            yield tables.CSAT_SURVEY_RESPONSES.arrow(
                [row for row, _ in answered], extra_fields([response for _, response in answered])
            )

    def ticket_events(self) -> Iterator[pa.Table]:
        """Every change of a ticket."""
        yield tables.TICKET_EVENTS.arrow([])
        pages = self._decoder(answers.TicketEventPage, "ticket_events")
        include = {"include": "comment_events"} if self.comments else {}
        for page in exports.by_time(
            lambda start: self.client.time_export("ticket_events", pages, start, **include),
            "ticket_events",
            self.client,
            self.journal,
            first_moment=self.first_moment,
            budget=self.pages_per_package,
        ):
            self.journal.compare_fields(("ticket_events",), dlt.current.resource_state())
            yield tables.TICKET_EVENTS.arrow(page.rows)

    def ticket_metric_events(self) -> Iterator[pa.Table]:
        """Clocks of tickets: reply time, wait times, breaches of agreements."""
        yield tables.TICKET_METRIC_EVENTS.arrow([])
        state = dlt.current.resource_state()
        pages = self._decoder(answers.TicketMetricEventPage, "ticket_metric_events")
        lookback = settings.METRIC_EVENTS_LOOKBACK_SECONDS if state.get("caught_up", True) else 0
        try:
            for page in exports.by_time(
                lambda start: self.client.time_export(
                    "ticket_metric_events", pages, max(self.first_moment, start - lookback)
                ),
                "ticket_metric_events",
                self.client,
                self.journal,
                first_moment=self.first_moment,
                budget=self.pages_per_package,
            ):
                self.journal.compare_fields(("ticket_metric_events",), state)
                yield tables.TICKET_METRIC_EVENTS.arrow(page.rows)
        except SecondTooFull:
            yield from self._crowded_metric_events(state)

    def _crowded_metric_events(self, state: dict[str, Any]) -> Iterator[pa.Table]:
        """From a second on with more events than a page of the export, by the slower way that can pass it."""
        pages = self._decoder(answers.TicketMetricEventList, "ticket_metric_events")
        for page in self.client.metric_events(pages, state.get("end_time", self.first_moment)):
            times = [int(row.occurred_at.timestamp()) for row in page.rows if row.occurred_at]
            state["end_time"] = max(times, default=state.get("end_time", self.first_moment))
            state["caught_up"] = True
            self.journal.page("ticket_metric_events", len(page.rows))
            yield tables.TICKET_METRIC_EVENTS.arrow(page.rows)

    def ticket_fields(self) -> Iterator[pa.Table]:
        """Ticket fields as they are now."""
        yield tables.TICKET_FIELDS.arrow([])
        for page in self.client.ticket_fields(self._decoder(answers.TicketFieldPage, "ticket_fields")):
            self.journal.page("ticket_fields", len(page.rows))
            yield tables.TICKET_FIELDS.arrow(page.rows)

    def _decoder(self, page: type[P], table: str) -> PageDecoder[P]:
        return PageDecoder(page, table, self.journal)


def _ratings_start(first_moment: int) -> int:
    """From when on ratings are read: again all that may still have changed since the last load."""
    newest = dlt.current.resource_state().get("newest", 0)
    return max(first_moment, newest - settings.RATINGS_LOOKBACK_DAYS * 86_400)


def _remember_newest(rows: Sequence[tables.SatisfactionRating | tables.CsatSurveyResponse]) -> None:
    state = dlt.current.resource_state()
    times = [int(row.created_at.timestamp()) for row in rows if row.created_at]
    if times:
        state["newest"] = max(*times, state.get("newest", 0))
