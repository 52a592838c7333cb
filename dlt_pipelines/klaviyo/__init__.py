"""Klaviyo as raw tables: profiles with consent and suppression, events, metrics, lists and list_members.

Belongs here: the dlt source, what each resource remembers between loads, and `load`. Does not belong here:
requests (`client`), columns (`decoding`), numbers (`settings`).

What is incremental reads again a little of what it read before, and merges by id: nothing is skipped and
nothing is doubled.

    from dlt_pipelines.klaviyo import load
    load(warehouse, api_key=key)

or `python -m dlt_pipelines.klaviyo --help`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.klaviyo import settings
from dlt_pipelines.klaviyo.client import KlaviyoClient, iso
from dlt_pipelines.klaviyo.decoding import (
    EVENTS,
    LIST_MEMBERS,
    LISTS,
    METRICS,
    PROFILES,
    Page,
    ProfileResource,
    event_row,
    list_row,
    member_row,
    metric_row,
    profile_row,
)
from dlt_pipelines.klaviyo.deletions import rows_of_deleted_profiles
from dlt_pipelines.pipeline import LoadReport, load_until_caught_up, make_pipeline

__all__ = ["NAME", "RESOURCES", "klaviyo_source", "load", "make_pipeline"]

NAME = "klaviyo"
RESOURCES = ("profiles", "events", "metrics", "lists", "list_members")


@dlt.source(name=NAME)
def klaviyo_source(
    base_url: str = settings.BASE_URL,
    api_key: str = dlt.secrets.value,
    *,
    start_date: datetime = settings.FIRST_MOMENT,
    clock: Any = None,
    profile_pages_per_package: int = settings.PROFILE_PAGES_PER_PACKAGE,
    event_pages_per_package: int = settings.EVENT_PAGES_PER_PACKAGE,
) -> Any:
    """Everything the platform reads from Klaviyo.

    `api_key` is a private key with profiles:read, events:read, metrics:read and lists:read. `start_date`
    bounds the first load. `clock` returns the present moment (default: the computer's clock). A run stops
    profiles and events after so many pages; run again until caught up, as `load` does.
    """
    client = KlaviyoClient(base_url, api_key)
    now: Callable[[], datetime] = clock or (lambda: datetime.now(UTC))

    @dlt.resource(**PROFILES.merged)
    def profiles() -> Iterator[pa.Table]:
        """Profiles with consent and suppression, deleted ones marked."""
        state = dlt.current.resource_state()
        started = now()
        yield PROFILES.arrow([])
        # Before the changes: what is suppressed while these pages are read is found by the next load.
        suppressions_read_at = _moment(state, "suppressions_read_at")
        state["suppressions_read_at"] = iso(started)
        if suppressions_read_at is not None:
            since = suppressions_read_at - settings.SUPPRESSIONS_LOOKBACK
            yield from _profile_tables(client.profiles_suppressed_since(since))
        yield from _changed_profiles(client, state, start_date, profile_pages_per_package)
        swept_at = _moment(state, "swept_at")
        if swept_at is None:
            state["swept_at"] = iso(started)  # the first load has read them all
        elif state["caught_up"] and started - swept_at >= settings.SWEEP_EVERY:
            present: set[str] = set()
            for page in client.all_profiles():
                present.update(profile.id for profile in page.data)
                yield PROFILES.arrow([profile_row(profile) for profile in page.data])
            state["swept_at"] = iso(started)
            yield from rows_of_deleted_profiles(dlt.current.pipeline(), present)

    @dlt.resource(**EVENTS.merged)
    def events() -> Iterator[pa.Table]:
        """Events up to now; those of the last hours are read again by the next load."""
        state = dlt.current.resource_state()
        started = now()
        yield EVENTS.arrow([])
        metric_names = {metric.id: metric.attributes.name for metric in client.metrics}
        horizon = started - settings.EVENTS_LAG
        since = _events_since(state, started) or start_date
        for count, page in enumerate(client.events(since, started), start=1):
            is_last = page.links.next is None
            newest = page.data[-1].attributes.datetime if page.data else since
            # An event that is dated in the future must not carry the cursor along.
            state["cursor"] = iso(horizon if is_last else min(newest, horizon))
            state["caught_up"] = is_last
            yield EVENTS.arrow([event_row(event, metric_names) for event in page.data])
            # Stopping is only safe where the next package can go on: further than this one began.
            if count >= event_pages_per_package and since < newest < horizon:
                return

    @dlt.resource(**METRICS.replaced)
    def metrics() -> Iterator[pa.Table]:
        """Metrics, the kinds of events."""
        yield METRICS.arrow([metric_row(metric) for metric in client.metrics])

    @dlt.resource(**LISTS.replaced)
    def lists() -> Iterator[pa.Table]:
        """Lists."""
        yield LISTS.arrow([list_row(each) for each in client.lists])

    @dlt.resource(**LIST_MEMBERS.replaced)
    def list_members() -> Iterator[pa.Table]:
        """Members of every list, read in full: leaving a list shows nowhere else."""
        yield LIST_MEMBERS.arrow([])
        for each in client.lists:
            for page in client.members(each.id):
                yield LIST_MEMBERS.arrow([member_row(each.id, member) for member in page.data])

    for table, resource in ((PROFILES, profiles), (EVENTS, events), (LIST_MEMBERS, list_members)):
        table.lay_out(resource)
    return profiles, events, metrics, lists, list_members


def load(
    warehouse: Path | str | BigQuery,
    *,
    dataset: str = NAME,
    base_url: str | None = None,
    api_key: str | None = None,
    pipelines_dir: Path | str | None = None,
    resources: Sequence[str] | None = None,
    clock: Callable[[], datetime] | None = None,
    report: Callable[[str], None] | None = None,
) -> LoadReport:
    """Load everything that is new into a schema of `warehouse`: a DuckDB file, or a place in BigQuery.

    What is not given comes from dlt's configuration (`sources.klaviyo.api_key`, …). Raises an
    `IngestionError` whose message is one line for a person.
    """
    given = {"base_url": base_url, "api_key": api_key, "clock": clock}
    arguments = {name: value for name, value in given.items() if value is not None}

    def make_source() -> Any:
        source = klaviyo_source(**arguments)
        return source.with_resources(*resources) if resources else source

    return load_until_caught_up(
        make_source, lambda: make_pipeline(NAME, warehouse, pipelines_dir, dataset=dataset), report=report
    )


def _changed_profiles(
    client: KlaviyoClient, state: dict[str, Any], start_date: datetime, budget: int
) -> Iterator[pa.Table]:
    """Profiles changed since the last load, `budget` pages at most."""
    cursor = _moment(state, "updated")
    if cursor is None:
        after = start_date - settings.TICK
    elif state.get("caught_up", True):
        after = cursor - settings.PROFILES_LOOKBACK
    else:
        after = cursor - settings.TICK
    state["caught_up"] = True
    for count, page in enumerate(client.profiles_updated_after(after), start=1):
        state["caught_up"] = page.links.next is None
        newest = page.data[-1].attributes.updated if page.data else None
        if newest is not None:
            state["updated"] = iso(newest)
        yield PROFILES.arrow([profile_row(profile) for profile in page.data])
        # One import changes thousands of profiles in one second: stop only where the next package can go on.
        if count >= budget and newest is not None and newest - settings.TICK > after:
            return


def _events_since(state: dict[str, Any], started: datetime) -> datetime | None:
    """From when on to read events; None on the first load."""
    cursor = _moment(state, "cursor")
    read_widely_at = _moment(state, "read_widely_at")
    if cursor is None or read_widely_at is None:
        state["read_widely_at"] = iso(started)
        return None
    if not state.get("caught_up", True):
        return cursor
    if started - read_widely_at >= settings.WIDE_EVERY:
        state["read_widely_at"] = iso(started)
        return cursor - settings.WIDE_LOOKBACK
    return cursor - settings.EVENTS_LOOKBACK


def _profile_tables(pages: Iterator[Page[ProfileResource]]) -> Iterator[pa.Table]:
    for page in pages:
        yield PROFILES.arrow([profile_row(profile) for profile in page.data])


def _moment(state: dict[str, Any], name: str) -> datetime | None:
    text = state.get(name)
    return datetime.fromisoformat(text) if text else None
