"""Loads by Dagster in a process of its own and kills it at the named points.

`python -m tests.platform.killed_ingest POINT,… HOME BASE_URL`; the points are those of
`tests.pipelines.killed_load`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from c360_platform.settings import Settings, load_settings
from tests.pipelines.killed_load import TABLES, UNLIMITED, die_at
from tests.platform.ingest_runs import Ingest, Run


def main(points: str, home: str, base_url: str) -> None:
    ingest = Ingest(installation(home, base_url))

    def load_elsewhere(source: str) -> None:
        with TemporaryDirectory() as elsewhere:
            load_small_packages(Ingest(installation(elsewhere, base_url)), source)

    die_at(points, lambda source: load_small_packages(ingest, source), load_elsewhere)


def load_small_packages(ingest: Ingest, source: str) -> Run:
    """Load what killed loads read of a source, a page in every package."""
    tables = [f"{source}/{table}" for table in TABLES[source]]
    return ingest.run(*tables, config={source: {"pages_per_package": 1}})


def installation(home: Path | str, base_url: str) -> Settings:
    """An installation at `home` that loads from the sandbox at `base_url` as fast as it can."""
    settings = load_settings({}, home=home).pointed_at(base_url)
    return replace(settings, zendesk_exports_per_minute=UNLIMITED)


if __name__ == "__main__":
    main(*sys.argv[1:])
