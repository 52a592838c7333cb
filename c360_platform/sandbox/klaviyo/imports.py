"""Bulk profile import jobs as clients see them.

Belongs here: `/api/profile-bulk-import-jobs`, what a job accepts and shows. Does not belong here: carrying a
job out (`import_work`).

Acceptance is all or nothing: one malformed row and the whole body is refused with a pointer to the row. What
can only be known later (identifiers of two people in one row, an unknown id) becomes an import error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from c360_platform.sandbox.klaviyo import errors, ids, times
from c360_platform.sandbox.klaviyo.bodies import model_problems, profile_problems, raise_if_any
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.klaviyo.errors import ApiError, Problem
from c360_platform.sandbox.klaviyo.filters import Conditions, FilterField, conditions
from c360_platform.sandbox.klaviyo.import_form import ImportForm, fitting
from c360_platform.sandbox.klaviyo.list_resource import list_resource
from c360_platform.sandbox.klaviyo.paging import Collection, Fields, includes, read_page
from c360_platform.sandbox.klaviyo.profile_resource import COLUMNS, ProfileView
from c360_platform.sandbox.klaviyo.profiles import MAX_PROFILE_BYTES
from c360_platform.sandbox.limits import M

MAX_ROWS: Final = 10_000
_PATH: Final = "/api/profile-bulk-import-jobs"
_RETENTION_US: Final = 7 * 24 * 3600 * 1_000_000
_ROWS: Final = "/data/attributes/profiles/data"
_KEYS: Final = ("email", "phone_number", "external_id")

_ATTRIBUTES: Final = (
    *("status", "created_at", "total_count", "completed_count", "failed_count", "completed_at", "expires_at"),
    "started_at",
)
_JOBS: Final = Collection(
    columns=f"j.id, j.list_ids, {', '.join(f'j.{name}' for name in _ATTRIBUTES)}",
    source="kl_import_job as j",
    id_sql="j.id",
    sorts={"created_at": "j.created_at"},
    default_sort="-created_at",
)
_BY_POSITION: Final = {"position": "i.position"}
_ERRORS: Final = Collection("i.body", "kl_import_error as i", "i.position", _BY_POSITION, "position")
_IDS: Final = Collection("i.profile_id", "kl_import_profile as i", "i.position", _BY_POSITION, "position")
_PROFILES: Final = Collection(
    COLUMNS,
    "kl_import_profile as i join kl_profile as p on p.id = i.profile_id",
    "i.position",
    _BY_POSITION,
    "position",
)


def endpoints() -> list[Endpoint]:
    lists, profiles = ("lists:read",), ("profiles:read",)
    read = (*lists, *profiles)
    return [
        Endpoint("POST", _PATH, bulk_import_profiles, M, ("lists:write", "profiles:write")),
        Endpoint("GET", _PATH, get_jobs, M, read),
        Endpoint("GET", f"{_PATH}/{{id}}", get_job, M, read),
        Endpoint("GET", f"{_PATH}/{{id}}/import-errors", get_import_errors, M, profiles),
        Endpoint("GET", f"{_PATH}/{{id}}/profiles", get_profiles, M, profiles),
        Endpoint("GET", f"{_PATH}/{{id}}/relationships/profiles", get_profile_ids, M, profiles),
        Endpoint("GET", f"{_PATH}/{{id}}/lists", get_lists, M, lists),
        Endpoint("GET", f"{_PATH}/{{id}}/relationships/lists", get_list_ids, M, lists),
    ]


def bulk_import_profiles(call: Call) -> Answer:
    """202 with a queued job."""
    form = fitting_form(call)
    body = call.body()
    if form is not None:
        return accept(call, len(form.rows), form.list_ids, rows=form.rows_as_json())
    problems = model_problems(body, "profile_import_job_create_query", "ProfileImportJobCreateQuery")
    if not all(problem.pointer and problem.pointer.startswith(f"{_ROWS}/") for problem in problems):
        raise ApiError(400, *problems)
    data = body["data"]
    rows = data["attributes"]["profiles"]["data"]
    _check_rows(rows, problems)
    relationships = data.get("relationships") or {}
    list_ids = [entry["id"] for entry in ((relationships.get("lists") or {}).get("data") or [])]
    return accept(call, len(rows), list_ids, rows=orjson.dumps(rows))


def fitting_form(call: Call) -> ImportForm | None:
    """The request's import when a quick look finds nothing wrong with it."""
    return fitting(call.raw_body, max_rows=MAX_ROWS, max_row_bytes=MAX_PROFILE_BYTES)


