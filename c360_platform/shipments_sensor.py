"""The sensor that pushes shipment events within a minute of new shipment data.

Belongs here: noticing that the shipment tables may have changed, and that they have. Does not belong here:
looking into them (checks.py does, in a run), what follows from a change (the job in automation.py).

The sensor never opens the DuckDB file: one connection in the daemon would keep every loader out. It works in
two steps. When the file's time has moved and the file has come to rest, it requests a run that looks at the
shipment tables for a moment and records a data version per table in Dagster's event log. When the newest
version is not the one it knows, or a loader outside has reported a materialization, it requests the events.
Our own writes move the file's time as well; they cost one look, find the version unchanged and end there.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from c360_platform.assets.raw import RawTable
from c360_platform.automation import OBSERVE_SHIPMENTS, SHIPMENT_EVENTS, sensor_status
from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings

NAME = "new_shipment_data"
# Ticks, rest, start of two runs and their work must fit into a minute.
TICK_SECONDS = 10
REST_SECONDS = 3.0
# A run that was killed stays "started" in the log for ever; after this it no longer holds back a look.
LONGEST_RUN = timedelta(hours=1)


@dataclass(frozen=True)
class Known:
    """What the sensor has acted upon: the warehouse's fingerprint, and per table a data version and a report.

    `looks` and `reports` are positions in the event log: of the look that found the version, of the report.
    """

    fingerprint: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    looks: Mapping[str, int] = field(default_factory=dict)
    reports: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def read(cursor: str | None) -> "Known | None":
        return Known(**json.loads(cursor)) if cursor else None

    def write(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def make_shipments_sensor(
    settings: Settings, tables: Sequence[RawTable], jobs: Sequence[Any]
) -> dg.SensorDefinition:
    """The sensor over the tables of the shipments source; it requests two of the `jobs`."""

    @dg.sensor(
        name=NAME,
        jobs=[job for job in jobs if job.name in (OBSERVE_SHIPMENTS, SHIPMENT_EVENTS)],
        minimum_interval_seconds=TICK_SECONDS,
        default_status=sensor_status(settings),
        description="Pushes shipment events within a minute of new rows in the shipment tables.",
    )
    def new_shipment_data(
        context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> dg.SensorResult | dg.SkipReason:
        known = Known.read(context.cursor)
        now = _recorded(context.instance, tables)
        if known is None:
            # The first tick learns what is there: the models were built on it, or will be at night.
            known = now
        requests: list[dg.RunRequest] = []
        news = _news(known, now)
        if news:
            requests.append(dg.RunRequest(job_name=SHIPMENT_EVENTS, run_key=news))
        fingerprint = (
            _rested_file(settings.warehouse_path)
            if settings.engine == "duckdb"
            else _last_changes(tables, warehouse)
        )
        look = fingerprint not in ("", known.fingerprint) and not _busy(context.instance)
        if look:
            requests.append(dg.RunRequest(job_name=OBSERVE_SHIPMENTS, run_key=f"look {fingerprint}"))
        cursor = replace(now, fingerprint=fingerprint if look else known.fingerprint).write()
        skip = None if requests else dg.SkipReason("no new shipment data")
        return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=cursor)

    return new_shipment_data


def _recorded(instance: dg.DagsterInstance, tables: Sequence[RawTable]) -> Known:
    """The newest data version and the newest outside report of every table, from the event log."""
    versions: dict[str, str] = {}
    looks: dict[str, int] = {}
    reports: dict[str, int] = {}
    for table in tables:
        for record in instance.fetch_observations(table.key, limit=1).records:
            observation = record.asset_observation
            if observation is not None and observation.data_version is not None:
                versions[table.name] = observation.data_version
                looks[table.name] = record.storage_id
        for record in instance.fetch_materializations(table.key, limit=1).records:
            reports[table.name] = record.storage_id
    return Known(versions=versions, looks=looks, reports=reports)


def _news(known: Known, now: Known) -> str:
    """What differs from what is known, as the key of the run that it asks for; empty for nothing.

    Positions in the event log make the key: the same news never starts two runs, and rows that went and came
    back are news again. The first version of a table is none: with it, the sensor begins to know.
    """
    changed = [
        f"{name} look {now.looks[name]}"
        for name, version in now.versions.items()
        if known.versions.get(name, version) != version
    ]
    reported = [
        f"{name} report {report}" for name, report in now.reports.items() if known.reports.get(name) != report
    ]
    return ", ".join(sorted(changed + reported))


def _rested_file(path: Path) -> str:
    """Time and size of the warehouse and its log; empty while there is none or somebody is writing."""
    parts = []
    for file in (path, path.with_name(path.name + ".wal")):
        try:
            found = file.stat()
        except FileNotFoundError:
            continue
        if time.time() - found.st_mtime < REST_SECONDS:
            return ""
        parts.append(f"{found.st_mtime_ns}/{found.st_size}")
    return " ".join(parts)


def _last_changes(tables: Sequence[RawTable], warehouse: WarehouseAccess) -> str:
    """BigQuery's own times of the last change: metadata, neither a query nor a lock."""
    opened = warehouse.open()
    times = []
    for table in tables:
        names = [opened.relation(schema, name) for schema in table.schemas for name in table.identifiers]
        found = next((at for name in names if (at := opened.last_changed_at(name)) is not None), None)
        times.append(f"{table.name} {found.isoformat()}" if found else "")
    return ", ".join(filter(None, times))


def _busy(instance: dg.DagsterInstance) -> bool:
    """Whether a run is at work: it may want the warehouse at any moment, and looking can wait for it."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    )
    oldest = datetime.now(UTC) - LONGEST_RUN
    return any(record.create_timestamp > oldest for record in records)
