"""Events in bulk: each has one id for ever, and counts as sent only when it has been read back.

Belongs here: sending events, reading them back, settling what an earlier run left open. Does not belong here:
which events are due (`plan`), isolating rows (`delivery`). Klaviyo answers bulk events with an empty 202: no
job, no errors. It records a unique id of a profile and metric once, so sending again what may have arrived is
safe.
"""

from __future__ import annotations

import heapq
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from c360_platform.activation.delivery import ROW_COLUMNS, RowsAhead, Run
from c360_platform.activation.errors import ApiProblem, KlaviyoRefused
from c360_platform.activation.isolation import BulkSender, rejection_of, without
from c360_platform.activation.ledger_tables import Batch
from c360_platform.activation.payloads import event_body

if TYPE_CHECKING:
    import pyarrow as pa

_POINTER = re.compile(
    r"/data/attributes/events-bulk-create/data/(\d+)(?:/attributes/events/data/(\d+))?(?:/|$)"
)
# The documentation says of bulk events that a unique id which is known already fails the whole request. In
# which words is not documented.
_REPEATED = re.compile(r"repeat|duplicat|already|exist", re.IGNORECASE)
# Klaviyo indexes events after it has taken them, back-dated ones later. What is missing then is sent again.
_INDEXED_WITHIN = timedelta(hours=1)
_MOST_SENDS = 3
# Reading back asks for windows of time; events closer together than these seconds share one.
_WINDOW_GAP = 6 * 3600


@dataclass(frozen=True, slots=True)
class Awaited:
    """An event that should be found in Klaviyo."""

    key: str
    metric: str
    occurred_s: int


