"""`python -m dlt_pipelines.zendesk`: load Zendesk into a DuckDB file or BigQuery."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dlt_pipelines.command import destination, make_parser, positive, progress, run
from dlt_pipelines.zendesk import NAME, RESOURCES, load

_EPILOG = """\
credentials come from the environment or .dlt/secrets.toml, as everywhere in dlt:
  SOURCES__ZENDESK__EMAIL       an administrator's e-mail (or --email)
  SOURCES__ZENDESK__API_TOKEN   that administrator's API token
  SOURCES__ZENDESK__BASE_URL    https://{subdomain}.zendesk.com (or --base-url)

examples:
  python -m dlt_pipelines.zendesk --warehouse warehouse.duckdb
  python -m dlt_pipelines.zendesk --bigquery my-shop-123 --location EU
  SOURCES__ZENDESK__API_TOKEN=demo python -m dlt_pipelines.zendesk --warehouse warehouse.duckdb \\
      --base-url http://127.0.0.1:8377 --email agent@sandbox.example
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, and say what happened; the exit code."""
    parser = make_parser(
        NAME,
        RESOURCES,
        description=(
            "Load tickets with their metrics, events and fields, users, organizations and satisfaction from "
            "Zendesk. Only what changed since the last load is read; tickets and ticket_metrics load "
            "together."
        ),
        epilog=_EPILOG,
    )
    parser.add_argument("--email", help="an administrator's e-mail")
    parser.add_argument(
        "--exports-per-minute",
        type=positive,
        metavar="N",
        help="what the plan allows: 10, or 30 with the High Volume add-on (default: 10)",
    )
    parser.add_argument(
        "--no-comments",
        dest="comments",
        action="store_false",
        help="leave the text of messages out of ticket events",
    )
    options = parser.parse_args(arguments)
    return run(
        NAME,
        lambda: load(
            destination(options),
            dataset=options.dataset,
            base_url=options.base_url,
            email=options.email,
            pipelines_dir=options.pipelines_dir,
            resources=options.resources,
            report=progress,
            exports_per_minute=options.exports_per_minute,
            comments=options.comments,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
