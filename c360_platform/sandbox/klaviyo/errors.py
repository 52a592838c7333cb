"""Klaviyo's errors as JSON:API objects.

Belongs here: the form of an error and the wordings that several resources share. Does not belong here: when
one is raised. Codes, titles and pointers follow recorded answers of a live account (revision 2026-07-15);
wordings that could not be confirmed are those of Django REST framework, which Klaviyo's answers resemble.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

_TITLES: Final = {
    "invalid": "Invalid input.",
    "not_found": "Not found.",
    "duplicate_profile": "Conflict.",
    "authentication_failed": "Incorrect authentication credentials.",
    "not_authenticated": "Authentication credentials were not provided.",
    "permission_denied": "You do not have permission to perform this action.",
    "throttled": "Request was throttled.",
    "method_not_allowed": "Method not allowed.",
    "payload_too_large": "Payload too large.",
    "tag_service_error": "Tag Service Error",
    "unsupported_media_type": "Unsupported media type.",
}
_RATE_LIMIT_PAGE: Final = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of `errors`. Either a `pointer` into the body or the name of a query `parameter`."""

    detail: str
    pointer: str | None = "/data"
    parameter: str | None = None
    code: str = "invalid"
    meta: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def as_object(self, status: int) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "status": status,
            "code": self.code,
            "title": _TITLES.get(self.code, self.detail),
            "detail": self.detail,
            "source": {"parameter": self.parameter} if self.parameter else {"pointer": self.pointer},
            "links": self.links,
            "meta": self.meta,
        }


class ApiError(Exception):
    """Ends a request with `status` and one or more problems."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(f"{status}: {len(problems)} problem(s)")
        self.status = status
        self.problems = problems

    def body(self) -> dict[str, Any]:
        return {"errors": [problem.as_object(self.status) for problem in self.problems]}


def invalid(detail: str, pointer: str = "/data") -> ApiError:
    """400 for something in the body."""
    return ApiError(400, Problem(detail, pointer))


def invalid_parameter(detail: str, parameter: str) -> ApiError:
    """400 for something in the query string."""
    return ApiError(400, Problem(detail, parameter=parameter))


def not_found(detail: str, pointer: str = "/data/") -> ApiError:
    """404 for a resource, or for one that a body refers to."""
    return ApiError(404, Problem(detail, pointer, code="not_found"))


def duplicate_profile(profile_id: str) -> ApiError:
    """409: an identifier belongs to another profile, whose id is in `meta`."""
    detail = "A profile already exists with one of these identifiers."
    meta = {"duplicate_profile_id": profile_id}
    return ApiError(409, Problem(detail, "/data/attributes", code="duplicate_profile", meta=meta))


def not_authenticated() -> ApiError:
    """401 without a usable Authorization header."""
    return ApiError(401, Problem(_TITLES["not_authenticated"], "/data/", code="not_authenticated"))


def authentication_failed() -> ApiError:
    """401 for a key that does not exist."""
    return ApiError(401, Problem(_TITLES["authentication_failed"], "/data/", code="authentication_failed"))


def permission_denied() -> ApiError:
    """403 for a key without the scope."""
    return ApiError(403, Problem(_TITLES["permission_denied"], "/data/", code="permission_denied"))


def throttled(seconds: int) -> ApiError:
    """429; the caller adds the Retry-After header."""
    unit = "second" if seconds == 1 else "seconds"
    detail = f"Request was throttled. Expected available in {seconds} {unit}."
    return ApiError(429, Problem(detail, code="throttled", links={"type": _RATE_LIMIT_PAGE}))


def payload_too_large(limit: str) -> ApiError:
    """413 for a body above `limit` (words, e.g. "5MB")."""
    return ApiError(413, Problem(f"Payload must not exceed {limit}.", code="payload_too_large"))


def unsupported_encoding(encoding: str) -> ApiError:
    """415 for a compressed body: no document says that one is accepted (assumed)."""
    detail = f"Unsupported content encoding '{encoding[:40]}' in request."
    return ApiError(415, Problem(detail, code="unsupported_media_type"))
