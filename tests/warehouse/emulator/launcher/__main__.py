"""Starts like `bqemulator start …`. `EMULATOR_JOBS` names a file for the list of jobs."""

from __future__ import annotations

from launcher import values

values.install()  # before the others import the emulator's translator, which reads its rules once

from launcher import loads, scripts, service, speed, statements, tables  # noqa: E402

statements.install()
tables.install()
loads.install()
scripts.install()
speed.install()
service.install()

from bqemulator.cli import main  # noqa: E402

main()
