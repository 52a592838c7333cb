"""Runs a job of a home in a process of its own: `python -m tests.warehouse.wire.loop_process JOB OUTCOME`.

Which home, and which Klaviyo, is in the environment (`Settings.variables`). The outcome is written as JSON.
Two of these run side by side, one per engine, which one process could not do.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from c360_platform.loop import run_job
from c360_platform.settings import load_settings


def main(job: str, outcome_path: str) -> None:
    outcome = run_job(load_settings(), job)
    Path(outcome_path).write_text(json.dumps(asdict(outcome), default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
