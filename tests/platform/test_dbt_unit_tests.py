"""dbt's unit tests: they test rules and not data, so builds leave them out and the suite runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from c360_platform.dbt_manifest import dbt_executable, dbt_variables, read_manifest
from tests.conftest import LivedInHome


def test_every_rule_of_the_models_holds(lived_in_home: LivedInHome, tmp_path: Path) -> None:
    settings = lived_in_home.settings
    project, target = str(settings.dbt_project_dir), str(tmp_path / "target")
    done = subprocess.run(
        [
            dbt_executable(), "--no-use-colors", "test", "--select", "test_type:unit",
            "--project-dir", project, "--profiles-dir", project,
            "--target-path", target, "--log-path", target, "--vars", '{"as_of": "2026-06-30"}',
        ],
        env=os.environ | dbt_variables(settings), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "target" / "run_results.json").read_text())["results"]
    ran = {result["unique_id"] for result in results if result["status"] == "pass"}
    assert ran == set(read_manifest(settings)["unit_tests"])
    assert len(ran) > 30