def accept(call: Call, number: int, list_ids: list[str], *, rows: bytes | None) -> Answer:
    """A queued job of `number` rows, whose JSON is carried out later; complete at once without `rows`."""
    for list_id in list_ids:
        if call.store.value("select 1 from kl_list where id = ?", (list_id,)) is None:
            raise errors.invalid(f"List ID {list_id} does not exist.")
    with call.store.transaction() as connection:
        _forget_expired(connection, call.clock.now_us())
        created_us = _free_moment(connection, call.clock.now_us())
        job_id = ids.job_id(call.key.account, created_us)
        connection.execute(
            "insert into kl_import_job (id, status, created_at, expires_at, total_count, list_ids, body) "
            "values (?, 'queued', ?, ?, ?, ?, ?)",
            (
                *(job_id, created_us, created_us + _RETENTION_US, number),
                *(orjson.dumps(list_ids).decode(), rows),
            ),
        )
        answer = {"data": _resource(call, _job(call, job_id)), "links": {"self": call.self_link()}}
        if rows is None:
            connection.execute(
                "update kl_import_job set status = 'complete', started_at = created_at, "
                "completed_at = created_at, completed_count = total_count where id = ?",
                (job_id,),
            )
    return Answer(202, answer)


def get_jobs(call: Call) -> Answer:
    fields = {"status": FilterField(("any", "equals"), "j.status", "enum")}
    found = conditions(call.params.get("filter"), fields)
    found.add("j.expires_at > ?", call.clock.now_us())
    page = read_page(call, _JOBS, found)
    return Answer(body={"data": [_resource(call, row) for row in page.rows], "links": page.links})


def get_job(call: Call) -> Answer:
    row = _job(call, call.path_params["id"])
    body: dict[str, Any] = {"data": _resource(call, row), "links": {"self": call.self_link()}}
    if "lists" in includes(call.params, ("lists",)):
        body["included"] = _lists(call, row)
    return Answer(body=body)


def get_import_errors(call: Call) -> Answer:
    page = read_page(call, _ERRORS, _of_job(call))
    fields = Fields(call.params, "import-error", ("code", "title", "detail", "source", "original_payload"))
    data = []
    for row in page.rows:
        error = orjson.loads(row["body"])
        attributes = {name: value for name, value in error["attributes"].items() if fields.wants(name)}
        data.append(
            {
                "type": "import-error",
                "id": error["id"],
                "attributes": attributes,
                "links": {"self": page.links["self"]},
            }
        )
    return Answer(body={"data": data, "links": page.links})


def get_profiles(call: Call) -> Answer:
    page = read_page(call, _PROFILES, _of_job(call))
    view = ProfileView(call.params, call.base)
    return Answer(body={"data": [view.resource(row) for row in page.rows], "links": page.links})


def get_profile_ids(call: Call) -> Answer:
    page = read_page(call, _IDS, _of_job(call))
    data = [{"type": "profile", "id": row["profile_id"]} for row in page.rows]
    return Answer(body={"data": data, "links": page.links})


def get_lists(call: Call) -> Answer:
    links = {"self": call.self_link(), "next": None, "prev": None}
    return Answer(body={"data": _lists(call, _job(call, call.path_params["id"])), "links": links})


