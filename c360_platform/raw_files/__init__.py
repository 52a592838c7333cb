"""`c360 load`: a shop's own exports as raw tables, checked against the raw contract before anything is
written.

Belongs here: reading files of `<schema>/<table>.csv|parquet`, the raw contract behind them, the report.
Does not belong here: models, and anything that connects to a service.
"""

from __future__ import annotations

from c360_platform.raw_files.loading import load_folder
from c360_platform.raw_files.problems import Problem, RawFileError
from c360_platform.raw_files.report import LoadedTable, LoadReport

__all__ = ["LoadReport", "LoadedTable", "Problem", "RawFileError", "load_folder"]
