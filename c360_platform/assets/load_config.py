"""What a person can ask of one load in the launchpad: how much per package, and old events again.

Belongs here: run config of the load assets, and what it means to the sources. Does not belong here: what
holds for every load (settings), running it (ingest.py).
"""

# Annotations are not postponed here: Dagster needs those of config classes as objects.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from pydantic import Field

EVENTS = "events"


@dataclass(frozen=True)
class Part:
    """A stretch of a load: the tables (None: all) and further arguments of the source.

    It takes as many packages as there is something left to read, or one only (`once`).
    """

    tables: Sequence[str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False


class ZendeskLoad(dg.Config):
    """One load of Zendesk."""

    pages_per_package: int | None = Field(
        default=None,
        description="Pages of 1,000 rows of each export until a package is committed; a kill costs one.",
    )

    def parts(self, tables: Sequence[str] | None) -> list[Part]:
        """The load of these tables (None: all). Raises an `IngestionError` for a number that is none."""
        return [Part(tables, _given(pages_per_package=self.pages_per_package))]


class KlaviyoLoad(dg.Config):
    """One load of Klaviyo, and events of a window again."""

    pages_per_package: int | None = Field(
        default=None,
        description="Pages of 100 profiles or 1,000 events until a package is committed; a kill costs one.",
    )
    events_from: str | None = Field(
        default=None,
        description="First day (UTC, 2026-01-01) of events that are read again after the ordinary load.",
    )
    events_to: str | None = Field(default=None, description="Last day of the events that are read again.")

    def parts(self, tables: Sequence[str] | None) -> list[Part]:
        """The load of these tables (None: all), in order; a window is cut into weeks.

        Raises an `IngestionError` when the days are no window, or events are not among the tables.
        """
        from dlt_pipelines.errors import ResourceSelectionError
        from dlt_pipelines.klaviyo import event_windows
        from dlt_pipelines.klaviyo.days import window_of_days

        pages = self.pages_per_package
        options = _given(profile_pages_per_package=pages, event_pages_per_package=pages)
        parts = [Part(tables, options)]
        window = window_of_days(self.events_from, self.events_to)
        if window is None:
            return parts
        if tables is not None and EVENTS not in tables:
            raise ResourceSelectionError("events_from and events_to read events again: select klaviyo/events")
        weeks = event_windows(*window)
        return parts + [Part([EVENTS], options | {"events_window": week}, once=True) for week in weeks]


CONFIGS: Mapping[str, type[ZendeskLoad] | type[KlaviyoLoad]] = {
    "zendesk": ZendeskLoad,
    "klaviyo": KlaviyoLoad,
}


def _given(**options: int | None) -> dict[str, Any]:
    """What was not asked for is the source's own choice."""
    from dlt_pipelines.errors import IngestionError

    if any(value is not None and value < 1 for value in options.values()):
        raise IngestionError("pages_per_package must be above zero")
    return {name: value for name, value in options.items() if value is not None}
