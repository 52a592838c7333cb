"""Orders to a running sandbox: reading one, answering one.

Belongs here: the JSON of the control paths, which `control`, `klaviyo.control` and `zendesk.control` share.
Does not belong here: what an order does.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")


class OrderError(Exception):
    """An order that cannot be followed; the application answers 400 with the message."""


async def read_order(request: Request, form: type[T]) -> T:
    """The body as a `form`, a msgspec Struct or a dataclass. Raises `OrderError` naming path and member."""
    try:
        return msgspec.json.decode(await request.body(), type=form)
    except msgspec.DecodeError as error:
        raise OrderError(f"{request.url.path}: {error}") from None


def answer(value: Any, *, status: int = 200) -> Response:
    """`value` as JSON."""
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


async def refuse(_: Request, error: Exception) -> Response:
    """The 400 for an `OrderError`."""
    return answer({"error": str(error)}, status=400)
