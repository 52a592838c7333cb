"""How benchmarks measure: CPU seconds of whole process trees, both sides in turn, failures told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from c360_platform.bench.processes import BenchError, Command, Cost, Ratio, compare, measure

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
