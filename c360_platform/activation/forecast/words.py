"""A forecast in plain words, the same on the terminal and in Dagster.

Belongs here: sentences and short texts. Does not belong here: how they are laid out, and numbers that are not
in the forecast.
"""

from __future__ import annotations

from collections.abc import Mapping

from c360_platform.activation.forecast.figures import (
    NOT_INGESTED,
    OPERATIONS,
    WRITTEN_SINCE,
    Forecast,
    Sample,
)
from c360_platform.activation.forecast.masking import shown_value

_VERBS = {
    "create": "create {n}",
    "add": "add {n}",
    "update": "update {n}",
    "clear": "empty fields of {n}",
    "remove": "remove {n}",
    "retire": "retire {n}",
    "event": "send {n}",
}
NOTHING = "nothing"
_MOST_NAMES = 8


def target(forecast: Forecast) -> str:
    """Where the rows go."""
    return f"“{forecast.target}”" if forecast.object == "list" else forecast.object


def would_do(forecast: Forecast) -> str:
    """What a run would send, as in `create 12, update 30`."""
    if forecast.failed:
        return "cannot be planned"
    counts = forecast.operations
    parts = [
        _VERBS[name].format(n=f"{counts[name]:,}") for name in OPERATIONS[forecast.object] if counts.get(name)
    ]
    text = ", ".join(parts) or NOTHING
    if forecast.held:
        return f"HELD (else {text})" if parts else "HELD"
    return text


def new_profiles(forecast: Forecast) -> str:
    """How many profiles Klaviyo would make and bill."""
    at_most = "up to " if forecast.new_profiles and forecast.ingested_at is None else ""
    return f"{at_most}{forecast.new_profiles:,}"


def duration(seconds: int) -> str:
    """Seconds for people; what needs no waiting is done `at once`."""
    if seconds < 1:
        return "at once"
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def size(of_bodies: int) -> str:
    """Bytes for people."""
    return f"{of_bodies / 1e6:,.1f} MB" if of_bodies >= 1e6 else f"{-(-of_bodies // 1000):,} KB"


def notes(forecast: Forecast) -> list[str]:
    """What a person should know of the sync beside its numbers, most important first."""
    if forecast.failed:
        return [forecast.failed.removeprefix(f"sync {forecast.sync}: ")]
    found = (
        [f"would be held: {forecast.held.removeprefix(f'sync {forecast.sync}: ')}"] if forecast.held else []
    )
    if forecast.open:
        found.append(f"settles {forecast.open:,} rows of an earlier run first")
    if forecast.new_profiles and forecast.ingested_at is not None:
        found.append(f"makes {_counted(forecast.new_profiles, 'new profile')}, which Klaviyo bills")
    elif forecast.new_profiles:
        found.append(
            f"makes up to {_counted(forecast.new_profiles, 'new profile')}, which Klaviyo bills; how many "
            f"exactly is {NOT_INGESTED}"
        )
    found += _change_notes(forecast)
    if forecast.backfill:
        found.append(f"sends {_counted(forecast.backfill, 'event')} as history, which starts no flow")
    if forecast.live:
        found.append(f"sends {_counted(forecast.live, 'event')} as news, which may start flows")
    found += _merge_notes(forecast)
    if forecast.leaving and forecast.object == "list":
        found.append(
            f"{_people(forecast.leaving)} left the segment and stay until their grace period is over"
        )
    if forecast.released:
        found.append(
            f"{_people(forecast.released)} left the segment and stay on the list: they were there before us"
        )
    found += [f"does not send {n:,}: {reason}" for reason, n in forecast.withheld.items()]
    if forecast.withheld and forecast.object == "list":
        found.append("people whom a push of profiles brings to Klaviyo before are not counted yet")
    if forecast.rejected:
        found.append(f"keeps out {listed(forecast.rejected)}")
    if forecast.refused:
        found.append(f"keeps out what Klaviyo refused before: {listed(forecast.refused)}")
    if forecast.postponed:
        found.append(f"leaves {forecast.postponed:,} rows, which must travel one by one, to later runs")
    return found


def _change_notes(forecast: Forecast) -> list[str]:
    changed, found = forecast.changed, []
    if changed.by_name:
        of = f" (of {changed.compared:,} compared)" if changed.compared < changed.rows else ""
        found.append(f"changes {listed(changed.by_name)}{of}")
    if forecast.cleared:
        found.append(f"empties {listed(forecast.cleared)}")
    if changed.unknown:
        why = NOT_INGESTED if forecast.ingested_at is None else WRITTEN_SINCE
        found.append(f"what changes in {_people(changed.unknown)} is {why}")
    return found


def _merge_notes(forecast: Forecast) -> list[str]:
    merged = forecast.merged
    if not merged.people:
        return []
    rows = {
        "leave the list at once": merged.leave,
        "stay on it, as they were there before us": merged.stay,
        "stay behind as profiles, without what this sync wrote": merged.retire,
        "stay as they are until Klaviyo has confirmed the other one": merged.wait,
    }
    texts = ", ".join(f"that {what}: {n:,}" for what, n in rows.items() if n)
    verb = "goes" if merged.people == 1 else "go"
    return [f"{_people(merged.people)} {verb} on under another address, merged or changed; old ones {texts}"]


def listed(counted: Mapping[str, int]) -> str:
    """Names with their numbers, the first few of them."""
    names = [f"{name} ({n:,})" for name, n in list(counted.items())[:_MOST_NAMES]]
    more = len(counted) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def what_happens(sample: Sample, *, most: int = 6) -> str:
    """What would happen to one row, in a line with the first few of its changes."""
    if sample.metric:
        when = sample.occurred_at.strftime(" of %Y-%m-%d %H:%M") if sample.occurred_at else ""
        return f"{sample.metric}{when}" + (f": {sample.reason}" if sample.reason else "")
    if sample.goes_on_as:
        return f"goes on as {sample.goes_on_as}"
    if sample.reason or sample.changes is None:
        return sample.reason
    is_new = sample.operation in ("create", "add")
    texts = [
        f"{change.name} {'' if is_new else f'{shown_value(change.old)} → '}{shown_value(change.new)}"
        for change in sample.changes[:most]
    ]
    more = len(sample.changes) - most
    return ", ".join(texts) + (f" and {more} more" if more > 0 else "")


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n:,} people"


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"
