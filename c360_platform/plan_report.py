"""What `c360 plan` prints: one screen for the shop, details for syncs that were named, or one JSON document.

Belongs here: the layout on a terminal. Does not belong here: the dry run itself, and its words
(`activation.forecast_words`). Nobody's data is printed unmasked unless `--unmask` asks for it.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from c360_platform.activation.forecast import words
from c360_platform.activation.forecast.figures import Total, document
from c360_platform.settings import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from c360_platform.activation.forecast.figures import Forecast
    from c360_platform.activation.spec import SyncSpec


def chosen(specs: Sequence[SyncSpec], names: Sequence[str]) -> list[SyncSpec]:
    """The syncs of these names, all without one. Raises `SettingsError` for a name that is none's."""
    known = {spec.name: spec for spec in specs}
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
            raise SettingsError(f"there is no sync {name}: {advice}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(specs)


def print_json(forecasts: Sequence[Forecast], *, at: datetime, masked: bool) -> None:
    """One document on stdout and nothing else."""
    import orjson

    text = orjson.dumps(document(forecasts, at=at, masked=masked), option=orjson.OPT_INDENT_2)
    sys.stdout.write(text.decode() + "\n")


def print_forecasts(console: Console, forecasts: Sequence[Forecast], *, detailed: bool) -> None:
    """The shop on one screen; `detailed` adds what there is to know of every sync."""
    console.print(_overview(forecasts))
    for forecast in forecasts:
        found = words.notes(forecast)
        if found:
            colour = "red" if forecast.held or forecast.failed else "bold"
            console.print(f"[{colour}]{escape(forecast.sync)}[/]")
        for note in found:
            console.print(f"  {escape(note)}")
    if detailed:
        for forecast in forecasts:
            _print_details(console, forecast)
    console.print(_closing_line(forecasts))
    if not detailed and any(forecast.sent for forecast in forecasts):
        console.print("[dim]c360 plan SYNC shows calls and people of one of them[/]")


def _overview(forecasts: Sequence[Forecast]) -> Table:
    shown = Table(title="What a run would do", title_justify="left")
    shown.add_column("sync", no_wrap=True)
    shown.add_column("would do")
    for column in ("rows", "unchanged", "kept out", "new, billed", "requests"):
        shown.add_column(column, justify="right")
    for forecast in forecasts:
        loud = forecast.held or forecast.failed
        shown.add_row(
            escape(forecast.sync),
            f"[red]{words.would_do(forecast)}[/]" if loud else words.would_do(forecast),
            *(f"{n:,}" for n in (forecast.source_rows, forecast.unchanged, forecast.kept_out)),
            words.new_profiles(forecast),
            f"{forecast.requests:,}",
        )
    return shown


def _closing_line(forecasts: Sequence[Forecast]) -> str:
    total = Total.of(forecasts)
    if not total.rows:
        return "A run would send nothing." if any(one.sent for one in forecasts) else "Nothing differs."
    return (
        f"All together {total.rows:,} rows, {words.size(total.bytes)} in {total.requests:,} requests; by "
        f"Klaviyo's limits at the soonest: {words.duration(total.seconds)}. This was a dry run."
    )


def _print_details(console: Console, forecast: Forecast) -> None:
    console.print(f"\n[bold]{escape(forecast.sync)}[/] → {escape(words.target(forecast))}")
    _print_counts(console, "fields and properties that change", "name", forecast.changed.by_name)
    kept_out = {**forecast.rejected, **forecast.refused, **forecast.withheld}
    _print_counts(console, "rows that are kept out", "reason", kept_out)
    if forecast.calls:
        shown = _plain_table("calls", "endpoint", "requests", "at least")
        for calls in forecast.calls:
            shown.add_row(escape(calls.endpoint), f"{calls.requests:,}", words.duration(calls.seconds))
        console.print(shown)
    if forecast.samples:
        shown = _plain_table("some of them", "what", "who", "how")
        for sample in forecast.samples:
            who = " ".join(filter(None, (sample.person, sample.event)))
            shown.add_row(sample.operation, escape(who), escape(words.what_happens(sample)))
        console.print(shown)
    if forecast.changed.by_name and forecast.ingested_at is not None:
        moment = forecast.ingested_at.astimezone(UTC)
        console.print(f"Old values are those that Klaviyo had on {moment:%Y-%m-%d at %H:%M} UTC.")


def _print_counts(console: Console, title: str, what: str, counted: Mapping[str, int]) -> None:
    if counted:
        shown = _plain_table(title, what, "rows")
        for name, n in counted.items():
            shown.add_row(escape(name), f"{n:,}")
        console.print(shown)


def _plain_table(title: str, *columns: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE)
    for column in columns:
        shown.add_column(column)
    return shown
