"""The dry run in Dagster: a job for the launchpad that says what the pushes would do, and pushes nothing.

Belongs here: the job, its configuration, and its result as markdown. Does not belong here: the dry run itself
(`activation.dry_run`) and the pushes (activate.py); no asset is materialized.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from c360_platform.activation.spec import SyncSpec
from c360_platform.assets.markdown import verbatim
from c360_platform.failures import one_line_failures
from c360_platform.resources import WarehouseAccess

if TYPE_CHECKING:
    from c360_platform.activation.forecast.figures import Forecast

JOB = "dry_run"


class DryRunConfig(dg.Config):
    """What a person can ask of a dry run in the launchpad."""

    syncs: list[str] = Field(default=[], description="Names of syncs; none means all.")
    people: int = Field(default=10, ge=0, le=200, description="So many rows of each sync are shown.")
    unmask: bool = Field(
        default=False,
        description="Show people and values as they are. Dagster keeps them in its event log.",
    )


def dry_run_job(specs: Sequence[SyncSpec]) -> dg.JobDefinition:
    """The job `dry_run` over the syncs of the project."""
    by_name = {spec.name: spec for spec in specs}

    @dg.op(
        name="say_what_pushes_would_do",
        description="Plans the syncs as a run would and shows the result as metadata. Klaviyo is not called.",
        pool="warehouse",
        out=dg.Out(dg.Nothing),
    )
    def say(
        context: dg.OpExecutionContext,
        config: DryRunConfig,
        warehouse: dg.ResourceParam[WarehouseAccess],
    ) -> None:
        from c360_platform.activation.forecast.dry_run import forecast

        unknown = [name for name in config.syncs if name not in by_name]
        if unknown:
            known = ", ".join(by_name) or "none"
            raise dg.Failure(f"there is no sync {', '.join(unknown)}: there are {known}", allow_retries=False)
        now = datetime.now(UTC)
        metadata: dict[str, Any] = {}
        forecasts = []
        for name in config.syncs or by_name:
            with one_line_failures(f"dry run of {name}"):
                found = forecast(
                    by_name[name],
                    warehouse.open(sync=name, run=context.run_id),
                    now=now,
                    people=config.people,
                    unmask=config.unmask,
                )
            forecasts.append(found)
            metadata[f"sync/{name}"] = dg.MetadataValue.md(sync_markdown(found))
        context.add_output_metadata(
            {"overview": dg.MetadataValue.md(overview_markdown(forecasts)), **metadata}
        )

    @dg.job(
        name=JOB,
        description="Says what every push would do: creates, updates with what changes, removals, rejected "
        "rows, requests, new billed profiles, some people. Sends nothing and materializes nothing.",
    )
    def dry_run() -> None:
        say()

    return dry_run


def overview_markdown(forecasts: Sequence["Forecast"]) -> str:
    """All syncs in one table, with what there is to know beside the numbers."""
    from c360_platform.activation.forecast import words

    table = _markdown_table(
        (
            "sync",
            "goes to",
            "would do",
            "rows",
            "unchanged",
            "kept out",
            "new, billed",
            "requests",
            "at least",
        ),
        [
            (
                *(found.sync, words.target(found), words.would_do(found)),
                *(f"{n:,}" for n in (found.source_rows, found.unchanged, found.kept_out)),
                *(words.new_profiles(found), f"{found.requests:,}", words.duration(found.seconds)),
            )
            for found in forecasts
        ],
    )
    notes = [
        f"- **{verbatim(found.sync)}** {verbatim(note)}" for found in forecasts for note in words.notes(found)
    ]
    return "\n".join([table, "", *notes])


def sync_markdown(found: "Forecast") -> str:
    """One sync in detail."""
    from c360_platform.activation.forecast import words

    parts = [f"{verbatim(words.would_do(found))} – {verbatim(words.target(found))}"]
    parts += [f"- {verbatim(note)}" for note in words.notes(found)]
    kept_out = {**found.rejected, **found.refused, **found.withheld}
    counts = (("changes", found.changed.by_name), ("kept out", kept_out))
    for title, counted in counts:
        if counted:
            parts += ["", _markdown_table((title, "rows"), [(name, f"{n:,}") for name, n in counted.items()])]
    if found.calls:
        rows = [(c.endpoint, f"{c.requests:,}", words.duration(c.seconds)) for c in found.calls]
        parts += ["", _markdown_table(("endpoint", "requests", "at least"), rows)]
    if found.samples:
        shown = [
            (one.operation, " ".join(filter(None, (one.person, one.event))), words.what_happens(one))
            for one in found.samples
        ]
        parts += ["", _markdown_table(("what", "who", "how"), shown)]
    return "\n".join(parts)


def _markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([verbatim(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
