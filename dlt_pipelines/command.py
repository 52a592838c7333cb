"""What `python -m dlt_pipelines.<source>` has in common: flags, the summary, and errors in one line.

Belongs here: the command line around a load. Does not belong here: what a source needs; its `__main__` adds
that. Secrets are no flags: a command line is visible to everybody on the machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dlt.common.configuration.exceptions import ConfigFieldMissingException

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.errors import IngestionError
from dlt_pipelines.pipeline import LoadReport


def make_parser(
    source: str, resources: Sequence[str], *, description: str, epilog: str
) -> argparse.ArgumentParser:
    """A parser with the flags of every source."""
    parser = argparse.ArgumentParser(
        prog=f"python -m dlt_pipelines.{source}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--warehouse", type=Path, metavar="FILE", help="DuckDB file")
    place.add_argument(
        "--bigquery", metavar="PROJECT", help="BigQuery project; credentials are Google's default ones"
    )
    parser.add_argument(
        "--location", default="EU", help="where the project's datasets are (default: %(default)s)"
    )
    parser.add_argument(
        "--dataset", default=source, help="schema or dataset for the tables (default: %(default)s)"
    )
    parser.add_argument("--base-url", metavar="URL", help="address of the API, e.g. a local sandbox's")
    parser.add_argument(
        "--resources",
        nargs="+",
        choices=resources,
        metavar="NAME",
        help=f"only these of: {', '.join(resources)}",
    )
    parser.add_argument(
        "--pipelines-dir", type=Path, metavar="DIR", help="dlt's working files (default: ~/.dlt/pipelines)"
    )
    return parser


def destination(options: argparse.Namespace) -> Path | BigQuery:
    """The place that the flags name."""
    if options.bigquery:
        return BigQuery(options.bigquery, options.location, labels={"component": "c360"})
    path: Path = options.warehouse
    return path.absolute()


def run(source: str, load: Callable[[], LoadReport]) -> int:
    """Run a load for a person: progress and a summary on stdout, or one line on stderr; the exit code."""
    try:
        report = load()
    except KeyboardInterrupt:
        return _fail("interrupted; what was committed stays, run again to go on", 130)
    except IngestionError as error:
        return _fail(str(error))
    except ConfigFieldMissingException as error:
        names = ", ".join(error.fields)
        variables = ", ".join(f"SOURCES__{source}__{name}".upper() for name in error.fields)
        return _fail(f"{names} missing: set {variables} or [sources.{source}] in .dlt/secrets.toml")
    for table, count in sorted(report.rows.items()):
        sys.stdout.write(f"{source}.{table:<24} {count:>9,} rows\n")
    sys.stdout.write(f"caught up in {report.seconds:.1f} s, packages: {report.packages}\n")
    return 0


def positive(text: str) -> int:
    """A flag's value that counts something."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def progress(line: str) -> None:
    """Show a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _fail(message: str, code: int = 1) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code
