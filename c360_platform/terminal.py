"""What a person sees while and after a command ran: progress, tables, the next step.

Belongs here: the order in which a command's pieces run and how their results look on a terminal. Does not
belong here: arguments (cli) and the work itself. No row of anybody's data is ever printed, only counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from c360_platform.settings import SettingsError

if TYPE_CHECKING:
    from c360_platform.activation.spec import SyncSpec
    from c360_platform.loop import RunOutcome
    from c360_platform.settings import Settings
    from c360_platform.warehouse import Warehouse

LAYERS = ("staging", "identity", "intermediate", "marts")
RAW_SOURCES = ("shopify", "amazon", "shipments", "webshop", "stripe", "ga4", "crm", "zendesk", "klaviyo")
PAIRS_ON_A_SCREEN = 20
SYNC_COUNTERS = ("planned", "sent", "confirmed", "rejected", "withheld", "unchanged", "pending")

# Bound to the stream of today: a run sends what dbt and dlt print to a file meanwhile.
console = Console(
    file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120
)


class LoopFailed(RuntimeError):  # noqa: N818  (reads as what happened)
    """A run or its verification failed; the details were printed before."""


@contextmanager
def services(settings: Settings, *, sandbox: bool) -> Iterator[Settings]:
    """Settings whose Klaviyo and Zendesk answer; with `sandbox`, the home's own stand-ins for as long."""
    if not sandbox:
        yield settings
        return
    from c360_platform.sandbox.server import running_sandbox

    with running_sandbox(settings.sandbox_path) as running:
        yield settings.pointed_at(running.url)


def loop_and_report(settings: Settings, *, verify: bool) -> None:
    """Run the loop job, print what every part did; raise `LoopFailed` unless all of it worked."""
    from c360_platform.loop import run_job

    outcome = run_job(settings, "loop", progress=say)
    if outcome.success:
        _print_rows("Rows in, by source", "table", _by_schema(outcome.rows, RAW_SOURCES))
        _print_rows("Rows, by model", "model", _by_schema(outcome.rows, LAYERS))
    _print_syncs(outcome)
    for warning in outcome.warnings:
        console.print(f"[yellow]warning[/]: {escape(warning)} did not pass; the Dagster UI shows why")
    _raise_for(outcome)
    if verify:
        _verify(settings)
    console.print(f"[green]done[/] in {outcome.seconds:.0f} s")


def build_and_report(settings: Settings) -> None:
    """Build and test the models, print their rows."""
    from c360_platform.loop import run_job

    outcome = run_job(settings, "transform", progress=say)
    _raise_for(outcome)
    _print_rows("Rows, by model", "model", _by_schema(outcome.rows, LAYERS))
    console.print(f"[green]done[/] in {outcome.seconds:.0f} s")


def say_next_steps(settings: Settings) -> None:
    """Where to look after a demo."""
    home = _shown(settings.home)
    own = settings.bigquery_dataset_prefix if settings.engine == "bigquery" else ""
    console.print(
        "\nWhere to look next\n"
        f"  make dev: the Dagster UI with this run (c360 dev --home {home})\n"
        f"  c360 run --home {home}: the loop again; only what has changed is written\n"
        f"  {_where_tables_are(settings)}: {own}marts.dim_customers, {own}marts.seg_*, {own}c360_sync.*",
        markup=False,
    )


def _where_tables_are(settings: Settings) -> str:
    if settings.engine == "duckdb":
        return f"duckdb {_shown(settings.warehouse_path)}"
    return f"BigQuery project {settings.bigquery_project}"


def show_plan(
    settings: Settings,
    names: Sequence[str],
    *,
    as_json: bool = False,
    people: int = 10,
    unmask: bool = False,
    day: date | None = None,
) -> None:
    """What every sync would do now (on `day` at this hour); raise `LoopFailed` when one cannot be planned."""
    from c360_platform import plan_report
    from c360_platform.activation.forecast.dry_run import forecast

    warehouse = _warehouse(settings)
    warehouse.check()  # before dbt parses the project, which takes longer
    specs = plan_report.chosen(_specs(settings), names)
    now = datetime.now(UTC)
    if day is not None:
        now = datetime.combine(day, now.timetz())
    forecasts = [forecast(spec, warehouse, now=now, people=people, unmask=unmask) for spec in specs]
    if as_json:
        plan_report.print_json(forecasts, at=now, masked=not unmask)
    else:
        plan_report.print_forecasts(console, forecasts, detailed=bool(names))
    failed = [one.sync for one in forecasts if one.failed]
    if failed:
        raise LoopFailed(f"{', '.join(failed)} cannot be planned")


def show_reconciliation(
    settings: Settings, names: Sequence[str], *, mend: bool, revive: bool, as_json: bool
) -> None:
    """Compare syncs with Klaviyo; raise `LoopFailed` when one differs and nobody asked to mend it."""
    from c360_platform import reconcile_report
    from c360_platform.plan_report import chosen
    from c360_platform.resources import KlaviyoAccess

    warehouse = _warehouse(settings)
    warehouse.check()  # before dbt parses the project, which takes longer
    specs = chosen(_specs(settings), names) if names else reconcile_report.by_default(_specs(settings))
    klaviyo = KlaviyoAccess(settings).open("lists")
    found = reconcile_report.reconcile_all(specs, warehouse, klaviyo, mend=mend, revive=revive)
    if as_json:
        reconcile_report.print_json(found)
    else:
        reconcile_report.print_reconciliations(console, found, mended=mend)
    differing = [one.sync for one in found if not one.holds]
    if differing and not mend:
        raise LoopFailed(f"Klaviyo differs from the ledger in {', '.join(differing)}")


