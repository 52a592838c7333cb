"""Everything that can stop a sync, as types that say who has to act.

Messages say what happened, where, and what to do, in one line. They hold no key, no address and no phone
number: texts that come from Klaviyo pass through `without_personal_data` first.
"""

# ruff: noqa: N818  (SyncHeld, KlaviyoForbidden: the names say what happened)

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_KEY = re.compile(r"(?i)\b(?:pk|sk)_\w+|(?<=klaviyo-api-key )\S+|(?<=bearer )\S+")
_EMAIL = re.compile(r"""(?i)(?:"[^"]+"|[^\s"<>(),;:=/\[\]]+)(?:@|%40)[^\s"'<>(),;:/\[\]]+""")
_PHONE = re.compile(r"(?<![\w.-])\+?\d[\d ()./-]{6,}\d(?![\w-])|\d{7,}")
_LONGEST_TEXT = 300


def without_personal_data(text: str) -> str:
    """Text of the API, fit for logs and reports: keys, addresses and phone numbers masked, length bounded."""
    text = _KEY.sub("<key>", text)
    text = _EMAIL.sub("<e-mail>", text)
    text = _PHONE.sub("<number>", text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


class SyncError(Exception):
    """Anything that stops a sync."""


class SyncConfigError(SyncError):
    """The `meta.klaviyo` blocks cannot be used as they are; one line for each problem, with file and line."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SyncFailed(SyncError):
    """The sync stopped; what Klaviyo confirmed before is in the state, the rest is due in the next run."""


class SyncHeld(SyncFailed):
    """A safety stop before any call: nothing was sent; the message says how to go on."""


class SuspiciousPlan(SyncHeld):
    """The model has become empty, or more people leave than the fuse allows: a person has to look first."""


class SyncRefused(SyncFailed):
    """Klaviyo refuses what this sync sends as a whole, as when its list is gone: no row is to blame."""


class KlaviyoError(SyncFailed):
    """Klaviyo's answer, or its absence, stopped the sync."""


class KlaviyoUnauthorized(KlaviyoError):
    """401: the key is wrong, revoked or of another account. Retrying cannot help."""


class KlaviyoForbidden(KlaviyoError):
    """403: the key lacks a scope. Retrying cannot help."""


class KlaviyoUnreachable(KlaviyoError):
    """No usable answer within the bounded number of attempts. Trying again later can help."""


@dataclass(frozen=True, slots=True)
class ApiProblem:
    """One entry of Klaviyo's `errors`, free of personal data whoever makes it; `pointer` may be empty."""

    code: str
    detail: str
    pointer: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in ("code", "detail"):
            object.__setattr__(self, name, without_personal_data(getattr(self, name)))

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class KlaviyoRefused(KlaviyoError):
    """A 4xx about the request's content: 400, 404, 409, 413, 422. `problems` are Klaviyo's own words."""

    def __init__(self, operation: str, status: int, problems: Sequence[ApiProblem]) -> None:
        words = "; ".join(str(problem) for problem in problems[:3]) or "no reason given"
        super().__init__(f"Klaviyo refused to {operation} ({status}): {words}")
        self.status = status
        self.problems = tuple(problems)
