"""`c360 …`: what people do outside the Dagster UI.

Belongs here: arguments, one clear line per error, tables and progress on the terminal. Does not belong
here: the work itself; every command is a few lines over a function that tests can call.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from c360_platform.settings import SANDBOX_PORT, SANDBOX_URL, Settings, SettingsError, load_settings

app = typer.Typer(
    name="c360",
    help="Customer 360 for direct-to-consumer shops: sources in, one view per customer, Klaviyo out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Directory of the warehouse and all state (default: C360_HOME or .c360)."),
]
Customers = Annotated[int, typer.Option("--customers", min=1, help="How many people the synthetic shop has.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, customers and day: same world.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="Day to build for, such as 2026-06-30 (default: today).")
]


@app.command()
def demo(
    home: Home = None,
    customers: Customers = 2000,
    seed: Seed = 1,
    as_of: AsOf = None,
) -> None:
    """Run the whole loop on a synthetic shop and compare Klaviyo with the marts."""
    from c360_platform import home_world, terminal

    given = _settings(home, as_of)
    settings = home_world.make_world_once(given, customers=customers, seed=seed, say=terminal.say)
    with terminal.services(settings, sandbox=True) as reachable:
        terminal.loop_and_report(reachable, verify=True)
    terminal.say_next_steps(settings)


@app.command()
def run(home: Home = None, as_of: AsOf = None) -> None:
    """Repeat the loop on an existing home: ingest, build, check, push. Unchanged data costs no write."""
    from c360_platform import terminal

    settings = _existing(_settings(home, as_of))
    with terminal.services(settings, sandbox=_own_sandbox(settings)) as reachable:
        terminal.loop_and_report(reachable, verify=False)


@app.command()
def build(home: Home = None, as_of: AsOf = None) -> None:
    """Build and test the dbt models alone; nothing is ingested, nothing is pushed."""
    from c360_platform import terminal

    terminal.build_and_report(_existing(_settings(home, as_of)))


@app.command()
def plan(
    syncs: Annotated[
        list[str] | None, typer.Argument(metavar="[SYNC]...", help="Syncs to show in detail (default: all).")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    people: Annotated[int, typer.Option("--people", min=0, help="How many rows of each sync to show.")] = 10,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show people and values as they are.")] = False,
    home: Home = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Plan as if it were this day, such as 2026-06-30.")
    ] = None,
) -> None:
    """Say what a push would do: who changes and how, requests, time, new billed profiles. Sends nothing."""
    from c360_platform import terminal

    settings = _existing(_settings(home, as_of))
    day = settings.as_of if as_of is not None else None
    terminal.show_plan(settings, syncs or (), as_json=as_json, people=people, unmask=unmask, day=day)


@app.command()
def reconcile(
    syncs: Annotated[
        list[str] | None, typer.Argument(metavar="[SYNC]...", help="Syncs to compare (default: all lists).")
    ] = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Let the next run send what is missing in Klaviyo.")
    ] = False,
    revive: Annotated[
        bool, typer.Option("--revive", help="Repair also whose profile was deleted in Klaviyo.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    home: Home = None,
) -> None:
    """Compare the ledger with Klaviyo: who is missing, orphaned, foreign. Writes nothing there."""
    from c360_platform import terminal

    if revive and not repair:
        raise SettingsError("--revive says whom --repair may make anew: give both")
    settings = _existing(_settings(home))
    with terminal.services(settings, sandbox=_own_sandbox(settings)) as reachable:
        terminal.show_reconciliation(reachable, syncs or (), mend=repair, revive=revive, as_json=as_json)


@app.command()
def review(
    *,
    again: Annotated[bool, typer.Option("--again", help="Search anew before showing.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print lines for dbt's seed identity_decisions, and nothing else.")
    ] = False,
    pairs: Annotated[
        int | None,
        typer.Option("--pairs", min=1, help="How many pairs (default: 20 on a screen, all lines)."),
    ] = None,
    at_least: Annotated[
        float, typer.Option("--at-least", min=0, max=1, help="Show pairs that are at least so probable.")
    ] = 0.0,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show people as they are.")] = False,
    home: Home = None,
) -> None:
    """Show pairs of customers who are probably one person, for people to decide. Joins nobody."""
    from c360_platform import terminal

    settings = _existing(_settings(home))
    terminal.show_review(
        settings, again=again, lines=lines, pairs=pairs, min_probability=at_least, unmask=unmask
    )


@app.command()
def world(
    home: Home = None,
    customers: Customers = 2000,
    seed: Seed = 1,
    as_of: AsOf = None,
    overwrite: Annotated[
        bool, typer.Option("--replace", help="Replace the raw tables that are there.")
    ] = False,
) -> None:
    """Make the synthetic shop: raw tables in the warehouse, Klaviyo and Zendesk in the sandbox, the truth."""
    from c360_platform import home_world, terminal

    settings = _settings(home, as_of)
    home_world.make_world(settings, customers=customers, seed=seed, replace=overwrite, say=terminal.say)


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(help="Folder of <schema>/<table>.csv or .parquet files.")],
    home: Home = None,
) -> None:
    """Load your own exports as raw sources; what is wrong is named with its file and line."""
    from c360_platform import terminal

    terminal.load_and_report(_settings(home), folder)


@app.command()
def sandbox(
    home: Home = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = SANDBOX_PORT,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on. Nobody is asked for a key on the control paths."),
    ] = "127.0.0.1",
    limits: Annotated[
        bool, typer.Option("--limits/--no-limits", help="Keep the services' rate limits.")
    ] = True,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Check and count bulk writes without keeping them.")
    ] = False,
) -> None:
    """Serve the stand-ins for Klaviyo and Zendesk until interrupted."""
    from c360_platform.sandbox.server import serve

    settings = _settings(home)
    settings.home.mkdir(parents=True, exist_ok=True)
    serve(settings.sandbox_path, port, host, limits=limits, benchmark=benchmark)


@app.command()
def dev(
    home: Home = None,
    port: Annotated[int, typer.Option("--port", help="Port of the Dagster UI on 127.0.0.1.")] = 3000,
    customers: Customers = 2000,
) -> None:
    """Open the Dagster UI against a running sandbox and a filled warehouse (makes both when missing)."""
    from c360_platform import home_world, terminal
    from c360_platform.development import serve_ui

    settings = _settings(home)
    if settings.environment == "local" and not settings.warehouse_path.exists():
        settings = home_world.make_world_once(settings, customers=customers, seed=1, say=terminal.say)
    serve_ui(settings, port=port, say=terminal.say)


@app.command()
def bench(
    customers: Annotated[
        int, typer.Option("--customers", min=1, help="Size of the world to build.")
    ] = 20_000,
    long: Annotated[
        bool,
        typer.Option(
            "--long",
            help="Also a shop, tickets and profiles by the million, a minute under limits; 20 GB of disk.",
        ),
    ] = False,
) -> None:
    """Print what the platform costs as ratios to a floor measured in the same run."""
    from c360_platform.bench import run_benchmarks

    run_benchmarks(customers=customers, long=long)


@app.command(name="check-sql")
def check_sql(home: Home = None) -> None:
    """Judge all SQL for BigQuery, of dbt and of Python, by Google's analyser; nobody is connected."""
    from c360_platform.googlesql.check import check_and_report

    if not check_and_report(load_settings(home=home), print):
        raise typer.Exit(1)


