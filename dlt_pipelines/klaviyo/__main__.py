"""`python -m dlt_pipelines.klaviyo`: load Klaviyo into a DuckDB file or BigQuery."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dlt_pipelines.command import destination, make_parser, progress, run
from dlt_pipelines.klaviyo import NAME, RESOURCES, load
from dlt_pipelines.klaviyo.days import window_of_days

_EPILOG = """\
the private key comes from the environment or .dlt/secrets.toml, as everywhere in dlt:
  SOURCES__KLAVIYO__API_KEY     with profiles:read, events:read, metrics:read and lists:read

examples:
  python -m dlt_pipelines.klaviyo --warehouse warehouse.duckdb
  python -m dlt_pipelines.klaviyo --bigquery my-shop-123 --location EU
  SOURCES__KLAVIYO__API_KEY=pk_demo_local python -m dlt_pipelines.klaviyo --warehouse warehouse.duckdb \\
      --base-url http://127.0.0.1:8377
  python -m dlt_pipelines.klaviyo --warehouse warehouse.duckdb \\
      --events-from 2026-01-01 --events-to 2026-03-31
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, and say what happened; the exit code."""
    parser = make_parser(
        NAME,
        RESOURCES,
        description=(
            "Load profiles with consent, predictions, suppressions, events, metrics, lists and their members "
            "from Klaviyo. What can be read incrementally is, with a look-back; the rest is read in full."
        ),
        epilog=_EPILOG,
    )
    days = parser.add_argument_group(
        "reading events again", "instead of loading what is new; what the loads remember stays as it is"
    )
    days.add_argument("--events-from", metavar="DAY", help="first day (UTC), such as 2026-01-01")
    days.add_argument("--events-to", metavar="DAY", help="last day (UTC)")
    options = parser.parse_args(arguments)
    return run(
        NAME,
        lambda: load(
            destination(options),
            dataset=options.dataset,
            base_url=options.base_url,
            pipelines_dir=options.pipelines_dir,
            resources=options.resources,
            events_window=window_of_days(options.events_from, options.events_to),
            report=progress,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
