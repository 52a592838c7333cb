"""How benchmarks measure: CPU seconds of whole process trees, all sides in turn, failures told."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from c360_platform.bench import ingest_data
from c360_platform.bench.ingest_side import SIDES, run
from c360_platform.bench.ingest_speed import ingest_ratios
from c360_platform.bench.processes import BenchError, Command, Cost, Ratio, compare, measure
from c360_platform.sandbox.server import running_sandbox

BUSY = "import time; end = time.process_time() + 0.4\nwhile time.process_time() < end: pass"


def python(code: str, directory: Path, **options: object) -> Command:
    return Command([sys.executable, "-c", code], {}, directory, **options)  # type: ignore[arg-type]


def test_the_work_of_a_child_process_is_counted_with_its_parents(tmp_path: Path) -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}], check=True)"
    assert measure(python(parent, tmp_path)).cpu >= 0.4


def test_a_command_that_fails_says_so_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="ended with 3: no warehouse"):
        measure(python("print('no warehouse'); raise SystemExit(3)", tmp_path))


def test_both_sides_run_in_turn_and_are_prepared_before_each_run(tmp_path: Path) -> None:
    runs: list[str] = []
    ratio = compare(
        "busy ÷ idle",
        ours=python(BUSY, tmp_path, prepare=lambda: runs.append("ours")),
        floor=python("pass", tmp_path, prepare=lambda: runs.append("floor")),
        rounds=2,
        detail="nothing else",
        say=lambda line: None,
    )
    assert runs == ["ours", "floor"] * 2
    assert ratio.value > 1


def test_a_ratio_says_what_it_divided() -> None:
    line = str(Ratio("a ÷ b", Cost(cpu=3, wall=4), Cost(cpu=2, wall=2), rounds=3, detail="test"))
    assert (
        line
        == "a ÷ b = 1.50  (CPU 3.00 s ÷ 2.00 s, wall 4.00 s ÷ 2.00 s; medians of 3 alternating runs; test)"
    )


def test_all_sides_of_an_ingest_bring_the_same_rows(tmp_path: Path) -> None:
    ingest_data.fill_with_tickets(tmp_path / "sandbox.sqlite", 1_100)
    found = {}
    with running_sandbox(tmp_path / "sandbox.sqlite", limits=False) as sandbox:
        for side in SIDES:
            warehouse = tmp_path / side / "warehouse.duckdb"
            warehouse.parent.mkdir()
            assert run(side, "tickets", sandbox.url, warehouse).rows == 1_100
            with duckdb.connect(warehouse) as connection:
                (schema,) = connection.execute(
                    "select table_schema from information_schema.tables "
                    "where table_name = 'tickets' and not table_schema like '%staging'"
                ).fetchone() or ("",)
                # dicts keep numbers as ids and nested values in DuckDB's own JSON
                rows = connection.execute(
                    "select id::varchar, subject, updated_at::timestamptz, custom_fields::json "
                    f"from {schema}.tickets"
                ).fetchall()
                found[side] = {row[0]: row for row in rows}
    assert len(found["ours"]) == 1_100
    assert found["floor"] == found["ours"] == found["dicts"]


def test_an_ingest_is_measured_in_units_of_its_floor(tmp_path: Path) -> None:
    said: list[str] = []
    [ratio] = ingest_ratios(tmp_path / "ingest", rounds=1, say=said.append, rows={"events": 50})
    assert "50 events" in ratio.detail
    assert [line.split()[-4].rstrip(":") for line in said] == list(SIDES)
    assert not list((tmp_path / "ingest").iterdir())
