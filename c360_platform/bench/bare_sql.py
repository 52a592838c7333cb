"""Statements from a file against a DuckDB file, one after the other: the floor of a dbt build.

Belongs here: the bare execution that `build_ratio` measures in a process of its own. Does not belong here:
where the statements come from.

Usage: python -m c360_platform.bench.bare_sql STATEMENTS.json WAREHOUSE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def run(statements: Path, warehouse: Path) -> None:
    """Execute a JSON list of SQL statements and fetch what each one returns."""
    import duckdb

    with duckdb.connect(str(warehouse)) as connection:
        for statement in json.loads(statements.read_text()):
            connection.execute(statement).fetchall()


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
