"""The page that tells a shop which raw tables and columns the platform reads.

Belongs here: turning the dbt source files into docs/raw-sources.md. Does not belong here: reading data.
Renew the page with `python -m c360_platform.raw_files.reference > docs/raw-sources.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from c360_platform.settings import PROJECT_ROOT

INTRODUCTION = """\
# Raw sources

What the platform reads, generated from the dbt source files. Tables live in a schema with the source's
name; another name goes into `vars: raw_schemas`. A column marked **!** is required when the table is
there, everything else may be missing. Names after "also" are understood by `c360 load` and by the models.
JSON columns hold JSON text; a timestamp without zone is UTC.
"""


def render(dbt_project_dir: Path) -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, *_sources(dbt_project_dir)]) + "\n"


def _sources(dbt_project_dir: Path) -> Iterator[str]:
    for file in sorted(dbt_project_dir.glob("models/staging/*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text())["sources"]:
            yield f"## {source['name']}\n\n{source['description']}\n"
            for table in source["tables"]:
                yield from _table(source["name"], table)


def _table(source: str, table: dict[str, Any]) -> Iterator[str]:
    yield f"### {source}.{table['name']}\n\n{table['description']}{_also(table)}\n"
    yield "| column | type | meaning |\n|---|---|---|"
    for column in table["columns"]:
        name = f"`{column['name']}`{' **!**' if _meta(column).get('required') else ''}"
        yield f"| {name} | {column['data_type']} | {column['description']}{_also(column)} |"
    yield ""


def _also(entry: dict[str, Any]) -> str:
    aliases = _meta(entry).get("aliases") or []
    return f" Also {', '.join(f'`{alias}`' for alias in aliases)}." if aliases else ""


def _meta(entry: dict[str, Any]) -> dict[str, Any]:
    meta: dict[str, Any] = (entry.get("config") or {}).get("meta") or {}
    return meta


if __name__ == "__main__":
    sys.stdout.write(render(PROJECT_ROOT / "dbt_project"))