def show_review(
    settings: Settings, *, again: bool, lines: bool, pairs: int | None, min_probability: float, unmask: bool
) -> None:
    """Show what the last search for probable duplicates found, after one when there was none."""
    from c360_platform import review_report
    from c360_platform.identity_review.store import ReviewTables

    stored = ReviewTables(_warehouse(settings))
    stored.check()
    if again or not stored.has_proposals():
        from c360_platform.loop import run_job

        _raise_for(run_job(settings, "identity_review"))
    most = pairs if pairs is not None else None if lines else PAIRS_ON_A_SCREEN
    proposals = stored.open_proposals(most=most, min_probability=min_probability)
    if lines:
        review_report.print_lines(sys.stdout, proposals)
    else:
        review_report.print_proposals(console, proposals, unmask=unmask)


def _verify(settings: Settings) -> None:
    """Read Klaviyo back over its API and hold it against the models."""
    from c360_platform.activation.verify import compare

    warehouse = _warehouse(settings)
    shown = Table(title="Klaviyo read back, compared with the models", title_justify="left")
    shown.add_column("sync")
    for column in ("expected", "equal", "withheld", "missing", "different", "foreign"):
        shown.add_column(column, justify="right")
    compared = [
        compare(spec, warehouse, settings.klaviyo_key(), settings.klaviyo_base_url)
        for spec in _specs(settings)
    ]
    for one in compared:
        foreign = f"({one.foreign:,})" if one.foreign_allowed else f"{one.foreign:,}"
        numbers = (one.expected, one.equal, one.withheld, one.missing, one.different)
        shown.add_row(one.sync, *(f"{number:,}" for number in numbers), foreign)
    console.print(shown)
    wrong = [one.sync for one in compared if not one.holds]
    if wrong:
        raise LoopFailed(f"Klaviyo differs from the models in {', '.join(wrong)}")


def _specs(settings: Settings) -> list[SyncSpec]:
    from c360_platform.activation.spec import load_specs
    from c360_platform.dbt_manifest import read_manifest

    return load_specs(read_manifest(settings), project_dir=settings.dbt_project_dir)


def _raise_for(outcome: RunOutcome) -> None:
    if outcome.success:
        return
    for step, reason in outcome.failures.items():
        console.print(f"[red]failed[/] {escape(step)}: {escape(reason)}")
    raise LoopFailed(f"the {outcome.job} job failed in {', '.join(outcome.failures) or 'an unnamed step'}")


def _by_schema(rows: Mapping[str, int], schemas: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Schema to table to rows, for the schemas that have any, in their order."""
    counts: dict[str, dict[str, int]] = {schema: {} for schema in schemas}
    for key, n in sorted(rows.items()):
        schema, _, table = key.partition("/")
        if schema in counts:
            counts[schema][table] = n
    return {schema: tables for schema, tables in counts.items() if tables}


def _print_rows(title: str, what: str, counts: Mapping[str, Mapping[str, int]]) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("schema")
    shown.add_column(what)
    shown.add_column("rows", justify="right")
    for schema, tables in counts.items():
        for number, (table, rows) in enumerate(tables.items()):
            shown.add_row(schema if number == 0 else "", table, f"{rows:,}")
    console.print(shown)


def _print_syncs(outcome: RunOutcome) -> None:
    shown = Table(title="Syncs to Klaviyo", title_justify="left")
    shown.add_column("sync")
    for counter in SYNC_COUNTERS:
        shown.add_column(counter, justify="right")
    shown.add_column("seconds", justify="right")
    for sync, counters in outcome.pushes.items():
        numbers = (f"{counters[counter]:,}" for counter in SYNC_COUNTERS)
        shown.add_row(sync, *numbers, f"{counters['seconds']:.1f}")
    if shown.row_count:
        console.print(shown)


def say(line: str) -> None:
    """One line of progress."""
    console.print(f"  [dim]·[/] {escape(line)}")


def _warehouse(settings: Settings) -> Warehouse:
    from c360_platform.resources import WarehouseAccess

    return WarehouseAccess(settings).open()


def _shown(path: Path) -> str:
    """A path as the reader would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def load_and_report(settings: Settings, folder: Path) -> None:
    """Load a folder of exports and say what came, what is missing and what was renamed."""
    from c360_platform.raw_files import load_folder

    if settings.engine != "duckdb":
        raise SettingsError(
            f"`c360 load` fills a home's DuckDB file, and C360_ENV={settings.environment} uses BigQuery: "
            "load into BigQuery with the pipelines you have, or set C360_ENV=local"
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    report = load_folder(folder, settings.warehouse_path, settings.dbt_project_dir)
    for line in report.lines():
        console.print(line, markup=False)
    console.print(f"next: c360 build --home {_shown(settings.home)}")
