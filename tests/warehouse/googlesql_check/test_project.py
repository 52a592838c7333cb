"""The project's SQL holds before Google's analyser, and mistakes in it do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from c360_platform.dbt_manifest import DBT_OUTPUTS
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.googlesql.compiled import compiled_directory
from c360_platform.googlesql.engine import cache_directory, engine
from c360_platform.googlesql.project import check_project
from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.googlesql_check.conftest import Checked

SEGMENTS = "models/marts/segments"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text in a file, what it is replaced by, and words of the problem that must be named at its line.

    `named_at` is a text at whose line it is named when that is another one.
    """

    file: str
    right: str
    wrong: str
    reason: str
    named_at: str = ""

    def seed(self, project: Path) -> None:
        path = project / self.file
        text = path.read_text(encoding="utf-8")
        assert text.count(self.right) == 1, f"{self.file} has {self.right!r} {text.count(self.right)} times"
        path.write_text(text.replace(self.right, self.wrong), encoding="utf-8")

    def place(self, project: Path) -> str:
        text = (project / self.file).read_text(encoding="utf-8")
        return f"{self.file}:{text[: text.index(self.named_at or self.wrong)].count(chr(10)) + 1}"


MISTAKES = [
    Mistake(
        f"{SEGMENTS}/seg_vip_customers.sql",
        "lifetime_revenue,",
        "lifetime_revenu,",
        "Unrecognized name: lifetime_revenu; Did you mean lifetime_revenue?",
    ),
    Mistake(
        f"{SEGMENTS}/seg_winback_candidates.sql",
        "where is_syncable and is_winback_candidate",
        "where is_syncable and is_winback_candidate and last_order_date < {{ as_of_end() }}",
        "No matching signature for operator < for argument types: DATE, TIMESTAMP",
    ),
    Mistake(
        f"{SEGMENTS}/seg_upsell_candidates.sql",
        "where customers.is_syncable and customers.is_upsell_candidate",
        "where customers.is_syncable and list_contains(customers.preferred_categories, 'tea')",
        "Function not found: list_contains",
    ),
    Mistake(
        f"{SEGMENTS}/_segments__models.yml",
        "- name: cross_channel_group\n        description: 2 or 3+ channels; empty for one channel.\n"
        "        data_type: string",
        "- name: cross_channel_group\n        description: 2 or 3+ channels; empty for one channel.\n"
        "        data_type: int64",
        "contract of seg_cross_channel_customers: column cross_channel_group is declared INT64 "
        "but the query gives STRING",
    ),
    Mistake(
        "models/staging/shipments/base_shipments__dpd_scans.sql",
        "select * from final",
        "select *{% if is_incremental() %}, 1 as page{% endif %} from final",
        "(incremental): column page is INT64 in a later run but missing in the first",
    ),
    Mistake(
        "models/marts/customer_360/events_shipments.sql",
        "partition_by='event_timestamp'",
        "partition_by='event_time'",
        "partition_by: event_time is no column of the model",
    ),
    Mistake(
        "tests/customer_360/assert_dim_customers_holds_everybody.sql",
        "where known.customer_id is null or",
        "where known.customer is null or",
        "Name customer not found inside known",
    ),
    Mistake(
        "models/marts/customer_360/_customer_360__models.yml",
        "event_timestamp <= {{ as_of_end() }}",
        "event_id <= {{ as_of_end() }}",
        "test events_shipments_did_happen: No matching signature for operator <=",
        named_at="- expression_is_true:\n          name: events_shipments_did_happen",
    ),
    Mistake(
        "analyses/who_lapses_next.sql",
        "total_orders,",
        "total_order,",
        "Unrecognized name: total_order; Did you mean total_orders?",
    ),
]


def test_nothing_in_the_project_is_refused(checked: Checked) -> None:
    assert [str(problem) for problem in checked.models.problems] == []
    assert checked.models.unchecked == []


