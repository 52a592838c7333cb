"""Carrying out bulk profile imports.

Belongs here: what happens to an accepted job as the clock goes on. Does not belong here: HTTP, and accepted
work of other kinds (`pending_work`).

Work is done when the next Klaviyo request comes in, before it is answered: nobody can see a job that
is late, no thread runs in the background, and what was accepted before a restart is carried out after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import uuid4

import orjson

from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.klaviyo import pending_work
from c360_platform.sandbox.klaviyo.profile_batch import (
    ConflictError,
    Identifiers,
    ProfileBatch,
    UnknownProfileError,
)
from c360_platform.sandbox.klaviyo.settings import KlaviyoSettings
from c360_platform.sandbox.store import Store

_INSTANT_US: Final = 1_000  # jobs accepted while the clock stands are some microseconds apart
_ROWS: Final = "/data/attributes/profiles/data"

Fate = Literal["queued", "processing", "cancelled", "slow"]


class _RowError(Exception):
    """A row cannot be imported; becomes an import error."""

    def __init__(self, code: str, title: str, detail: str, member: str) -> None:
        super().__init__(code)
        self.code, self.title, self.detail, self.member = code, title, detail, member


def work_off_jobs(store: Store, clock: Clock, *, everything: bool = False) -> None:
    """Do all accepted work that is due by the clock; with `everything`, the rest too."""
    _work_off_imports(store, clock, everything=everything)
    pending_work.work_off(store, clock, everything=everything)


def set_fate(store: Store, job_id: str, fate: Fate | None, *, seconds: float = 0) -> None:
    """Let a job that waits stay `queued` or `processing` for ever, end `cancelled`, or be `slow`: done after
    so many seconds. None lets it go on as usual.

    A cancelled job has imported nothing and counts nothing.
    """
    if fate is None:
        store.execute("delete from kl_import_fate where job_id = ?", (job_id,))
    else:
        row = (job_id, fate, int(seconds * 1_000_000))
        store.insert("kl_import_fate", ("job_id", "fate", "delay_us"), [row], replace=True)


def _work_off_imports(store: Store, clock: Clock, *, everything: bool) -> None:
    waiting = store.rows(
        "select j.id, j.created_at, f.fate, f.delay_us from kl_import_job as j "
        "left join kl_import_fate as f on f.job_id = j.id "
        "where j.status in ('queued', 'processing') order by j.created_at, j.id"
    )
    if not waiting:
        return
    settings = KlaviyoSettings(store)
    usual_us = int(settings.import_delay_seconds * 1_000_000)
    now_us = clock.now_us()
    reached_us = now_us + _INSTANT_US
    for job in waiting:
        fate = job["fate"]
        delay_us = job["delay_us"] if fate == "slow" else usual_us
        started_us, due_us = job["created_at"] + delay_us // 2, job["created_at"] + delay_us
        is_due = everything or due_us <= reached_us
        if fate == "queued":
            continue
        if fate == "cancelled" and is_due:
            store.execute(
                "update kl_import_job set status = 'cancelled', completed_at = ?, body = null where id = ?",
                (min(due_us, now_us), job["id"]),
            )
        elif fate != "processing" and is_due:
            _complete(store, job["id"], min(started_us, now_us), min(due_us, now_us), settings.fail_late)
        elif is_due or started_us <= reached_us:
            store.execute(
                "update kl_import_job set status = 'processing', started_at = ? "
                "where id = ? and status = 'queued'",
                (min(started_us, now_us), job["id"]),
            )


def _complete(store: Store, job_id: str, started_us: int, at_us: int, fail_late: Mapping[str, str]) -> None:
    with store.transaction() as connection:
        job = connection.execute(
            "select list_ids, body from kl_import_job where id = ? and status in ('queued', 'processing')",
            (job_id,),
        ).fetchone()
        if job is None:  # another thread was faster
            return
        rows = orjson.loads(job["body"])
        done, failed = _import(connection, rows, at_us, fail_late)
        for list_id in orjson.loads(job["list_ids"]):
            # A list may be deleted while the job waits: the profiles are imported all the same.
            connection.executemany(
                "insert or ignore into kl_list_member (list_id, profile_id, joined_at) "
                "select id, ?, ? from kl_list where id = ?",
                [(profile_id, at_us, list_id) for _, profile_id in done],
            )
        connection.executemany(
            "insert into kl_import_profile (job_id, position, profile_id) values (?, ?, ?)",
            [(job_id, position, profile_id) for position, profile_id in done],
        )
        connection.executemany(
            "insert into kl_import_error (job_id, position, body) values (?, ?, ?)",
            [(job_id, position, body) for position, body in failed],
        )
        connection.execute(
            "update kl_import_job set status = 'complete', started_at = coalesce(started_at, ?), "
            "completed_at = ?, completed_count = ?, failed_count = ?, body = null where id = ?",
            (started_us, at_us, len(done), len(failed), job_id),
        )


def _import(
    connection: sqlite3.Connection, rows: list[Any], at_us: int, fail_late: Mapping[str, str]
) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Merge rows in their order; (position, profile id) of the done, (position, error body) of the failed."""
    everybody = [Identifiers.of(row) for row in rows]
    batch = ProfileBatch(connection, at_us)
    batch.load(everybody)
    done: list[tuple[int, str]] = []
    failed: list[tuple[int, str]] = []
    for position, (row, who) in enumerate(zip(rows, everybody, strict=True)):
        try:
            done.append((position, _import_row(batch, row, who, fail_late)))
        except _RowError as error:
            failed.append((position, _error_body(error, position, row)))
    batch.write()
    return done, failed


def _import_row(
    batch: ProfileBatch, row: Mapping[str, Any], who: Identifiers, fail_late: Mapping[str, str]
) -> str:
    if who.email is not None and who.email in fail_late:
        raise _RowError("invalid", "Invalid input.", fail_late[who.email], "attributes/email")
    if not who:  # its only identifier was an invalid phone number
        raise _RowError("invalid", "Invalid input.", "Invalid phone number.", "attributes/phone_number")
    try:
        profile = batch.find(who) or batch.create()
        # Nulls do not clear in bulk; `meta.patch_properties.unset` removes custom properties.
        batch.merge(profile, row["attributes"], row.get("meta"), clear=False)
    except UnknownProfileError:
        raise _RowError(
            "not_found", "Not found.", f"A profile with id {who.id} does not exist.", "id"
        ) from None
    except ConflictError:
        detail = "A profile already exists with one of these identifiers."
        raise _RowError("duplicate_profile", "Conflict.", detail, "attributes") from None
    return profile.id


def _error_body(error: _RowError, position: int, row: Any) -> str:
    attributes = {
        "code": error.code,
        "title": error.title,
        "detail": error.detail,
        "source": {"pointer": f"{_ROWS}/{position}/{error.member}"},
        "original_payload": row,
    }
    return orjson.dumps({"id": str(uuid4()), "attributes": attributes}).decode()
