"""The example of docs/component.md, as its reader runs it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLE = DOCS / "examples" / "customer_360"


def test_the_example_of_the_page_ends_in_the_table_that_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.chdir(project)
    for name in [name for name in sys.modules if name.split(".")[0] == "shop"]:
        monkeypatch.delitem(sys.modules, name)
    from shop.definitions import defs  # type: ignore[import-not-found]

    with dg.DagsterInstance.ephemeral() as instance:
        job = defs().resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success

    with duckdb.connect(str(project / "shop.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select email, first_name, last_name, total_revenue, total_orders, total_sessions, is_active "
            "from marts.customer_360 order by total_revenue desc"
        ).fetchall()
    page = (DOCS / "component.md").read_text(encoding="utf-8")
    table = [
        " | ".join(
            "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            for value in row
        )
        for row in rows
    ]
    assert len(table) == 3
    assert [line for line in table if line not in page] == []


def test_the_page_shows_the_yaml_of_the_example() -> None:
    page = (DOCS / "component.md").read_text(encoding="utf-8")
    written = [file.read_text(encoding="utf-8").strip() for file in EXAMPLE.rglob("defs.yaml")]

    assert len(written) == 2
    assert [text for text in written if text not in page] == []
