"""Search over tickets, users and organizations: the part of its language that reading clients use.

`type:ticket|user|organization` (all three when absent), `created`, `updated` with `:`, `>`, `>=`, `<`, `<=`
and an ISO time or a date, `name:value` on a member of the body (`-` negates), and bare words, which must
occur in the body. Deleted records are never found. Source: "Search"; at most 1,000 results, by offset.
"""

from __future__ import annotations

import re
import shlex
from sqlite3 import Row
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import offset_page
from c360_platform.sandbox.zendesk.positions import Body, body_with_url, seconds_of
from c360_platform.sandbox.zendesk.protocol import ZendeskError, get, invalid_value
from c360_platform.sandbox.zendesk.tickets import ticket_body

_MOST_RESULTS: Final = 1000
_PRESENT: Final = {
    "ticket": "coalesce(json_extract(body, '$.status'), '') <> 'deleted'",
    "user": "coalesce(json_extract(body, '$.active'), true)",
    "organization": "json_extract(body, '$.deleted_at') is null",
}
_COLUMNS: Final = {"ticket": "generated_at, metric_set"}
_NO_COLUMNS: Final = "0 as generated_at, '{}' as metric_set"
_TERM: Final = re.compile(r"(?P<not>-?)(?P<name>[a-z_]+)(?P<operator>>=|<=|[:><])(?P<value>.+)")
_NAMES: Final = {"requester": "requester_id", "assignee": "assignee_id", "group": "group_id"}
_LISTS: Final = {"tags", "domain_names"}


def routes() -> list[Route]:
    """`/search` and `/search/count`."""
    return [*get("/search", _search), *get("/search/count", _count)]


def _search(request: Request) -> Body:
    page, size = request.query_params.get("page", "1"), request.query_params.get("per_page", "100")
    if page.isdecimal() and size.isdecimal() and int(page) * int(size) > _MOST_RESULTS:
        raise _too_many_results()
    chosen, parameters = _chosen(request)
    bodies = {kind: body_with_url(request, f"{kind}s") for kind in ("user", "organization")}
    bodies["ticket"] = ticket_body(request)

    def result(row: Row) -> Body:
        return bodies[row["kind"]](row) | {"result_type": row["kind"]}

    return offset_page(request, "results", f"{chosen} order by kind, id", parameters, result) | {
        "facets": None
    }


def _count(request: Request) -> Body:
    chosen, parameters = _chosen(request)
    return {"count": request.app.state.store.value(f"select count(*) from ({chosen})", parameters)}


def _chosen(request: Request) -> tuple[str, list[Any]]:
    """The query for the records that the `query` asks for, over all types it names."""
    text = request.query_params.get("query")
    if text is None:
        raise invalid_value("query is required", status=400)
    kinds, conditions, parameters = list(_PRESENT), ["true"], list[Any]()
    for word in _words(text):
        term = _TERM.fullmatch(word)
        if term is None:
            conditions.append("instr(lower(body), ?)")
            parameters.append(word.lower())
        elif term["name"] == "type":
            kinds = [kind for kind in _PRESENT if (kind == term["value"]) != bool(term["not"])]
        else:
            condition, value = _condition(term)
            conditions.append(f"not ({condition})" if term["not"] else condition)
            parameters.append(value)
    where = " and ".join(conditions)
    if not kinds:
        raise invalid_value("type is ticket, user or organization")
    parts = [
        f"select '{kind}' as kind, id, body, {_COLUMNS.get(kind, _NO_COLUMNS)} from zd_{kind}"
        f" where {_PRESENT[kind]} and {where}"
        for kind in kinds
    ]
    return " union all ".join(parts), parameters * len(parts)


def _too_many_results() -> ZendeskError:
    description = "Invalid search: Requested response size was greater than Search Response Limits"
    return ZendeskError(422, {"error": "invalid", "description": description})


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise invalid_value("query has a quotation mark without its pair", status=400) from None


def _condition(term: re.Match[str]) -> tuple[str, Any]:
    name, operator, value = term["name"], term["operator"], term["value"]
    if name in {"created", "updated"}:
        moment = f"unixepoch(json_extract(body, '$.{name}_at'))"
        try:
            seconds = seconds_of(value)
        except ValueError:
            raise invalid_value(f"{name} needs a date or an ISO 8601 time", status=400) from None
        if operator == ":":  # that day
            return f"{moment} / 86400 = ?", seconds // 86400
        return f"{moment} {operator} ?", seconds
    member = f"json_extract(body, '$.{_NAMES.get(name, name)}')"
    if name in _LISTS:
        return f"exists (select 1 from json_each(body, '$.{name}') as tag where tag.value = ?)", value
    if operator == ":":
        return f"lower(cast({member} as text)) = ?", value.lower()
    return f"{member} {operator} ?", _number(value)


def _number(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
