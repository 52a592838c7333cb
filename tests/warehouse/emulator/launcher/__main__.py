"""Starts like `bqemulator start …`. `EMULATOR_JOBS` names a file for every job that was asked for."""

from __future__ import annotations

import os
from pathlib import Path

from launcher import values

values.install()  # before the others import the emulator's translator, which reads its rules once

from launcher import loads, scripts, service, speed, statements, tables  # noqa: E402

statements.install()
tables.install()
loads.install()
scripts.install()
speed.install()
service.install(Path(os.environ["EMULATOR_JOBS"]) if "EMULATOR_JOBS" in os.environ else None)

from bqemulator.cli import main  # noqa: E402

main()
