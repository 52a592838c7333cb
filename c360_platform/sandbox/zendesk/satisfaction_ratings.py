"""Satisfaction ratings, which Zendesk calls legacy CSAT; administrators only.

Zendesk documents `start_time` as the time of the oldest rating without naming the column; it is taken to be
`created_at`, so a rating that changes later (offered → good) does not move in the list.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.lists import listed
from c360_platform.sandbox.zendesk.positions import Table, body_with_url, moment
from c360_platform.sandbox.zendesk.protocol import get, invalid_value, not_found, path_id

_RATINGS = Table("zd_satisfaction_rating", time="created_at / 1000000")
_SCORE: Final = "json_extract(body, '$.score')"
_COMMENT: Final = "coalesce(json_extract(body, '$.comment'), '')"
_SCORE_FILTERS: Final = {
    **{score: f"{_SCORE} = '{score}'" for score in ("offered", "unoffered", "good", "bad")},
    "received": f"{_SCORE} in ('good', 'bad')",
    **{f"{score}_with_comment": f"{_SCORE} = '{score}' and {_COMMENT} <> ''" for score in ("good", "bad")},
    **{f"{score}_without_comment": f"{_SCORE} = '{score}' and {_COMMENT} = ''" for score in ("good", "bad")},
    "received_with_comment": f"{_SCORE} in ('good', 'bad') and {_COMMENT} <> ''",
    "received_without_comment": f"{_SCORE} in ('good', 'bad') and {_COMMENT} = ''",
}


def routes() -> list[Route]:
    """`/satisfaction_ratings` and `/satisfaction_ratings/{id}`."""
    return [
        *get("/satisfaction_ratings", _ratings, admin=True),
        *get("/satisfaction_ratings/{id:int}", _one, admin=True),
    ]


def _ratings(request: Request) -> dict[str, Any]:
    score = request.query_params.get("score")
    if score is not None and score not in _SCORE_FILTERS:
        raise invalid_value(f"score must be one of {', '.join(_SCORE_FILTERS)}", status=400)
    where = f"{_RATINGS.time} >= ? and {_RATINGS.time} <= ?" + (
        f" and {_SCORE_FILTERS[score]}" if score else ""
    )
    start, end = moment(request, "start_time"), moment(request, "end_time")
    return listed(
        request,
        "satisfaction_ratings",
        _RATINGS,
        body_with_url(request, "satisfaction_ratings"),
        where=where,
        parameters=(start or 0, end if end is not None else 2**62),
    )


def _one(request: Request) -> dict[str, Any]:
    row = request.app.state.store.row(
        "select id, body from zd_satisfaction_rating where id = ?", (path_id(request),)
    )
    if row is None:
        raise not_found()
    return {"satisfaction_rating": body_with_url(request, "satisfaction_ratings")(row)}
