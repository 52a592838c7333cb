"""A shop of three people with a dbt project of five models: the whole platform in seconds.

Belongs here: the smallest project that has every kind of asset that automation deals with, and a Dagster
instance that runs its jobs. Does not belong here: what the real models compute.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import dedent

import dagster as dg
import duckdb

from c360_platform.automation import OBSERVE_SHIPMENTS
from c360_platform.definitions import build
from c360_platform.sandbox.server import Sandbox
from c360_platform.settings import Settings
from c360_platform.shipments_sensor import NAME

REAL_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

PROJECT = {
    "dbt_project.yml": """
        name: tiny
        version: "1.0.0"
        config-version: 2
        profile: c360
        vars: {shop_timezone: Europe/Berlin}
        flags: {send_anonymous_usage_stats: false}
        models:
          tiny:
            staging: {+schema: staging, +materialized: view}
            marts: {+schema: marts, +materialized: table}
        """,
    "models/staging/sources.yml": """
        sources:
          - name: shipments
            schema: shipments
            config: {meta: {loader: warehouse, aliases: []}}
            tables:
              - name: dhl_events
                description: Scans.
                config: {meta: {required: true, aliases: [dhl]}}
                columns:
                  - {name: tracking_number, data_type: string, config: {meta: {required: true}}}
                  - {name: email, data_type: string}
                  - {name: received_at, data_type: timestamp, config: {meta: {aliases: [loaded_at]}}}
          - name: crm
            schema: crm
            config: {meta: {loader: warehouse, aliases: []}}
            tables:
              - name: contacts
                description: People.
                config: {meta: {required: true, aliases: []}}
                columns:
                  - {name: email, data_type: string, config: {meta: {required: true}}}
                  - {name: first_name, data_type: string}
              - name: notes
                description: What nobody needs.
                config: {meta: {required: false, aliases: []}}
                columns:
                  - {name: email, data_type: string}
        """,
    "models/staging/stg_shipments.sql": "select * from {{ source('shipments', 'dhl_events') }}",
    "models/marts/marts.yml": """
        models:
          - name: klaviyo_profiles
            description: People.
            config:
              tags: [klaviyo_sync]
              meta:
                klaviyo: {object: profiles, key: email, create: always, fields: {first_name: first_name}}
            columns:
              - name: email
              - name: first_name
                data_tests: [not_null]
          - name: seg_everybody
            description: Everybody.
            config:
              tags: [klaviyo_sync]
              meta: {klaviyo: {object: list, key: email, list: Everybody}}
            columns: [{name: email}]
          - name: events_shipments
            description: Parcels.
            config:
              tags: [klaviyo_sync]
              meta:
                klaviyo: {object: events, key: email, event_id: event_id, metric: event_name,
                          occurred_at: event_timestamp}
            columns: [{name: email}, {name: event_id}, {name: event_name}, {name: event_timestamp}]
        """,
    "models/marts/klaviyo_profiles.sql": "select email, first_name from {{ source('crm', 'contacts') }}",
    "models/marts/seg_everybody.sql": "select email from {{ ref('klaviyo_profiles') }}",
    "models/marts/events_shipments.sql": """
        select email, tracking_number as event_id, 'Package Shipped' as event_name,
            received_at as event_timestamp
        from {{ ref('stg_shipments') }}
        """,
    # Reads two models, so dbt attaches it to neither.
    "tests/every_event_has_a_person.sql": """
        select events.email from {{ ref('events_shipments') }} as events
        left join {{ ref('klaviyo_profiles') }} as people on events.email = people.email
        where people.email is null
        """,
}


def write_project(directory: Path) -> Path:
    """The project's files in `directory`, with the real profiles and schema names."""
    for name, text in PROJECT.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"))
    for name in ("profiles.yml", "macros/schema_names.sql"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REAL_PROJECT / name, directory / name)
    return directory


@dataclass
class TinyShop:
    """The shop's warehouse, sandbox and Dagster, with a shipment sensor that a test ticks by hand."""

    settings: Settings
    sandbox: Sandbox
    instance: dg.DagsterInstance
    cursor: str | None = None
    run_keys: set[str] = field(default_factory=set)

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build(self.settings)

    def execute(self, sql: str) -> None:
        """A statement in the warehouse, as another program would run it."""
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            connection.execute(sql)

    def fill(self) -> None:
        self.execute(
            "create schema crm; create schema shipments;"
            "create table crm.contacts as select * from (values"
            " ('ada@example.com', 'Ada'), ('bob@example.com', 'Bob'), ('cid@example.com', 'Cid'))"
            " as t (email, first_name);"
            "create table shipments.dhl_events as select 'T1' as tracking_number, 'ada@example.com' as email,"
            " now() as received_at"
        )

    def arrives(self, tracking_number: str) -> None:
        """A new scan in the carrier's feed."""
        self.execute(
            f"insert into shipments.dhl_events values ('{tracking_number}', 'bob@example.com', now())"
        )

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, run_config=QUIET, raise_on_error=False
        )

    def run_assets(self, keys: Collection[dg.AssetKey]) -> dg.ExecuteInProcessResult:
        """Only these, as the UI's and the automation's runs do."""
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=list(keys), run_config=QUIET, raise_on_error=False
        )

    def tick(self, *, run: Collection[str] = (OBSERVE_SHIPMENTS,)) -> list[str]:
        """One tick of the shipment sensor: the jobs that it starts. Those in `run` are run, really."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            sensor_name=NAME,
            resources={"warehouse": (self.definitions.resources or {})["warehouse"]},
        ) as context:
            data = self.definitions.resolve_sensor_def(NAME).evaluate_tick(context)
        self.cursor = data.cursor
        new = [request for request in data.run_requests or [] if request.run_key not in self.run_keys]
        self.run_keys |= {str(request.run_key) for request in new}
        for request in new:
            if request.job_name in run:
                assert self.run(str(request.job_name)).success
        return [str(request.job_name) for request in new]

    def in_klaviyo(self, table: str) -> int:
        """How many profiles (kl_profile) or events (kl_event) there are."""
        return int(self.sandbox.store.value(f"select count(*) from {table}"))

    def writes(self) -> int:
        """Requests to Klaviyo that were not reads."""
        return sum(n for call, n in self.sandbox.calls().items() if not call.startswith("GET "))
