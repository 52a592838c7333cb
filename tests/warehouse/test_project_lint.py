"""The dbt project keeps the rules of dbt's project evaluator; the linter sees mistakes on both engines."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from c360_platform.dbt_manifest import read_manifest
from c360_platform.settings import load_settings
from tests.warehouse.dbt_home import DBT_PROJECT

BIN = Path(sys.executable).parent
ROOT = DBT_PROJECT.parent
BAD = """\
with

orders as (

    select * from {{ ref('orders') }}

)

SELECT customer_id, {{ x_isodow('order_date') }} weekday,
       count(*) as orders
from orders
group by 1,2
"""


def test_the_project_keeps_the_rules_of_the_evaluator(tmp_path: Path) -> None:
    read_manifest(load_settings({}, home=tmp_path))  # so that it is there and new

    done = subprocess.run(
        [BIN / "dbt-bouncer", "run", "--config-file", DBT_PROJECT / "dbt-bouncer.yml", "--show-all-failures"],
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR=0" in done.stdout + done.stderr
    assert "WARN=0" in done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["duckdb", "bigquery"])
def test_the_linter_names_what_is_written_otherwise(engine: str, tmp_path: Path) -> None:
    for name in (".sqlfluff", "dbt_project/macros", "tests/warehouse/lint"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    shutil.copy(DBT_PROJECT / "dbt_project.yml", tmp_path / "dbt_project")
    (tmp_path / "bad.sql").write_text(BAD)

    done = subprocess.run(
        [BIN / "sqlfluff", "lint", "--dialect", engine, "--format", "github-annotation-native", "bad.sql"],
        env=os.environ | {"C360_DBT_TARGET": engine}, cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 1, done.stdout + done.stderr
    found = set(re.findall(r"title=SQLFluff,[^:]*::([A-Z]+[0-9]*)", done.stdout))
    assert found == {"AL02", "CP01", "LT01", "LT02"}, done.stdout
