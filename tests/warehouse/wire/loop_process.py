"""Runs a job of a home in a process of its own: `python -m tests.warehouse.wire.loop_process JOB OUTCOME`.

Which home, and which Klaviyo, is in the environment (`Settings.variables`). The outcome is written as JSON.
Two of these run side by side, one per engine, which one process could not do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from c360_platform.loop import run_job
from c360_platform.settings import load_settings


def main(job: str, outcome_path: str) -> None:
    outcome = run_job(load_settings(), job)
    told = {
        "success": outcome.success,
        "failures": outcome.failures,
        "warnings": outcome.warnings,
        "step_seconds": outcome.step_seconds,
        "rows": outcome.rows,
        "pushes": {sync: _numbers(counters) for sync, counters in outcome.pushes.items()},
    }
    Path(outcome_path).write_text(json.dumps(told, default=str))


def _numbers(counters: Mapping[str, Any]) -> dict[str, int | float]:
    """A push's counters without what its metadata shows beside them, such as tables."""
    return {name: value for name, value in counters.items() if isinstance(value, int | float)}


if __name__ == "__main__":
    main(*sys.argv[1:])
