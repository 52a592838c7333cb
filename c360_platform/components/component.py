"""The Customer 360 component as a team writes it in YAML, and as Dagster runs it.

Belongs here: attributes, wiring, what is handed to whom. Does not belong here: how customers are found and
profiles are made (profiles.py), which knows no Dagster.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import dagster as dg
from pydantic import ConfigDict, Field, field_validator, model_validator

from c360_platform.components.asset_run import as_of_day, load_upstream, one_line_failures
from c360_platform.components.attributes import AssetAttributes, between, one_of, require_schema
from c360_platform.components.contract import (
    CONTRACTS,
    PROFILE,
    AmountUnit,
    FallBack,
    Key,
    SourceKind,
    Strategy,
)
from c360_platform.components.plan import (
    DEFAULT_ACTIVE_DAYS,
    DEFAULT_IGNORED_VALUES,
    DEFAULT_PAID_STATUSES,
    DEFAULT_SHARED_KEY_LIMIT,
    Plan,
    Source,
)
from c360_platform.components.reporting import (
    check_specs,
    frame_type,
    match_result,
    run_metadata,
    table_schema,
    unique_result,
)


class SourceAttributes(dg.Model, dg.Resolvable):
    """One input: what kind it is, where it comes from, which of its columns is what."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    kind: Annotated[SourceKind, one_of(SourceKind)] = Field(
        description="What its rows are: stripe, crm, marketing or ga4."
    )
    asset: str | None = Field(
        default=None, description="Key of the upstream asset; its value is read, unless `table` is given."
    )
    table: str | None = Field(default=None, description="schema.table of the warehouse to read instead.")
    name: str | None = Field(default=None, description="Its name in reports; the kind by default.")
    columns: dict[str, str] = Field(
        default={}, description="Name of the contract to column, column.field or column[parameter]."
    )
    optional: bool = Field(default=False, description="Whether the source may be missing or empty.")
    optional_columns: list[str] = Field(
        default=[], description="Required or mapped columns that may be missing."
    )
    amounts_in: Annotated[AmountUnit, one_of(AmountUnit)] = Field(
        default="minor", description="Whether amounts of stripe are cents, as Stripe gives them, or euros."
    )
    paid_statuses: list[str] = Field(
        default=list(DEFAULT_PAID_STATUSES), description="States of a payment that count as an order."
    )

    @model_validator(mode="after")
    def _fits_its_contract(self) -> "SourceAttributes":
        known = [column.name for column in CONTRACTS[self.kind].columns]
        for name in [*self.columns, *self.optional_columns]:
            if name not in known:
                raise ValueError(f"a {self.kind} source has no column {name!r}: use {', '.join(known)}")
        if self.asset is None and self.table is None:
            raise ValueError("a source needs `asset` (an upstream asset), `table` (schema.table), or both")
        require_schema(self.table)
        return self

    @property
    def label(self) -> str:
        return self.name or self.kind

    def as_source(self) -> Source:
        return Source(
            name=self.label,
            kind=self.kind,
            columns=self.columns,
            optional=self.optional,
            optional_columns=frozenset(self.optional_columns),
            amounts_in=self.amounts_in,
            paid_statuses=tuple(self.paid_statuses),
        )


def _day(context: dg.ResolutionContext, written: object) -> date | None:
    """A day, or what a template gives for one."""
    value = context.resolve_value(written)
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"as_of is {value!r} and no day: write yyyy-mm-dd") from None


