"""dbt's unit tests: they test rules and not data, so builds leave them out and the suite runs them."""

from __future__ import annotations

import json
import shutil

from c360_platform.dbt_manifest import read_manifest
from c360_platform.settings import Settings
from tests.warehouse.dbt_process import DbtProcess


def test_every_rule_of_the_models_holds(small_home: Settings, dbt_process: DbtProcess) -> None:
    shutil.copyfile(small_home.warehouse_path, dbt_process.warehouse)

    code, output = dbt_process.run("test", "--write-json", "--select", "test_type:unit")

    assert code == 0, output
    results = json.loads((dbt_process.target / "run_results.json").read_text())["results"]
    ran = {result["unique_id"] for result in results if result["status"] == "pass"}
    assert ran == set(read_manifest(small_home)["unit_tests"])
    assert len(ran) > 30