class Events:
    """The lane `event`; a `BulkLane` of events."""

    reads_rows = True

    def __init__(self, run: Run) -> None:
        self.run = run
        self._sender = BulkSender(run, self)
        self._rows = RowsAhead(run, (*ROW_COLUMNS, "recipient", "occurred_s"))
        self._metric_ids: dict[str, list[str]] = {}
        self._there: set[str] = set()  # events that Klaviyo refused because it has them
        self._body: pa.Table | None = None  # the rows of the last body, to which pointers refer

    def deliver(self, batches: Sequence[Batch]) -> None:
        """Send the batches and wait until their events can be read; what is not found stays pending."""
        self._rows.expect(batches)
        self._await([taken for batch in batches for taken in self._sender.send(batch)])

    def resume(self, batches: Sequence[Batch]) -> None:
        """Settle batches of an earlier run: read back first, then send what is missing and had its time."""
        if not batches:
            return
        missing = self._missing(batches)
        self.run.confirm([batch for batch in batches if not missing[batch.batch_id]])
        waiting: list[Batch] = []
        for batch in batches:
            lost = missing[batch.batch_id]
            if not lost:
                continue
            if batch.accepted_at is not None and self.run.now - batch.accepted_at < _INDEXED_WITHIN:
                waiting.append(batch)
            elif batch.sends >= _MOST_SENDS:
                self._give_up(batch, lost)
            else:
                # What is there is confirmed first: a row that has changed since leaves the rest.
                there = batch.rows - len(lost)
                rest = self.run.ledger.confirm_but(batch, lost, self.run.run_id, self.run.moment())
                self.run.confirmed["event"] += max(there, 0)
                waiting += self._sender.send(rest)
        self._await(waiting)

    def rows(self, batch: Batch) -> pa.Table:
        return self._rows.of(batch)

    def post(self, batch: Batch, rows: pa.Table | None) -> str:
        rows = self.rows(batch) if rows is None else rows
        while True:
            try:
                self._post(batch, rows)
            except KlaviyoRefused as refusal:
                if not _means_repeated(refusal):
                    raise
            else:
                return ""
            # Somebody has sent some of them before: only the others are sent.
            found = set(rows["key"].to_pylist()) - self._missing([batch])[batch.batch_id]
            if found <= self._there:
                # What cannot be read yet is known soon; until then nobody can tell what is to be sent.
                self.run.say("Klaviyo has events of a batch already but does not show them yet")
                return ""
            self._there |= found

    def index_of(self, pointer: str, rows: pa.Table) -> int | None:
        match = _POINTER.match(pointer)
        body = rows if self._body is None else self._body
        if match is None:
            return None
        entry, event = int(match[1]), int(match[2] or 0)
        groups = groupby(
            range(body.num_rows), key=body["recipient"].to_pylist().__getitem__
        )  # as in the body
        indices = next((list(group) for number, (_, group) in enumerate(groups) if number == entry), [])
        if event >= len(indices):
            return None
        return rows["position"].to_pylist().index(body["position"][indices[event]].as_py())

    def _post(self, batch: Batch, rows: pa.Table) -> None:
        keys = rows["key"].to_pylist()
        self._body = body = without(rows, {at for at, key in enumerate(keys) if key in self._there})
        if body.num_rows:
            first_news = self.run.now.timestamp() - 3600 * self.run.spec.backfill_after_hours
            old = [batch.is_backfill or second < first_news for second in body["occurred_s"].to_pylist()]
            texts = zip(body["recipient"].to_pylist(), body["payload"].to_pylist(), old, strict=True)
            self.run.klaviyo.send_events(event_body(texts))

    def _await(self, batches: Sequence[Batch]) -> None:
        waiting = list(batches)
        for pause in self.run.patience.pauses(self.run.patience.events):
            if not waiting:
                return
            missing = self._missing(waiting)
            self.run.confirm([batch for batch in waiting if not missing[batch.batch_id]])
            waiting = [batch for batch in waiting if missing[batch.batch_id]]
            if waiting:
                time.sleep(pause)
        if waiting:
            count = sum(batch.rows for batch in waiting)
            self.run.say(f"{count:,} events cannot be read back yet; the next run looks again")

    def _missing(self, batches: Sequence[Batch]) -> dict[str, set[str]]:
        """By batch, the ids of its events that Klaviyo does not show."""
        with self.run.ledger.warehouse.session():
            awaited = {
                batch.batch_id: [
                    Awaited(row["key"], row["metric"], row["occurred_s"])
                    for row in self.run.ledger.rows(batch, ("key", "metric", "occurred_s")).to_pylist()
                ]
                for batch in batches
            }
        by_metric: defaultdict[str, list[int]] = defaultdict(list)
        for events in awaited.values():
            for event in events:
                by_metric[event.metric].append(event.occurred_s)
        found = {
            (metric, key)
            for metric, seconds in by_metric.items()
            for metric_id in self._ids_of(metric)
            for first, last in windows(seconds)
            for key in self.run.klaviyo.event_ids(metric_id, first, last)
        }
        return {
            batch_id: {event.key for event in events if (event.metric, event.key) not in found}
            for batch_id, events in awaited.items()
        }

    def _ids_of(self, metric: str) -> list[str]:
        """The metric's ids; a metric exists from its first event on."""
        if metric not in self._metric_ids:
            self._metric_ids = self.run.klaviyo.metric_ids()
        return self._metric_ids.get(metric, [])

    def _give_up(self, batch: Batch, lost: set[str]) -> None:
        problem = ApiProblem(
            "not_recorded", f"Klaviyo took the event {batch.sends} times and never showed it"
        )
        rows = self.rows(batch)
        keys = rows["key"].to_pylist()
        self.run.reject(
            batch, [rejection_of(rows, at, problem) for at, key in enumerate(keys) if key in lost]
        )
        self.run.confirm([batch])


def _means_repeated(refusal: KlaviyoRefused) -> bool:
    """Whether a body is refused because of events that are known; such a row is no bad row."""
    return refusal.status == HTTPStatus.CONFLICT or any(
        "unique_id" in problem.pointer + problem.detail
        and _REPEATED.search(f"{problem.code} {problem.detail}")
        for problem in refusal.problems
    )


def windows(seconds: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Spans of time that hold all these seconds, without the longest empty stretches between them.

    Each span costs a request and each thousand events one more, so there are few spans for few moments.
    """
    times = sorted(seconds)
    pairs = list(pairwise(times))
    most_cuts = 2 + len(times) // 1_000
    longest = heapq.nlargest(
        most_cuts, range(len(pairs)), key=lambda index: pairs[index][1] - pairs[index][0]
    )
    cuts = sorted(index + 1 for index in longest if pairs[index][1] - pairs[index][0] > _WINDOW_GAP)
    for start, end in pairwise([0, *cuts, len(times)]):
        if start < end:
            yield times[start], times[end - 1]