class Customer360Component(AssetAttributes, dg.Component, dg.Resolvable):
    """One row per customer out of payments, contacts, marketing and visits, as an asset and a table."""

    sources: list[SourceAttributes] = Field(default=[], description="The inputs, the most trusted first.")
    join_key: Annotated[Key, one_of(Key)] = Field(
        default="email", description="The key that identifies a customer."
    )
    secondary_join_keys: Annotated[list[Key], one_of(Key, several=True)] = Field(
        default=[], description="Keys to try, in this order, for whom the join key finds nobody."
    )
    deduplication_strategy: Annotated[Strategy, one_of(Strategy)] = Field(
        default="most_recent", description="Which record's name and address stand when several differ."
    )
    active_customer_days: Annotated[int, between(0)] = Field(
        default=DEFAULT_ACTIVE_DAYS, description="How long after the last interaction one is active."
    )
    include_sample_data: bool = Field(
        default=False, description="Take a synthetic shop instead of sources, to see what comes out."
    )
    as_of: Annotated[date | None, dg.Resolver(_day, model_field_type=date | str | None)] = Field(
        default=None,
        description="The last day that counts (UTC); by default the day on which the run started.",
    )
    fall_back: Annotated[FallBack, one_of(FallBack)] = Field(
        default="unmatched",
        description="Who tries weaker keys: whom the join key finds in no other source, or who has none.",
    )
    currency: str | None = Field(default=None, description="The currency that counts, if there are several.")
    phone_country_code: Annotated[int | None, between(1, 999)] = Field(
        default=None, description="Calling code of phones written without one, such as 49."
    )
    ignored_key_values: list[str] = Field(
        default=list(DEFAULT_IGNORED_VALUES), description="Values that identify nobody; * is any text."
    )
    shared_key_limit: Annotated[int, between(1)] = Field(
        default=DEFAULT_SHARED_KEY_LIMIT,
        description="A weaker key's value beside more values of the join key than this identifies nobody.",
    )
    min_match_rate: Annotated[float | None, between(0, 1)] = Field(
        default=None, description="Share of a source's rows that other sources must know."
    )
    allow_empty: bool = Field(default=False, description="Whether no customer at all is a result.")

    @field_validator("secondary_join_keys")
    @classmethod
    def _each_key_once(cls, keys: list[Key]) -> list[Key]:
        if len(set(keys)) < len(keys):
            raise ValueError("a key is named twice")
        return keys

    @model_validator(mode="after")
    def _fits_together(self) -> "Customer360Component":
        if self.join_key in self.secondary_join_keys:
            raise ValueError(f"{self.join_key} is the join key already: take it out of secondary_join_keys")
        if bool(self.sources) == self.include_sample_data:
            raise ValueError("give either `sources` or `include_sample_data: true`, and not both")
        labels = [source.label for source in self.sources]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two sources are called {label}: give them different names with `name`")
        if self.warehouse is None and any(source.table for source in self.sources):
            raise ValueError("a source is a table: say with `warehouse` where it is")
        return self

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset with its checks."""
        warehouse = self.warehouse_access(context)
        key = self.key

        @dg.asset(
            key=key,
            deps=_dependencies(self.sources),
            check_specs=check_specs(key),
            config_schema={"as_of": dg.Field(str, is_required=False, description="Day as yyyy-mm-dd.")},
            required_resource_keys=self.resource_keys,
            metadata={"dagster/column_schema": table_schema()},
            dagster_type=frame_type("Customer360", PROFILE) if self.returns_dataframe else None,
            **self.asset_arguments,
        )
        def customer_360(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            with one_line_failures(key.to_user_string()):
                plan = self.plan(as_of_day(context, self.as_of))
                opened = warehouse.open(context) if warehouse is not None else None
                return self._materialize(context, plan, opened)

        return dg.Definitions(assets=[customer_360])

    def plan(self, as_of: date) -> Plan:
        """The choices of the YAML for one day."""
        return Plan(
            as_of=as_of,
            join_key=self.join_key,
            secondary_join_keys=tuple(self.secondary_join_keys),
            strategy=self.deduplication_strategy,
            active_customer_days=self.active_customer_days,
            fall_back=self.fall_back,
            currency=self.currency,
            phone_country_code=str(self.phone_country_code) if self.phone_country_code else None,
            ignored_key_values=tuple(self.ignored_key_values),
            shared_key_limit=self.shared_key_limit,
        )

    def _materialize(
        self, context: dg.AssetExecutionContext, plan: Plan, warehouse: Any
    ) -> dg.MaterializeResult[Any]:
        from c360_platform.components.profiles import build_profiles
        from c360_platform.components.storage import data_frame, replace_table
        from c360_platform.components.workspace import workspace

        with workspace(memory_mb=self.memory_limit_mb) as space:
            if self.include_sample_data:
                from c360_platform.components.sample_data import sample_sources

                sources = sample_sources(space.folder, plan)
            else:
                sources = [
                    (
                        one.as_source(),
                        load_upstream(context, one.asset, one.table, warehouse, references(one)),
                    )
                    for one in self.sources
                ]
            report = build_profiles(space, plan, sources, allow_empty=self.allow_empty)
            rows, ids = space.rows("select count(*), count(distinct customer_id) from profiles")[0]
            if self.table is not None:
                replace_table(warehouse, self.table, space.batches("select * from profiles"))
            value = (
                {"value": data_frame(space.batches("select * from profiles"))}
                if self.returns_dataframe
                else {}
            )
        return dg.MaterializeResult(
            metadata=run_metadata(plan, report, self.table),
            check_results=[unique_result(rows, ids), match_result(report, self.min_match_rate)],
            **value,
        )


def references(source: SourceAttributes) -> list[str]:
    """Everything that may be read of an upstream table."""
    wanted = source.as_source()
    return [name for column in wanted.contract.columns for name in wanted.references(column.name)]


def _dependencies(sources: Sequence[SourceAttributes]) -> list[dg.AssetKey]:
    keys = [dg.AssetKey.from_user_string(source.asset) for source in sources if source.asset is not None]
    return list(dict.fromkeys(keys))
