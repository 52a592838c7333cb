"""Data-driven attribution between two parts of the dbt build: reads counted paths, writes credits back.

Belongs here: how it looks in Dagster. Does not belong here: the arithmetic (`attribution`), and the models
on either side (transform.py has a build of its own for those that read what is written here).
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from c360_platform.assets.markdown import verbatim
from c360_platform.assets.raw import COMPUTED_BY_US, RawTable, raw_key, table_metadata
from c360_platform.assets.transform import model_key
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings

if TYPE_CHECKING:
    from c360_platform.attribution import ChannelEffect

SOURCE, GROUP, OWNERS = "attribution", "marketing", ["team:marketing"]
READS = ("int_conversion__paths", "int_conversion__transitions")
BAR = 24  # letters of the longest bar


def attribution_assets(
    settings: Settings, manifest: Mapping[str, Any], tables: Sequence[RawTable]
) -> list[dg.AssetsDefinition]:
    """The one step that writes all tables of the source; nothing in a project without them."""
    written = [table for table in tables if table.source == SOURCE and table.loader == COMPUTED_BY_US]
    if not written:
        return []
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    read = [model_key(models[name]) for name in READS]

    @dg.multi_asset(
        name="data_driven_attribution",
        specs=[
            dg.AssetSpec(
                table.key,
                deps=read,
                group_name=GROUP,
                description=table.description,
                kinds={"python", settings.engine},
                owners=OWNERS,
                metadata=table_metadata(table),
            )
            for table in written
        ],
        pool="warehouse",
        retry_policy=retry_policy(settings),
    )
    def data_driven_attribution(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseAccess]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        from c360_platform.attribution import data_driven_credits
        from c360_platform.attribution.store import CREDITS, EFFECTS, AttributionTables

        with one_line_failures("data-driven attribution"):
            opened = warehouse.open(asset="data_driven_attribution", run=context.run_id)
            with opened.session():
                stored = AttributionTables(opened)
                orders = stored.orders()
                set_credits, effects = data_driven_credits(stored.transitions(), orders)
                stored.write_credits(set_credits)
                stored.write_effects(effects)
        yield dg.MaterializeResult(
            asset_key=raw_key(SOURCE, CREDITS),
            metadata={"dagster/row_count": len(set_credits), "sets_of_channels": len(orders)},
        )
        yield dg.MaterializeResult(
            asset_key=raw_key(SOURCE, EFFECTS),
            metadata={
                "dagster/row_count": len(effects),
                "orders_with_a_known_path": sum(orders.values()),
                "channels": dg.MetadataValue.md(channel_bars(effects)),
            },
        )

    return [data_driven_attribution]


def channel_bars(effects: "Sequence[ChannelEffect]") -> str:
    """A table with bars of what each channel is worth, the best first."""
    best = max((effect.removal_effect_share for effect in effects), default=0.0) or 1.0
    lines = ["| channel | orders by removal effect | | orders by Shapley value |", "|---|---:|---|---:|"]
    for effect in sorted(effects, key=lambda effect: (-effect.removal_effect_share, effect.channel)):
        bar = "█" * round(BAR * effect.removal_effect_share / best)
        lines.append(
            f"| {verbatim(effect.channel)} | {effect.removal_effect_conversions:,.1f} | {bar} "
            f"| {effect.shapley_conversions:,.1f} |"
        )
    return "\n".join(lines)