def get_list_ids(call: Call) -> Answer:
    row = _job(call, call.path_params["id"])
    links = {"self": call.self_link(), "next": None, "prev": None}
    return Answer(body={"data": _list_ids(row), "links": links})


def _check_rows(rows: Sequence[Mapping[str, Any]], problems: list[Problem]) -> None:
    """Name every bad row at once; `problems` are those that the model has found."""
    if not 1 <= len(rows) <= MAX_ROWS:
        detail = f"The number of profiles must be between 1 and {MAX_ROWS}, not {len(rows)}."
        raise errors.invalid(detail, _ROWS)
    malformed = {str(problem.pointer).removeprefix(f"{_ROWS}/").partition("/")[0] for problem in problems}
    for index, row in enumerate(rows):
        if malformed and str(index) in malformed:
            continue
        attributes, pointer = row["attributes"], f"{_ROWS}/{index}"
        problems += profile_problems(attributes, f"{pointer}/attributes", phone_must_be_valid=False)
        if not (row.get("id") or any(attributes.get(name) for name in _KEYS)):
            detail = "One of 'id', 'email', 'phone_number' or 'external_id' is required."
            problems.append(Problem(detail, f"{pointer}/attributes"))
        if len(orjson.dumps(row)) > MAX_PROFILE_BYTES:
            problems.append(Problem("A profile must not exceed 100KB.", pointer))
    raise_if_any(problems)


def _forget_expired(connection: sqlite3.Connection, now_us: int) -> None:
    for table in ("kl_import_error", "kl_import_profile"):
        connection.execute(
            f"delete from {table} where job_id in (select id from kl_import_job where expires_at <= ?)",
            (now_us,),
        )
    connection.execute("delete from kl_import_job where expires_at <= ?", (now_us,))


def _free_moment(connection: sqlite3.Connection, now_us: int) -> int:
    """A microsecond without a job: jobs accepted while the clock stands are carried out in their order."""
    while connection.execute("select 1 from kl_import_job where created_at = ?", (now_us,)).fetchone():
        now_us += 1
    return now_us


def _of_job(call: Call) -> Conditions:
    job_id = call.path_params["id"]
    _job(call, job_id)
    found = Conditions()
    found.add("i.job_id = ?", job_id)
    return found


def _job(call: Call, job_id: str) -> sqlite3.Row:
    row = call.store.row(f"{_JOBS.select} where j.id = ? and j.expires_at > ?", (job_id, call.clock.now_us()))
    if row is None:
        raise errors.not_found(f"A profile-bulk-import-job with id {job_id} does not exist.")
    return row


def _list_ids(row: sqlite3.Row) -> list[dict[str, str]]:
    return [{"type": "list", "id": list_id} for list_id in orjson.loads(row["list_ids"])]


def _lists(call: Call, row: sqlite3.Row) -> list[dict[str, Any]]:
    rows = call.store.rows(
        "select * from kl_list where id in (select value from json_each(?))", (row["list_ids"],)
    )
    return [list_resource(call, found) for found in rows]


def _resource(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    fields = Fields(call.params, "profile-bulk-import-job", _ATTRIBUTES)
    link = call.link(f"{_PATH}/{row['id']}/")
    values = {name: times.iso(row[name]) if name.endswith("_at") else row[name] for name in _ATTRIBUTES}
    return {
        "type": "profile-bulk-import-job",
        "id": row["id"],
        "attributes": {name: value for name, value in values.items() if fields.wants(name)},
        "relationships": {
            "lists": {
                "data": _list_ids(row),
                "links": {"self": f"{link}relationships/lists/", "related": f"{link}lists/"},
            },
            "profiles": {"links": {"self": f"{link}relationships/profiles/", "related": f"{link}profiles/"}},
            "import-errors": {"links": {"related": f"{link}import-errors/"}},
        },
        "links": {"self": link},
    }
