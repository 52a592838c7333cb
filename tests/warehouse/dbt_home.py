"""A warehouse file and a dbt project to build it with, for tests of the models.

Belongs here: running dbt and reading what it made. Does not belong here: what must be true of the models; the
tests say that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
AS_OF = "2026-06-30"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class DbtHome:
    """One warehouse file with a project. Homes of one path and one `target` share dbt's parsed project."""

    warehouse: Path
    target: Path
    project: Path = DBT_PROJECT
    profiles: Path = DBT_PROJECT

    def load(self, *statements: str) -> None:
        """Run SQL on the warehouse, such as the making of raw tables."""
        with duckdb.connect(str(self.warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            for statement in statements:
                connection.execute(statement)

    def dbt(
        self, command: str, *arguments: str, variables: Mapping[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a dbt command on the home; the output has no colours."""
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "dbt"), command, *arguments,
                "--project-dir", str(self.project), "--profiles-dir", str(self.profiles),
                "--target-path", str(self.target), "--log-path", str(self.target),
                "--vars", json.dumps({"as_of": AS_OF, **(variables or {})}),
            ],
            env=os.environ | {"C360_WAREHOUSE_PATH": str(self.warehouse)},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return subprocess.CompletedProcess(
            done.args, done.returncode, COLOUR.sub("", done.stdout), COLOUR.sub("", done.stderr)
        )

    def build(self, *select: str) -> None:
        """Build seeds and models without their tests: all of them unless told which."""
        selection = ["--select", "resource_type:seed", *select] if select else []
        done = self.dbt("build", "--quiet", "--exclude-resource-types", "test", "unit_test", *selection)
        assert done.returncode == 0, done.stdout + done.stderr

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()
