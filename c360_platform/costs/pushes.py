"""The sync engine's statements: what one push sends to BigQuery.

Belongs here: a run of the engine over a warehouse that only listens and a Klaviyo that takes everything. Does
not belong here: what the statements read. The push is an ordinary one: a row differs, its batch is sent,
confirmed and read back; nothing was left open, nothing is rejected, nobody leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, cast

from c360_platform.activation.delivery import Patience
from c360_platform.activation.engine import run_sync
from c360_platform.activation.errors import SyncError
from c360_platform.activation.transport.connection import Traffic
from c360_platform.activation.transport.resources import ImportJob
from c360_platform.costs import CostsError
from c360_platform.costs.statements import Statement
from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.listening import NAMED, ListeningWarehouse
from c360_platform.warehouse import Value, WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

    from c360_platform.activation.spec import SyncSpec

_NOT_TODAY = {"pid", "batch_id"}  # columns of the questions for a run at work and for open batches
_ANY = "a"  # what a listening warehouse answers where a text is asked for: every key, metric and list
_OPERATIONS = {"profiles": "update", "list": "add", "events": "event"}


class QuietWarehouse(ListeningWarehouse):
    """Answers as an ordinary day does: no run is at work, no batch is open, this month's events are due."""

    def __init__(self, spec: SyncSpec, analyser: Analyser, project: str, now: datetime) -> None:
        super().__init__(analyser, project)
        of_today = {"n": 0, "operation": _OPERATIONS[spec.object], "year": now.year, "month": now.month}
        self.named = {**NAMED, **of_today}

    def table(self, sql: str, params: Sequence[Value] = ()) -> pa.Table:
        answer = super().table(sql, params)
        return answer.slice(0, 0) if _NOT_TODAY & set(answer.column_names) else answer


class _Klaviyo:
    """An account that has every list, metric and event, and applies at once what it gets."""

    identity = "costs"

    def __init__(self) -> None:
        self.traffic = Traffic()

    def account_id(self) -> str:
        return _ANY

    def lists_named(self, name: str) -> list[str]:
        del name
        return [_ANY]

    def list_members(self, list_id: str) -> list[tuple[str, str]]:
        del list_id
        return []

    def members_among(self, list_id: str, emails: Sequence[str]) -> set[str]:
        del list_id
        return set(emails)

    def profiles_by_email(self, emails: Sequence[str]) -> list[dict[str, Any]]:
        return [{"email": email} for email in emails]

    def start_import(self, body: bytes) -> str:
        del body
        return "job"

    def import_jobs(self, job_ids: Sequence[str]) -> dict[str, ImportJob]:
        return {job_id: ImportJob(job_id, "complete", 0) for job_id in job_ids}

    def send_events(self, body: bytes) -> None:
        """Events are there as soon as they are sent."""

    def metric_ids(self) -> dict[str, list[str]]:
        return {_ANY: [_ANY]}

    def event_ids(self, metric_id: str, first: int, last: int) -> Iterator[str]:
        del metric_id, first, last
        yield _ANY

    def recorded_events(self, metric_id: str, first: int, last: int) -> list[Any]:
        del metric_id, first, last
        return []


def push_statements(spec: SyncSpec, analyser: Analyser, project: str, *, as_of: date) -> list[Statement]:
    """The statements of one push, in order. The analyser knows the model, and the ledger afterwards.

    Raises `CostsError` when BigQuery would refuse one of them.
    """
    now = datetime.combine(as_of, time(6), UTC)
    warehouse = QuietWarehouse(spec, analyser, project, now)
    patience = Patience(first_pause=0.0)
    try:
        run_sync(spec, warehouse, cast("Any", _Klaviyo()), run_id="run", now=now, patience=patience)
    except (SyncError, WarehouseError) as error:
        raise CostsError(f"sync {spec.name} cannot be pushed ({error}): run `c360 check-sql`") from None
    return [
        Statement(
            f"{spec.name}: {_words(heard.sql)}",
            "pushes",
            heard.sql,
            heard.parameters,
            node=spec.unique_id,
            sync=spec.name,
        )
        for heard in warehouse.heard
        if not heard.sql.startswith("load into")  # by load job, which is free
    ]


def _words(sql: str) -> str:
    """The statement's verb and its first table; the one query with parts is the plan."""
    words = sql.split()
    tables = (word.strip("`(),").rpartition(".")[2] for word in words if word.count(".") == 2 and "`" in word)
    verb = "plan" if words[0] == "with" else words[0]
    return f"{verb} {next(tables, '')}".strip()
