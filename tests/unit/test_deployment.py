"""What is deployed agrees with what is developed: variables, versions, files, datasets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())
BIGQUERY_PAGE = (ROOT / "docs/bigquery.md").read_text()


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text().splitlines()
    found = [re.match(r"([A-Za-z0-9._-]+)==(\S+)", line) for line in lines]
    return {pin[1]: pin[2] for pin in found if pin is not None}


def test_the_image_has_the_versions_that_are_tested_and_no_tools_of_development() -> None:
    tested, deployed = pins("requirements.lock"), pins("deploy/requirements.lock")
    assert {name: deployed[name] for name in tested.keys() & deployed.keys()} == {
        name: tested[name] for name in tested.keys() & deployed.keys()
    }
    assert not {"pytest", "ruff", "mypy", "zetasql"} & deployed.keys()
    assert {"dagster-k8s", "dagster-postgres", "dagster-gcp", "dbt-bigquery"} <= deployed.keys()


def test_the_image_copies_what_is_there_and_everything_that_runs() -> None:
    copied = [
        source
        for line in (ROOT / "deploy/Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {"c360_platform", "dlt_pipelines", "dbt_project"} <= set(copied)


def test_run_pods_get_only_variables_that_the_settings_know() -> None:
    known = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    [deployment] = VALUES["dagster-user-deployments"]["deployments"]
    given = {variable["name"]: variable["value"] for variable in deployment["env"]}
    assert given.keys() <= known
    assert given["C360_ENV"] == "production"
    assert deployment["includeConfigInLaunchedRuns"]["enabled"]


def test_the_chart_has_the_version_of_the_library() -> None:
    text = (ROOT / "deploy/kubernetes/values.yaml").read_text()
    assert re.findall(r"--version (\S+)", text) == [pins("deploy/requirements.lock")["dagster"]]


@pytest.mark.parametrize("part", ["models", "seeds", "snapshots", "sources"])
def test_every_dataset_that_the_platform_touches_is_on_the_page_about_permissions(part: str) -> None:
    project = yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())
    if part == "sources":
        pages = [
            yaml.safe_load(page.read_text()) for page in ROOT.glob("dbt_project/models/**/*__sources.yml")
        ]
        datasets = {source["name"] for page in pages for source in page["sources"]}
    else:
        datasets = set(schemas(project.get(part, {})))
    missing = [dataset for dataset in datasets if f"`{dataset}`" not in BIGQUERY_PAGE]
    assert missing == []


def schemas(config: dict[str, Any]) -> list[str]:
    """Every +schema of a part of dbt_project.yml."""
    inner = [value for value in config.values() if isinstance(value, dict)]
    own = [config["+schema"]] if "+schema" in config else []
    return own + [schema for value in inner for schema in schemas(value)]
