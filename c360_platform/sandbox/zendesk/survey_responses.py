"""CSAT survey responses, the successor of satisfaction ratings: `GET /api/v2/guide/survey_responses`.

Filters: `filter[created_at_start]` and `filter[created_at_end]` in milliseconds since 1970,
`filter[subject_zrns]` and `filter[responder_ids]` as comma-separated lists. Sorted by `id` or `-id`. A
response has no clock of its own: its answers have `created_at` and `updated_at`. The page limit of 50 is not
documented; clients report that a larger one is refused.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import CursorPage, cursor_page, list_page_size
from c360_platform.sandbox.zendesk.positions import LARGEST, decode, stored_body
from c360_platform.sandbox.zendesk.protocol import get, invalid_value

_PAGE: Final = 50


def routes() -> list[Route]:
    """`/guide/survey_responses`."""
    return get("/guide/survey_responses", _responses, admin=True)


def _responses(request: Request) -> dict[str, Any]:
    query = request.query_params
    sort = query.get("sort", "id")
    if sort not in {"id", "-id"}:
        raise invalid_value("sort must be id or -id", status=400)
    where, parameters = ["true"], list[Any]()
    for name, operator in (("created_at_start", ">="), ("created_at_end", "<=")):
        if (text := query.get(f"filter[{name}]")) is not None:
            if not text.isdecimal():
                raise invalid_value(f"filter[{name}] must be milliseconds since 1970", status=400)
            where.append(f"created_at / 1000 {operator} ?")
            parameters.append(min(int(text), LARGEST))
    if subjects := query.get("filter[subject_zrns]"):
        names = subjects.split(",")
        where.append(
            "exists (select 1 from json_each(body, '$.subject_zrns') as subject"
            f" where subject.value in ({', '.join('?' * len(names))}))"
        )
        parameters += names
    if responders := query.get("filter[responder_ids]"):
        ids = responders.split(",")
        where.append(f"cast(json_extract(body, '$.responder_id') as text) in ({', '.join('?' * len(ids))})")
        parameters += ids
    if (after := query.get("page[after]")) is not None:
        where.append("id > ?" if sort == "id" else "id < ?")
        parameters.append(str(decode(after)[1]))
    size = list_page_size(request, _PAGE)
    rows = request.app.state.store.rows(
        f"select id, body from zd_survey_response where {' and '.join(where)}"
        f" order by id {'asc' if sort == 'id' else 'desc'} limit ?",
        (*parameters, size + 1),
    )
    page = CursorPage(rows[:size], len(rows) > size, lambda row: (0, row["id"]))
    return cursor_page(request, "survey_responses", page, stored_body)
