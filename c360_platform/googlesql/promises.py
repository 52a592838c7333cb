"""What a model, snapshot or contract promises, compared with the columns that its query gives.

Belongs here: promises that are no SQL, and those that one statement alone does not break. Does not belong
here: judging statements (analyser.py) and finding lines (project.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from c360_platform.googlesql.analyser import Analysis
from c360_platform.googlesql.compiled import Node
from c360_platform.googlesql.dbt_statements import cluster_columns
from c360_platform.googlesql.types import UnknownType, canonical

# https://docs.getdbt.com/reference/resource-configs/snapshot_meta_column_names
SNAPSHOT_COLUMNS = {
    "dbt_scd_id": "STRING",
    "dbt_updated_at": "TIMESTAMP",
    "dbt_valid_from": "TIMESTAMP",
    "dbt_valid_to": "TIMESTAMP",
}
Columns = Mapping[str, str]  # name to BigQuery type
Reason = tuple[str, str]  # what it is about (a column or an option), and the words for people


def columns_without_name(analysis: Analysis) -> Iterator[Reason]:
    """Columns that a table cannot have: unnamed ones and two of one name."""
    for name in analysis.repeated:
        yield name, f"two columns are named {name}"
    for number, name in enumerate(analysis.columns or (), start=1):
        if not name or name.startswith("$"):
            yield "select", f"column {number} has no name: add `as name`"


def contract_problems(node: Node, columns: Columns) -> Iterator[Reason]:
    """Where an enforced contract and the query differ."""
    if not (node.config.get("contract") or {}).get("enforced"):
        return
    given = {name.lower(): of for name, of in columns.items()}
    promised = {name.lower(): of for name, of in node.columns.items()}
    for name, declared in promised.items():
        try:
            wanted = canonical(declared)
        except UnknownType as error:
            yield name, f"column {name}: {error}"
            continue
        if name not in given:
            yield name, f"column {name} is declared but the query does not give it"
        elif given[name] != wanted:
            yield name, f"column {name} is declared {wanted} but the query gives {given[name]}"
    for name in sorted(given.keys() - promised.keys()):
        yield "", f"the query gives column {name}, which is not declared"


def layout_problems(node: Node, columns: Columns) -> Iterator[Reason]:
    """Options of partitions and clusters that name no fitting column."""
    given = {name.lower(): of for name, of in columns.items()}
    partition = node.config.get("partition_by")
    if partition:
        name, wanted = str(partition["field"]), str(partition.get("data_type") or "date").upper()
        of = given.get(name.lower())
        if of is None:
            yield "partition_by", f"{name} is no column of the model"
        elif of != wanted:
            yield "partition_by", f"column {name} is {of}, not {wanted}"
    for name in cluster_columns(node.config):
        if name.lower() not in given:
            yield "cluster_by", f"{name} is no column of the model"


def snapshot_problems(node: Node, columns: Columns) -> Iterator[Reason]:
    """Options of a snapshot that name no fitting column."""
    given = {name.lower(): of for name, of in columns.items()}
    keys = node.config.get("unique_key") or []
    for key in keys if isinstance(keys, list) else [keys]:
        if re.fullmatch(r"\w+", str(key)) and str(key).lower() not in given:
            yield "unique_key", f"{key} is no column of the snapshot"
    updated_at = str(node.config.get("updated_at") or "")
    if re.fullmatch(r"\w+", updated_at) and given.get(updated_at.lower()) != "TIMESTAMP":
        of = given.get(updated_at.lower(), "missing")
        yield "updated_at", f"{updated_at} must be a TIMESTAMP, it is {of}"
    checked = node.config.get("check_cols")
    for name in checked if isinstance(checked, list) else []:
        if str(name).lower() not in given:
            yield "check_cols", f"{name} is no column of the snapshot"


def snapshot_columns(node: Node) -> dict[str, str]:
    """The columns that dbt adds to a snapshot."""
    renamed = node.config.get("snapshot_meta_column_names") or {}
    own = {renamed.get(name) or name: of for name, of in SNAPSHOT_COLUMNS.items()}
    if node.config.get("hard_deletes") == "new_record":
        own[renamed.get("dbt_is_deleted") or "dbt_is_deleted"] = "STRING"
    return own


def differences(full: Columns, later: Columns) -> Iterator[Reason]:
    """Columns and types in which a later run of an incremental model differs from the first."""
    first = {name.lower(): of for name, of in full.items()}
    then = {name.lower(): of for name, of in later.items()}
    for name in sorted(first.keys() | then.keys()):
        if first.get(name) != then.get(name):
            yield (
                name,
                f"column {name} is {then.get(name, 'missing')} in a later run "
                f"but {first.get(name, 'missing')} in the first",
            )
