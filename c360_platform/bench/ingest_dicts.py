"""The same ingest as one writes it with dlt and dicts: what the platform's sources are compared with.

Belongs here: a source in the usual manner, with the settings that make it fast: whole pages, nested values
left as JSON, parquet. Does not belong here: anything that the platform uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import dlt
import orjson

from c360_platform.bench.ingest_pages import pages

_MERGED: Final[dict[str, Any]] = {
    "primary_key": "id",
    "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
    "max_table_nesting": 0,
    "file_format": "parquet",
}


def load(subject: str, base_url: str, warehouse: Path) -> int:
    """Merge everything into new tables; the number of rows of the subject."""
    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        pipeline_name="dicts",
        dataset_name="dicts",
        destination=dlt.destinations.duckdb(str(warehouse)),
        pipelines_dir=str(warehouse.parent),
    )
    pipeline.run(_SOURCES[subject](base_url))
    return int(pipeline.last_trace.last_normalize_info.row_counts[subject])


def _tickets(base_url: str) -> Any:
    def read() -> Iterator[list[dict[str, Any]]]:
        for content in pages("tickets", base_url):
            rows = orjson.loads(content)["tickets"]
            for row in rows:
                del row["fields"]  # the same as custom_fields
            yield rows

    read_pages = dlt.resource(read(), name="ticket_pages", selected=False)

    def tickets(rows: list[dict[str, Any]]) -> Iterator[Any]:
        yield [{name: value for name, value in row.items() if name != "metric_set"} for row in rows]

    def ticket_metrics(rows: list[dict[str, Any]]) -> Iterator[Any]:
        yield [row["metric_set"] for row in rows]

    return [
        dlt.transformer(tickets, data_from=read_pages, **_MERGED),
        dlt.transformer(ticket_metrics, data_from=read_pages, **_MERGED),
    ]


def _profiles(base_url: str) -> Any:
    def read() -> Iterator[list[dict[str, Any]]]:
        for content in pages("profiles", base_url):
            yield [{"id": row["id"], **row["attributes"]} for row in orjson.loads(content)["data"]]

    return dlt.resource(read(), name="profiles", **_MERGED)


def _events(base_url: str) -> Any:
    def read() -> Iterator[list[dict[str, Any]]]:
        for content in pages("events", base_url):
            yield [
                {
                    "id": row["id"],
                    **row["attributes"],
                    "profile_id": row["relationships"]["profile"]["data"]["id"],
                    "metric_id": row["relationships"]["metric"]["data"]["id"],
                }
                for row in orjson.loads(content)["data"]
            ]

    return dlt.resource(read(), name="events", **_MERGED)


_SOURCES: Final[dict[str, Callable[[str], Any]]] = {
    "tickets": _tickets,
    "profiles": _profiles,
    "events": _events,
}