def test_every_node_with_sql_is_judged(checked: Checked) -> None:
    nodes = checked.project.nodes.values()
    files = {str(path.relative_to(DBT_PROJECT)) for path in (DBT_PROJECT / "models").rglob("*.sql")}

    assert {node.file for node in nodes if node.kind == "model" and node.sql} == files
    for node in nodes:
        if node.kind in ("model", "snapshot"):
            assert checked.analyser.columns(node.path), f"{node.name} is not known"
    later = [node for node in nodes if node.config.get("materialized") == "incremental"]
    assert all(node.incremental_sql and "merge into" in node.merge_template for node in later)
    assert checked.models.statements > sum(1 for node in nodes if node.sql) + 2 * len(later)


def test_mistakes_are_named_by_file_and_line_and_nothing_else_is(tmp_path: Path, checked: Checked) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns(*DBT_OUTPUTS))
    for mistake in MISTAKES:
        mistake.seed(project)
    _keep_parse(project, tmp_path)

    done = _check(project, tmp_path)

    assert done.returncode == 1, done.stdout + done.stderr
    for mistake in MISTAKES:
        assert f"{mistake.place(project)}" in done.stdout, f"{mistake.place(project)} is not in {done.stdout}"
        assert mistake.reason in done.stdout
    named = re.findall(r"^((?:models|tests|analyses|c360_platform)/[^:\s]+:\d+)", done.stdout, re.MULTILINE)
    assert sorted(named) == sorted(mistake.place(project) for mistake in MISTAKES), done.stdout
    assert f"{len(MISTAKES)} problems, 0 not checked" in done.stdout
    again = _check(project, tmp_path)  # from what is kept of the first
    assert (again.returncode, again.stdout.splitlines()[:-1]) == (1, done.stdout.splitlines()[:-1])


def test_what_reads_a_broken_model_is_not_judged(checked: Checked) -> None:
    nodes = dict(checked.project.nodes)
    broken = next(node for node in nodes.values() if node.name == "stg_crm__contacts")
    nodes[broken.unique_id] = replace(broken, sql="select no_such_column from unnest([1])")

    found = check_project(replace(checked.project, nodes=nodes), Analyser(checked.analyser.memory))

    readers = {node.name for node in nodes.values() if broken.unique_id in node.parents}
    assert [problem.file for problem in found.problems] == [broken.file]
    assert readers <= set(found.unchecked)


def test_a_project_that_cannot_be_parsed_is_one_clear_line(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, project, ignore=shutil.ignore_patterns(*DBT_OUTPUTS, "models", "tests"))
    (project / "models").mkdir()
    (project / "models" / "broken.sql").write_text("select * from {{ ref('nothing') }}", encoding="utf-8")

    done = _check(project, tmp_path)

    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nothing" in done.stderr


def _keep_parse(project: Path, tmp_path: Path) -> None:
    """As after a check of the project without its mistakes: dbt parses what has changed since."""
    kept, new = (compiled_directory(directory, project=ANY_PROJECT) for directory in (DBT_PROJECT, project))
    place = tmp_path / "cache" / "c360" / new.relative_to(cache_directory())
    place.mkdir(parents=True)
    shutil.copy(kept / "partial_parse.msgpack", place)


def _check(project: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """As people run it, with a cache of its own that begins with the compiled analyser and its answers."""
    cache = tmp_path / "cache" / "c360"
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob("*.cwasm")):
        for file in cache_directory().glob("zetasql-*.cwasm"):
            (cache / file.name).symlink_to(file)
        for file in cache_directory().glob("analyses-*.json"):
            shutil.copy(file, cache)
    return subprocess.run(
        [str(Path(sys.executable).parent / "c360"), "check-sql"],
        env=os.environ | {"C360_DBT_PROJECT_DIR": str(project), "XDG_CACHE_HOME": str(cache.parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(autouse=True, scope="module")
def _cached_analyser() -> None:
    """So that commands of the tests find it."""
    engine()
