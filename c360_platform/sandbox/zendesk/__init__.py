"""Zendesk's reading side as the platform and other clients use it, under `/api/v2`.

Belongs here: exports, lists, their pages, limits and errors, in Zendesk's documented form; changing the
account over control paths. Does not belong here: Zendesk's own writing side, the server, and any dlt code.

Sources of the rules: Zendesk developer documentation, "Incremental Exports", "Pagination", "Rate Limits",
"Satisfaction Ratings", "Ticket Metrics", "Ticket Metric Events", "CSAT Survey Responses", "Ticket Fields".
What the documentation leaves open is marked as assumed where it is decided.
"""

from __future__ import annotations

from starlette.routing import Route

from c360_platform.sandbox.zendesk import (
    account,
    directory,
    organizations,
    satisfaction_ratings,
    search,
    survey_responses,
    ticket_audits,
    ticket_events,
    ticket_fields,
    ticket_metric_events,
    ticket_metrics,
    tickets,
    users,
)

_RESOURCES = (
    tickets,
    users,
    organizations,
    ticket_events,
    ticket_metric_events,
    ticket_metrics,
    ticket_fields,
    satisfaction_ratings,
    survey_responses,
    ticket_audits,
    directory,
    search,
    account,
)


def routes() -> list[Route]:
    """Every Zendesk route, each path with and without `.json`.

    Handlers read `request.app.state.store`, `.clock` and `.limits`.
    """
    return [route for resource in _RESOURCES for route in resource.routes()]
