"""A home's own Dagster instance: runs, event log, schedules, in SQLite files under <home>/dagster.

Belongs here: making it on first use and opening it. Does not belong here: what runs (definitions.py), and
instances of a deployment, which are configured where they are deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from c360_platform.settings import Settings

TEMPLATE = Path(__file__).resolve().parent.parent / "deploy" / "dagster.local.yaml"
EVENT_LOG = """
event_log_storage:
  module: c360_platform.event_log
  class: OpenSqliteEventLogStorage
  config:
    base_dir: {place}
"""
EVENT_LOG_PLACE = re.compile(r"^(    base_dir: )(.*)$", re.MULTILINE)


@contextmanager
def home_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The home's instance, ready for a run: what killed processes left behind is cleared away first.

    `dagster dev` opens the same one when DAGSTER_HOME is the home's `dagster` directory.
    """
    import dagster as dg

    from c360_platform.interrupted_runs import end_interrupted_runs

    prepare_instance(settings.dagster_home)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        end_interrupted_runs(instance)
        yield instance


def prepare_instance(dagster_home: Path) -> None:
    """Write dagster.yaml when there is none. Of one that is there, only the place of the event log is mended.

    That place is the one path in the file, and Dagster resolves none: without this, a home that was moved or
    copied would go on writing into the former one.
    """
    config = dagster_home / "dagster.yaml"
    place = str(dagster_home / "history" / "runs")
    dagster_home.mkdir(parents=True, exist_ok=True)
    if not config.exists():
        config.write_text(TEMPLATE.read_text() + EVENT_LOG.format(place=json.dumps(place)))
        return
    text = config.read_text()
    mended = EVENT_LOG_PLACE.sub(lambda line: line[1] + json.dumps(place), text)
    if mended != text:
        config.write_text(mended)
