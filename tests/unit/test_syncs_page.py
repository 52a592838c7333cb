"""docs/syncs.md names what there is: every key with its default, every override, check, status and column."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from c360_platform.activation.blocks import BLOCKS, RemovalFuse
from c360_platform.activation.delivery import Overrides
from c360_platform.activation.ledger import Ledger
from c360_platform.activation.ledger_tables import TABLES
from c360_platform.activation.payloads import LANE_OF
from c360_platform.assets import activate, reconcile
from c360_platform.warehouse.duckdb import DuckDBWarehouse

PAGE = (Path(__file__).parents[2] / "docs/syncs.md").read_text()
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")}


def rows(section: str) -> list[list[str]]:
    """The cells of the tables of a section, without headers."""
    lines = [line[1:-1].split("|") for line in SECTIONS[section].splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in cells] for cells in lines if "`" in cells[0]]


def names(text: str) -> set[str]:
    return set(re.findall(r"`…?(\w+)`", text))


def test_every_key_of_a_block_is_explained_for_the_objects_that_have_it() -> None:
    of_fuse = RemovalFuse.model_fields
    explained = {
        (kind, key)
        for cells in rows("Keys of a block")
        for kind in (BLOCKS if cells[1] == "all" else cells[1].split(", ") if cells[1] else ())
        for key in names(cells[0])
    }
    assert explained == {(kind, key) for kind, block in BLOCKS.items() for key in block.model_fields}
    assert {key for cells in rows("Keys of a block") if not cells[1] for key in names(cells[0])} == set(
        of_fuse
    )


def test_the_defaults_are_those_of_the_blocks() -> None:
    known = RemovalFuse.model_fields | {
        key: info for block in BLOCKS.values() for key, info in block.model_fields.items()
    }
    for cells in rows("Keys of a block"):
        for key in names(cells[0]) - {"create", "removal_fuse"}:
            said = cells[2].strip("`")
            default = known[key].default
            assert said == (
                "required" if known[key].is_required() else "none" if not default else str(default)
            )
    said = next(cells[2] for cells in rows("Keys of a block") if cells[0] == "`create`")
    defaults = {kind: block.model_fields["create"].default for kind, block in BLOCKS.items()}
    assert said == "`{profiles}`, list `{list}`, events `{events}`".format(**defaults)


def test_overrides_operations_and_checks_are_all_there() -> None:
    assert [names(cells[0]).pop() for cells in rows("In the launchpad, for one run")] == [
        each.name for each in fields(Overrides)
    ]
    operations = {name for cells in rows("Life of a row") for name in names(cells[0])}
    assert operations == set(LANE_OF)
    checks = {cells[0].split("`")[1] for cells in rows("Checks on a push")}
    assert checks == {
        *(activate.ACCEPTED_CHECK, activate.RATE_CHECK, activate.FUSE_CHECK, activate.READ_BACK_CHECK),
        reconcile.IN_STEP_CHECK,
    }
    assert {name for cells in rows("The ledger: schema `c360_sync`") for name in names(cells[0])} == set(
        TABLES
    )


@pytest.mark.parametrize("block", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_the_queries_run(block: str, tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
    Ledger(warehouse, "any").prepare()
    statements = [text for text in re.sub(r"--.*", "", block).split(";") if text.strip()]
    assert [warehouse.table(text).num_rows for text in statements] == [0] * len(statements)