@app.command()
def exposures(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when the file is stale.")
    ] = False,
    home: Home = None,
) -> None:
    """Write dbt's exposures of all syncs, which dbt's documentation shows, from their meta.klaviyo blocks."""
    from c360_platform.exposures import EXPOSURES_FILE, are_current, write_exposures

    settings = load_settings(home=home)
    if check:
        if not are_current(settings):
            raise SettingsError(f"{EXPOSURES_FILE} is not what the syncs say: run `c360 exposures`")
        print(f"{EXPOSURES_FILE} is what the syncs say")
        return
    print(f"{EXPOSURES_FILE} {'written' if write_exposures(settings) else 'was right already'}")


@app.command(name="bytes")
def bytes_scanned(
    home: Home = None,
    customers: Annotated[int, typer.Option("--customers", min=1, help="Size of the shop.")] = 1_000_000,
    months: Annotated[int, typer.Option("--months", min=4, max=240, help="Length of its history.")] = 24,
    price: Annotated[
        float, typer.Option("--price", min=0, help="USD per TiB scanned; see your region's price.")
    ] = 6.25,
) -> None:
    """Estimate what BigQuery would scan per run and month, from compiled SQL and a measured home; offline."""
    from c360_platform.costs.command import show_bytes

    show_bytes(_settings(home), customers=customers, months=months, per_tib=price, say=print)


def main() -> None:
    """Entry point: known errors become one line on stderr and exit code 1."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except _known_errors() as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _known_errors() -> tuple[type[Exception], ...]:
    """Error classes whose message is made for people. Modules that were never imported cannot have raised."""
    names = {
        "c360_platform.sandbox.server": ("SandboxError",),
        "c360_platform.sandbox.world": ("WorldError",),
        "c360_platform.raw_files": ("RawFileError",),
        "c360_platform.warehouse": ("WarehouseError",),
        "c360_platform.activation.spec": ("SyncConfigError",),
        "c360_platform.activation.errors": ("SyncError",),
        "c360_platform.terminal": ("LoopFailed",),
        "c360_platform.dbt_manifest": ("ManifestError",),
        "c360_platform.googlesql.engine": ("EngineUnavailable",),
        "c360_platform.bench.processes": ("BenchError",),
        "c360_platform.costs": ("CostsError",),
    }
    loaded = [
        getattr(sys.modules.get(module), name, None) for module, group in names.items() for name in group
    ]
    return (SettingsError, *(error for error in loaded if error is not None))


def _settings(home: Path | None, as_of: str | None = None) -> Settings:
    """Settings of this command; the day is the argument, else C360_AS_OF, else the synthetic shop's own."""
    settings = load_settings(home=home)
    if as_of is None:
        from c360_platform.home_world import day_of_world

        return replace(settings, as_of=settings.as_of or day_of_world(settings))
    try:
        return replace(settings, as_of=date.fromisoformat(as_of))
    except ValueError:
        raise SettingsError(f"--as-of {as_of!r} is not a day: write it as 2026-06-30") from None


def _existing(settings: Settings) -> Settings:
    if settings.engine == "duckdb" and not settings.warehouse_path.exists():
        raise SettingsError(
            f"there is no warehouse at {settings.warehouse_path}: run `c360 demo`, `c360 world` or "
            "`c360 load DIR` first, or name another --home"
        )
    return settings


def _own_sandbox(settings: Settings) -> bool:
    """Whether to serve the home's sandbox, unless the environment names a Klaviyo of its own."""
    return settings.uses_sandbox and settings.klaviyo_base_url == SANDBOX_URL
