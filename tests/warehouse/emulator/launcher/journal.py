"""The list of jobs that were asked for: one line of JSON each, without any parameter's value.

Belongs here: the form of a line. `EMULATOR_JOBS` names the file; without it nothing is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_KINDS = ("query", "load", "copy", "extract")


def write(configuration: dict[str, Any], columns: dict[str, str] | None = None) -> None:
    """Add the job of a `configuration` block of the REST API; `columns` are the table's after a load."""
    if "EMULATOR_JOBS" not in os.environ:
        return
    kind = next(kind for kind in _KINDS if kind in configuration)
    job = configuration[kind]
    table = job.get("destinationTable") or {}
    line = {
        "kind": kind,
        "sql": job.get("query"),
        "parameters": [parameter["parameterType"] for parameter in job.get("queryParameters") or []],
        "default_dataset": (job.get("defaultDataset") or {}).get("datasetId"),
        "table": f"{table['datasetId']}.{table['tableId']}" if kind == "load" else None,
        "columns": columns,
        "labels": configuration.get("labels") or {},
        "dry_run": bool(configuration.get("dryRun")),
        "maximum_bytes_billed": job.get("maximumBytesBilled"),
    }
    with Path(os.environ["EMULATOR_JOBS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
