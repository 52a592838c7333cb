"""Probable duplicates as an asset: a job of its own, on demand, that proposes pairs and joins nobody.

Belongs here: how it looks in Dagster. Does not belong here: the search (`identity_review`), and decisions:
people write them into dbt's seed.
"""

# Annotations are not postponed here: Dagster needs those of decorated functions as objects.

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from c360_platform.assets.transform import model_key
from c360_platform.failures import one_line_failures, retry_policy
from c360_platform.resources import WarehouseAccess
from c360_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

JOB = "identity_review"
KEY = dg.AssetKey(["identity_review", "probable_duplicates"])
READS = ("identity_records", "customer_ids", "identity_decisions")
COLUMNS = {
    "record_key_a": ("string", "A record, as in identity_records."),
    "record_key_b": ("string", "A record of another customer that may be the same person."),
    "customer_id_a": ("string", "Whose the first record was at the time of the search."),
    "customer_id_b": ("string", "Whose the second record was."),
    "probability": ("float", "How probable it is that both are one person, from 0 to 1."),
    "agreements": ("string", "In what they agree or nearly agree, in words and without values."),
    "differences": ("string", "In what they differ, likewise."),
}
BANDS = (0.99, 0.95, 0.9, 0.8, 0.5, 0.0)


class ReviewConfig(dg.Config):
    """What a person can ask of a search in the launchpad."""

    min_probability: float = Field(
        default=0.5, ge=0.01, le=1, description="Pairs that are less probable are not proposed."
    )


def identity_review_assets(settings: Settings, manifest: Mapping[str, Any]) -> list[dg.AssetsDefinition]:
    """The one table of proposals; nothing in a project without the models that it reads."""
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["name"] in READS}
    if len(nodes) < len(READS):
        return []

    @dg.asset(
        key=KEY,
        deps=[model_key(nodes[name]) for name in READS],
        group_name="identity",
        description="Pairs of customers who may be one person, most probable first. Nobody is joined by it: "
        "`c360 review` shows the pairs, people decide, and the seed identity_decisions holds what they say.",
        kinds={"python", settings.engine},
        owners=["team:data"],
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(name, type=of, description=words) for name, (of, words) in COLUMNS.items()]
            ),
            "dagster/table_name": ".".join(KEY.path),
        },
        pool="warehouse",
        retry_policy=retry_policy(settings),
    )
    def probable_duplicates(
        context: dg.AssetExecutionContext,
        config: ReviewConfig,
        warehouse: dg.ResourceParam[WarehouseAccess],
    ) -> dg.MaterializeResult[Any]:
        from c360_platform.identity_review import Search, find_probable_duplicates
        from c360_platform.identity_review.store import ReviewTables

        with one_line_failures("identity review"):
            stored = ReviewTables(warehouse.open(asset=JOB, run=context.run_id))
            stored.check()
            findings = find_probable_duplicates(
                stored.records(),
                decided=stored.decided(),
                guards=stored.guards(),
                search=Search(min_probability=config.min_probability),
            )
            stored.write(findings.proposals)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": findings.proposals.num_rows,
                "compared_rows": findings.rows,
                "learnt_from": ", ".join(findings.lessons) or "nothing: too few pairs",
                "proposals_by_probability": dg.MetadataValue.md(probability_bands(findings.proposals)),
            }
        )

    return [probable_duplicates]


def identity_review_job(assets: Sequence[dg.AssetsDefinition]) -> list[Any]:
    """The job that makes the proposals anew; no schedule starts it."""
    if not assets:
        return []
    return [
        dg.define_asset_job(
            JOB,
            dg.AssetSelection.assets(*assets),
            description="Looks for probable duplicates and proposes them to people. Joins nobody.",
        )
    ]


def probability_bands(proposals: "pa.Table") -> str:
    """How many pairs are at least so probable, as a table."""
    found = proposals["probability"].to_pylist()
    counts = ((least, sum(each >= least for each in found)) for least in BANDS)
    lines = [f"| {least:.0%} | {count:,} |" for least, count in counts]
    return "\n".join(["| at least | pairs |", "|---:|---:|", *lines])
