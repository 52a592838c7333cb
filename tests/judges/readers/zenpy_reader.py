"""Reads a Zendesk account with zenpy, in its own environment; prints a line a record: `[stream, record]`."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from zenpy import Zenpy  # type: ignore[import-not-found]

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


def _streams(zendesk: Any) -> Iterator[tuple[str, Any]]:
    yield "tickets", zendesk.tickets.incremental(start_time=EPOCH, per_page=50)
    yield "tickets by time", zendesk.tickets.incremental(start_time=EPOCH, paginate_by_time=True)
    yield "present tickets", zendesk.tickets()
    yield "users", zendesk.users.incremental(start_time=EPOCH)
    yield "organizations", zendesk.organizations.incremental(start_time=EPOCH)
    yield "ticket events", zendesk.tickets.events(start_time=EPOCH, include=["comment_events"])
    yield "ticket metric events", zendesk.tickets.metrics_incremental(start_time=EPOCH)
    yield "satisfaction ratings", zendesk.satisfaction_ratings()
    yield "ticket fields", zendesk.ticket_fields()
    yield "groups", zendesk.groups()
    yield "brands", zendesk.brands()
    yield "user fields", zendesk.user_fields()
    yield "found tickets", zendesk.search(type="ticket", created_after=EPOCH)


def main() -> None:
    email, token = sys.argv[1:]
    zendesk = Zenpy(subdomain="judged", email=email, token=token)
    for stream, records in _streams(zendesk):
        for record in records:
            sys.stdout.write(json.dumps([stream, record.to_dict()], default=str) + "\n")


main()
