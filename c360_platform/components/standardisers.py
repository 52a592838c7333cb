"""Components that bring contacts, events and products into the form that Customer 360 and others read.

Belongs here: attributes and wiring. Does not belong here: the forms (standards.py), and how rows are read
into them (standardising.py).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import dagster as dg
from pydantic import Field, model_validator

from c360_platform.components.asset_run import load_upstream, one_line_failures
from c360_platform.components.attributes import AssetAttributes, between, require_schema
from c360_platform.components.errors import ComponentError
from c360_platform.components.reporting import frame_type, table_schema
from c360_platform.components.standardising import StandardReport
from c360_platform.components.standards import CRM_CONTACTS, EVENTS, PRODUCTS, REJECTED, Standard

_SUFFIX = "_rejected"
_CHECK = "rejected_share"


class StandardiserAttributes(AssetAttributes):
    """What all standardisers are told; each has a form of its own."""

    STANDARD: ClassVar[Standard]

    asset: str | None = Field(default=None, description="Key of the upstream asset; its value is read.")
    from_table: str | None = Field(default=None, description="schema.table of the warehouse to read instead.")
    columns: dict[str, str] = Field(
        default={}, description="Name of the form to column, column.field or column[parameter]."
    )
    dedupe_key: list[str] = Field(
        default=[], description="Columns of the form in which rows of one thing agree."
    )
    newest_by: str | None = Field(
        default=None, description="Column of the form: the highest of such rows stands."
    )
    max_rejected_share: Annotated[float, between(0, 1)] = Field(
        default=0.05,
        description="Share of rows that may be rejected, duplicates aside, before the check warns.",
    )

    @model_validator(mode="after")
    def _fits_its_form(self) -> "StandardiserAttributes":
        named = [*self.columns, *self.dedupe_key, *([self.newest_by] if self.newest_by else [])]
        for name in named:
            if name not in self.STANDARD.names:
                raise ValueError(
                    f"{self.STANDARD.name} have no column {name!r}: use {', '.join(self.STANDARD.names)}"
                )
        if self.asset is None and self.from_table is None:
            raise ValueError("give `asset` (an upstream asset), `from_table` (schema.table), or both")
        require_schema(self.from_table)
        if self.from_table is not None and self.warehouse is None:
            raise ValueError("`from_table` is a table: say with `warehouse` where it is")
        return self

    def assets(self, context: dg.ComponentLoadContext) -> dg.AssetsDefinition:
        """The rows of the form, and beside them the rejected ones."""
        warehouse, standard = self.warehouse_access(context), self.STANDARD
        rejected_key = dg.AssetKey([*self.key.path[:-1], self.key.path[-1] + _SUFFIX])
        tables = {"rows": self.table, "rejected": f"{self.table}{_SUFFIX}" if self.table else None}

        @dg.multi_asset(
            name=self.op_name,
            outs={
                "rows": self._out(
                    self.key, self.description or f"Standard form of {standard.name}.", standard.outputs
                ),
                "rejected": self._out(
                    rejected_key, f"Rows that are no {standard.name}, with the reason.", REJECTED
                ),
            },
            deps=[dg.AssetKey.from_user_string(self.asset)] if self.asset is not None else [],
            check_specs=[dg.AssetCheckSpec(_CHECK, asset=self.key, description="Few rows are rejected.")],
            required_resource_keys=self.resource_keys,
            pool=self.pool,
        )
        def standardiser(context: dg.AssetExecutionContext) -> Any:
            with one_line_failures(self.key.to_user_string()):
                opened = warehouse.open(context) if warehouse is not None else None
                yield from self._materialize(
                    context, opened, {"rows": self.key, "rejected": rejected_key}, tables
                )

        return standardiser

    def _out(self, key: dg.AssetKey, description: str, columns: Any) -> dg.AssetOut:
        return dg.AssetOut(
            key=key,
            description=description,
            metadata={"dagster/column_schema": table_schema(columns)},
            dagster_type=frame_type(self.op_name + "_" + key.path[-1], columns)
            if self.returns_dataframe
            else dg.Nothing,
            group_name=self.group_name,
            owners=self.owners,
            tags=self.tags,
            kinds=self.kinds,
        )

    def _materialize(
        self,
        context: dg.AssetExecutionContext,
        warehouse: Any,
        keys: dict[str, dg.AssetKey],
        tables: dict[str, str | None],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from c360_platform.components.standardising import standardise
        from c360_platform.components.storage import data_frame, replace_table
        from c360_platform.components.workspace import workspace

        with workspace(memory_mb=self.memory_limit_mb) as space:
            value = load_upstream(context, self.asset, self.from_table, warehouse, None)()
            if value is None:
                raise ComponentError(f"{self.from_table or self.asset} is missing: materialize or load it")
            report = standardise(
                space,
                self.STANDARD,
                value,
                columns=self.columns,
                dedupe_key=self.dedupe_key,
                newest_by=self.newest_by,
            )
            for name, inside in (("rows", "standard"), ("rejected", "rejected")):
                table = tables[name]
                if table is not None:
                    replace_table(warehouse, table, space.batches(f"select * from {inside}"))
                frame = (
                    {"value": data_frame(space.batches(f"select * from {inside}"))}
                    if self.returns_dataframe
                    else {}
                )
                yield dg.MaterializeResult(
                    asset_key=keys[name],
                    metadata=_metadata(report, name, table),
                    check_results=[self._check(report)] if name == "rows" else [],
                    **frame,
                )

    def _check(self, report: StandardReport) -> dg.AssetCheckResult:
        share = report.rejected_rows / report.rows if report.rows else 0.0
        return dg.AssetCheckResult(
            check_name=_CHECK,
            passed=share <= self.max_rejected_share,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"rejected_share": round(share, 4), "rejected_rows": report.rejected_rows},
        )


class CrmContactsComponent(StandardiserAttributes, dg.Component, dg.Resolvable):
    """Contacts of any CRM in one form: one row per contact, the newest."""

    STANDARD = CRM_CONTACTS

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of contacts and the one of rejected rows."""
        return dg.Definitions(assets=[self.assets(context)])


class EventsComponent(StandardiserAttributes, dg.Component, dg.Resolvable):
    """Events of GA4's export or of marketing in one form: one row per event."""

    STANDARD = EVENTS

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of events and the one of rejected rows."""
        return dg.Definitions(assets=[self.assets(context)])


class ProductsComponent(StandardiserAttributes, dg.Component, dg.Resolvable):
    """Products of any shop in one form: one row per product, the newest."""

    STANDARD = PRODUCTS

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of products and the one of rejected rows."""
        return dg.Definitions(assets=[self.assets(context)])


def _metadata(report: StandardReport, name: str, table: str | None) -> dict[str, Any]:
    count = report.accepted if name == "rows" else report.rows - report.accepted
    return {
        "dagster/row_count": count,
        **({"dagster/table_name": table} if table is not None else {}),
        "rows_in": report.rows,
        "duplicates": report.duplicates,
        "rejected": dg.MetadataValue.json(dict(report.rejected)),
        "absent_columns": ", ".join(report.absent_columns) or "none",
    }
