"""Reading Klaviyo table by table: Arrow tables to merge, what is read again and how far a load got.

Belongs here: what each table remembers in dlt's state, look-backs, sweeps. Does not belong here: requests
(`client`), columns (`tables`), numbers (`settings`), dlt resources (`source`).

What is incremental reads again a little of what it read before, and merges by key: nothing is skipped and
nothing is doubled. All times are Klaviyo's own, so a wrong clock on this side moves no window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt
import msgspec
import pyarrow as pa

from dlt_pipelines.journal import Journal, Rejected
from dlt_pipelines.klaviyo import answers, gone, rows, settings
from dlt_pipelines.klaviyo.client import KlaviyoClient, iso
from dlt_pipelines.klaviyo.tables import (
    EVENTS,
    LIST_MEMBERS,
    LISTS,
    METRICS,
    PROFILE_PREDICTIONS,
    PROFILES,
    SUPPRESSIONS,
    ListMember,
    Suppression,
)
from dlt_pipelines.records import extra_fields

Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Reading:
    """One run's reading of an account; each method gives the rows of one table.

    A table gets one Arrow table at least, so that it exists also when the account has no rows for it.
    """

    client: KlaviyoClient
    journal: Journal
    start_date: datetime
    profile_pages_per_package: int
    event_pages_per_package: int
    events_window: Window | None

    def profiles(self) -> Iterator[pa.Table]:
        """Profiles with consent and suppression, deleted ones marked."""
        state = dlt.current.resource_state()
        started = self.client.now()
        yield PROFILES.arrow([])
        # Before the changes: what is suppressed while these pages are read is found by the next load.
        suppressions_read_at = _moment(state, "suppressions_read_at")
        state["suppressions_read_at"] = iso(started)
        if suppressions_read_at is not None:
            since = suppressions_read_at - settings.SUPPRESSIONS_LOOKBACK
            for page in self.client.profiles_suppressed_since(since):
                yield self._profiles(page)
        read: set[str] = set()
        yield from self._changed_profiles(state, read)
        swept_at = _moment(state, "swept_at")
        if swept_at is None:
            state["swept_at"] = iso(started)  # the first load reads them all
        elif state["caught_up"] and started - swept_at >= settings.SWEEP_EVERY:
            yield from self._sweep(read)
            state["swept_at"] = iso(started)

    def events(self) -> Iterator[pa.Table]:
        """Events up to now, or of a window; those of the last hours are read again by the next load."""
        yield EVENTS.arrow([])
        if self.events_window is not None:  # what was read by the ordinary loads stays as it is
            for page in self.client.events(*self.events_window, with_end=False):
                yield self._events(page)
            return
        state = dlt.current.resource_state()
        started = self.client.now()
        horizon = started - settings.EVENTS_LAG
        since = _events_since(state, started) or self.start_date
        for count, page in enumerate(self.client.events(since, started), start=1):
            is_last = page.links.next is None
            newest = page.data[-1].attributes.datetime if page.data else since
            # An event that is dated in the future must not carry the cursor along.
            cursor = horizon if is_last else min(newest, horizon)
            state["cursor"] = iso(cursor)
            state["caught_up"] = is_last
            yield self._events(page, cursor)
            # Stopping is only safe where the next package can go on: further than this one began.
            if count >= self.event_pages_per_package and since < newest < horizon:
                return

    def metrics(self) -> Iterator[pa.Table]:
        """Metrics, the kinds of events."""
        found = self.client.metrics
        self.journal.page(METRICS.name, len(found))
        yield METRICS.arrow(
            [rows.metric_row(metric) for metric in found],
            extra_fields([(metric, metric.attributes) for metric in found]),
        )

    def lists(self) -> Iterator[pa.Table]:
        """Lists."""
        found = self.client.lists
        self.journal.page(LISTS.name, len(found))
        yield LISTS.arrow(
            [rows.list_row(each) for each in found],
            extra_fields([(each, each.attributes) for each in found]),
        )

    def list_members(self) -> Iterator[pa.Table]:
        """Members of every list, read in full: leaving a list shows nowhere else."""
        yield LIST_MEMBERS.arrow([])
        for each in self.client.lists:
            for page in self.client.members(each.id):
                self.journal.page(LIST_MEMBERS.name, len(page.data))
                members = [
                    ListMember(each.id, member.id, member.attributes.joined_group_at) for member in page.data
                ]
                yield LIST_MEMBERS.arrow(members)

    def profile_predictions(self) -> Iterator[pa.Table]:
        """What Klaviyo computes about profiles with orders, once a day, in packages of its own."""
        yield PROFILE_PREDICTIONS.arrow([])
        state = dlt.current.resource_state()
        started = self.client.now()
        read_at = _moment(state, "read_at")
        if state.get("caught_up", True) and read_at and started - read_at < settings.PREDICTIONS_EVERY:
            return
        after = _moment(state, "created") if not state.get("caught_up", True) else None
        state["caught_up"], state["read_at"] = True, iso(started)
        pages = self.client.predictions(after - settings.TICK if after else None)
        for count, page in enumerate(pages, start=1):
            found = [(row, each) for each in page.data if (row := rows.prediction_row(each, started))]
            newest = page.data[-1].attributes.created if page.data else None
            state["caught_up"] = page.links.next is None
            state["created"] = iso(newest) if newest else state.get("created")
            self.journal.page(PROFILE_PREDICTIONS.name, len(found))
            yield PROFILE_PREDICTIONS.arrow(
                [row for row, _ in found],
                extra_fields([each.attributes.predictive_analytics for _, each in found]),
            )
            # One import makes thousands of profiles in one second: stop only where reading can go on.
            if count >= self.profile_pages_per_package and newest and (after is None or newest > after):
                return

    def suppressions(self) -> Iterator[pa.Table]:
        """Why people get no e-mail, by list and reason; what was lifted is found by a weekly full reading."""
        yield SUPPRESSIONS.arrow([])
        state = dlt.current.resource_state()
        started = self.client.now()
        read_at, swept_at = _moment(state, "read_at"), _moment(state, "swept_at")
        is_sweep = read_at is None or swept_at is None or started - swept_at >= settings.SWEEP_EVERY
        since = self.start_date if is_sweep or read_at is None else read_at - settings.SUPPRESSIONS_LOOKBACK
        present: set[gone.Key] = set()
        unread = False
        for page in self.client.profiles_suppressed_since(since):
            found: list[Suppression] = []
            for profile in page.data:
                try:
                    found += rows.suppression_rows(profile, started)
                except msgspec.DecodeError as error:
                    unread = True
                    self.journal.reject(
                        Rejected(
                            SUPPRESSIONS.name,
                            profile.id,
                            f"suppression: {str(error).partition(' - at ')[0]}",
                            rows.suppressions_sent(profile),
                        )
                    )
            present.update((row.profile_id, row.list_id, row.reason) for row in found)
            self.journal.page(SUPPRESSIONS.name, len(found))
            yield SUPPRESSIONS.arrow(found)
        state["read_at"] = iso(started)
        if not is_sweep or unread:
            return
        state["swept_at"] = iso(started)
        if read_at is not None:  # the first load has nothing to compare with
            pipeline = dlt.current.pipeline()
            lifted = set(gone.known_keys(pipeline, SUPPRESSIONS, "lifted_at is null")) - present
            mark = {"lifted_at": started, "read_at": started}
            yield from gone.rows_marked_gone(pipeline, SUPPRESSIONS, lifted, mark)

    def _changed_profiles(self, state: dict[str, Any], read: set[str]) -> Iterator[pa.Table]:
        """Profiles changed since the last load, a package's pages at most; their ids go to `read`."""
        cursor = _moment(state, "updated")
        if cursor is None:
            after = self.start_date - settings.TICK
        elif state.get("caught_up", True):
            after = cursor - settings.PROFILES_LOOKBACK
        else:
            after = cursor - settings.TICK
        state["caught_up"] = True
        for count, page in enumerate(self.client.profiles_updated_after(after), start=1):
            state["caught_up"] = page.links.next is None
            newest = page.data[-1].attributes.updated if page.data else None
            if newest is not None:
                state["updated"] = iso(newest)
            read.update(profile.id for profile in page.data)
            self.journal.compare_fields((PROFILES.name,), state)
            yield self._profiles(page, self.client.now() if state["caught_up"] else newest)
            # One import changes thousands of profiles in one second: stop only where the next one can go on.
            if count >= self.profile_pages_per_package and newest and newest - settings.TICK > after:
                return

    def _sweep(self, read: set[str]) -> Iterator[pa.Table]:
        """Mark the profiles that are gone, and read those that no load has brought."""
        present: set[str] = set()
        rejections = self.journal.rejections
        for ids in self.client.profile_ids():
            present.update(each.id for each in ids.data)
        pipeline = dlt.current.pipeline()
        known = {key for (key,) in gone.known_keys(pipeline, PROFILES, "not coalesce(is_deleted, false)")}
        for page in self.client.profiles_by_id(sorted(present - known - read)):
            yield self._profiles(page)
        if self.journal.rejections == rejections:  # an id that cannot be read is not gone
            missing = {(each,) for each in known - present - read}
            yield from gone.rows_marked_gone(pipeline, PROFILES, missing, {"is_deleted": True})

    def _profiles(
        self, page: answers.Page[answers.ProfileResource], position: datetime | None = None
    ) -> pa.Table:
        self.journal.page(PROFILES.name, len(page.data), position=position, now=self.client.now())
        return PROFILES.arrow(
            [rows.profile_row(profile) for profile in page.data],
            extra_fields([(profile, profile.attributes) for profile in page.data]),
        )

    def _events(
        self, page: answers.Page[answers.EventResource], position: datetime | None = None
    ) -> pa.Table:
        names = {metric.id: metric.attributes.name for metric in self.client.metrics}
        self.journal.page(EVENTS.name, len(page.data), position=position, now=self.client.now())
        return EVENTS.arrow(
            [rows.event_row(event, names) for event in page.data],
            extra_fields([(event, event.attributes) for event in page.data]),
        )


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


def _moment(state: dict[str, Any], name: str) -> datetime | None:
    text = state.get(name)
    return datetime.fromisoformat(text) if text else None
