"""What a month costs when runs start at the default times.

Belongs here: which statements each schedule sends and how often. Does not belong here: the schedules
themselves (`c360_platform.automation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from c360_platform.activation.spec import SyncSpec
from c360_platform.costs.estimate import Cost
from c360_platform.googlesql.compiled import CompiledProject

DAYS_PER_MONTH = 30.4375
# What the hourly job watches: the source whose tables its models follow from.
_WATCHED_SOURCE = "shipments"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One schedule: runs in a month, statements and bytes billed in one run."""

    name: str
    runs_per_month: float
    statements: int
    billed: float


def monthly(
    costs: Sequence[Cost], project: CompiledProject, specs: Sequence[SyncSpec], schedules: Mapping[str, str]
) -> list[Scheduled]:
    """Every schedule (name to cron) with its part of a run's costs.

    The nightly job builds everything, and every push follows it; the others push their own kind of sync. The
    hourly one builds and tests the models between the carriers' tables and the events first. The weekly full
    refresh is counted like a night, which is a few percent too little.
    """
    from c360_platform.assets.activate import SCHEDULE_GROUPS

    groups = {spec.name: SCHEDULE_GROUPS[spec.object] for spec in specs}
    events = {spec.unique_id for spec in specs if spec.object == "events"}
    between = _between(project, events)
    found = []
    for name, cron in schedules.items():
        if name in groups.values():
            chosen = [cost for cost in costs if groups.get(cost.statement.sync) == name]
            if name == SCHEDULE_GROUPS["events"]:
                chosen += [
                    cost for cost in costs if not cost.statement.sync and cost.statement.node in between
                ]
        else:
            chosen = list(costs)
        found.append(_scheduled(name, runs_per_day(cron) * DAYS_PER_MONTH, chosen))
    return found


def runs_per_day(cron: str) -> float:
    """Runs a day, on average, of a cron line that names minutes, hours and maybe days of the week."""
    minutes, hours, *dates, weekdays = cron.split()
    if dates != ["*", "*"]:
        raise ValueError(f"{cron!r} names days of a month: count its runs by hand")
    return _values(minutes, 60) * _values(hours, 24) * _values(weekdays, 7) / 7


def _values(part: str, most: int) -> int:
    if part.startswith("*"):
        return most // int(part.partition("/")[2] or 1)
    return len(part.split(","))


def _between(project: CompiledProject, ends: set[str]) -> set[str]:
    """Nodes that follow from the watched source and lead to one of the ends."""
    follows = {
        node.unique_id
        for node in project.nodes.values()
        if node.unique_id.startswith(f"source.c360.{_WATCHED_SOURCE}.")
    }
    for node in project.nodes.values():  # parents come first
        if node.kind != "test" and not follows.isdisjoint(node.parents):
            follows.add(node.unique_id)
    leads = set(ends)
    for node in reversed(list(project.nodes.values())):
        if node.unique_id in leads:
            leads.update(node.parents)
    return {name for name in follows & leads if not name.startswith("source.")}


def _scheduled(name: str, runs: float, costs: Iterable[Cost]) -> Scheduled:
    some = list(costs)
    return Scheduled(
        name, runs, sum(cost.statement.times for cost in some), sum(cost.billed for cost in some)
    )
