"""What a source must have and lacks is named, with what to do; where a source lies is said in one place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.warehouse.dbt_home import DBT_PROJECT, DbtHome
from tests.warehouse.dbt_process import DbtProcess


def test_what_is_required_and_missing_is_named_with_what_to_do(
    empty_home: DbtHome, dbt_process: DbtProcess
) -> None:
    empty_home.load(
        "create schema shopify",
        "create table shopify.customer (email varchar)",
        "create schema webshop",
        "create table webshop.orders (id varchar)",
    )

    code, output = dbt_process.run(
        "run", "--select", "stg_shopify__customers", "stg_shopify__orders", "stg_webshop__orders"
    )

    assert code != 0
    assert "Traceback" not in output
    assert "Source shopify: table shopify.customer has no column id" in output
    assert "Source shopify has no table shopify.order." in output
    assert (
        "Source webshop: table webshop.orders has no column order_date (also known as ordered_at, created_at)"
        in output
    )


def test_raw_schemas_may_be_datasets_of_other_projects(tmp_path: Path) -> None:
    # The sources without the models, because dbt parses the project anew for other schemas.
    project = tmp_path / "dbt_project"
    for part in ("dbt_project.yml", "profiles.yml", "macros/**/*", "models/**/*__sources.yml"):
        for file in filter(Path.is_file, DBT_PROJECT.glob(part)):
            copy = project / file.relative_to(DBT_PROJECT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    home = DbtHome(tmp_path / "warehouse.duckdb", tmp_path / "target", project=project, profiles=project)

    done = home.dbt(
        "parse", variables={"raw_schemas": {"crm": "my-project-1.crm_export", "ga4": "analytics_1"}}
    )

    assert done.returncode == 0, done.stdout
    sources = json.loads((home.target / "manifest.json").read_text())["sources"].values()
    places = {source["source_name"]: (source["database"], source["schema"]) for source in sources}
    assert places["crm"] == ("my-project-1", "crm_export")
    assert places["ga4"] == (places["shopify"][0], "analytics_1")
    assert places["shopify"][1] == "shopify"


@pytest.mark.parametrize(
    ("schemas", "problem"),
    [
        (
            {"crm": "my-project."},
            "Variable raw_schemas has 'my-project.' for crm. Give a dataset, such as my_crm, "
            "or one of another project, such as my-project.my_crm.",
        ),
        ({"crm": "a.b.c"}, "Variable raw_schemas has 'a.b.c' for crm."),
        (
            {"crn": "crm_export"},
            "Variable raw_schemas has a name for crn, which is no source: those are amazon, ",
        ),
    ],
)
def test_a_raw_schema_that_is_none_is_named(
    dbt_process: DbtProcess, schemas: dict[str, str], problem: str
) -> None:
    code, output = dbt_process.run("run", "--select", "stg_crm__contacts", variables={"raw_schemas": schemas})

    assert code == 1
    assert problem in " ".join(output.split())
    assert "Traceback" not in output
