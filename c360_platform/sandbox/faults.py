"""Faults: rules that say which requests go wrong, and how.

Belongs here: a rule, what it may say, which requests it meets. Does not belong here: doing it
(`misbehaviour`), and what a service refuses by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec

_OF_EVERY_KIND: Final = frozenset({"kind", "method", "path", "skip", "times"})

KINDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "status": frozenset({"status", "when", "body", "headers"}),
        "html": frozenset({"status", "when", "body", "headers"}),
        "delay": frozenset({"seconds", "when"}),
        "no_answer": frozenset({"when"}),
        "drop": frozenset({"when", "reset"}),
        "half_response": frozenset({"reset"}),
        "truncated_json": frozenset(),
        "repeated_cursor": frozenset(),
        "empty_pages": frozenset(),
        "expired_cursor": frozenset(),
        "throttle": frozenset({"retry_after", "as_date"}),
        "revoked_key": frozenset(),
        "cancelled_job": frozenset(),
        "stuck_job": frozenset(),
        "slow_job": frozenset({"seconds"}),
    }
)
"""Each kind of fault and the members that it reads besides those of every kind."""


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One rule: of the requests that match, the first `skip` pass, the next `times` go wrong.

    `path` is a template such as `/api/lists/{id}`; None matches every path, as `method` does. With
    `when="after"` the request is carried out first, as when a gateway fails after Klaviyo has accepted.

    - status: answer `status` with `body` and `headers`. html: the same as a page of a proxy, status 200.
    - delay: wait `seconds` of real time before (or after) the work. no_answer: hold the connection until the
      client gives up or the sandbox stops.
    - drop: close the connection without an answer; with `reset` by RST, else by FIN.
    - half_response: the whole headers, half of the body, then the connection ends.
    - truncated_json: a complete response whose JSON is cut in the middle.
    - repeated_cursor: the next page is the page that was asked for. empty_pages: pages without rows, each
      with a cursor never seen before, which the API refuses once the fault is used up.
    - expired_cursor: requests that carry a cursor get the refusal of one that is not known.
    - throttle: 429 in the API's own form. `retry_after` is the header: seconds, a text as it is, None for no
      header, or with `as_date` an HTTP date that many seconds ahead.
    - revoked_key: 401 as for a key that does not exist.
    - cancelled_job, stuck_job: the import is accepted; its job ends as `cancelled` with nothing done, or
      stays `queued` for ever. slow_job: it is done after `seconds` by the sandbox's clock. Rows that fail
      late are a setting: `klaviyo.control`.

    Raises `ValueError` in one sentence for an unknown kind or a member that the kind does not read.
    """

    status: int | None = None
    times: int = 1
    method: str | None = None
    path: str | None = None
    when: Literal["before", "after"] = "before"
    body: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    kind: str = "status"
    skip: int = 0
    seconds: float = 0
    reset: bool = False
    retry_after: int | float | str | None = 1
    as_date: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault '{self.kind}'; there are {', '.join(KINDS)}")
        if self.when not in {"before", "after"}:
            raise ValueError(f"a fault comes before or after the work, not '{self.when}'")
        foreign = sorted(self._members() - KINDS[self.kind] - _OF_EVERY_KIND)
        if foreign:
            raise ValueError(f"the fault '{self.kind}' does not read {', '.join(foreign)}")
        if self.kind == "status" and self.status is None:
            raise ValueError("the fault 'status' needs a status, e.g. 503")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is no status of an answer")
        if self.as_date and not isinstance(self.retry_after, int | float):
            raise ValueError("as_date needs retry_after in seconds")

    def meets(self, method: str, template: str, query: bytes) -> bool:
        """Whether this request goes wrong; counts it when it matches."""
        if self.times <= 0 or self.method not in (None, method) or self.path not in (None, template):
            return False
        if self.kind == "expired_cursor" and not any(name in CURSORS for name, _ in pairs(query)):
            return False
        if self.kind.endswith("_job") and (method, template) != ("POST", IMPORT_JOBS):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    def as_object(self) -> dict[str, Any]:
        """What the rule says and what is left of it, without members at their defaults."""
        return {"kind": self.kind, "times": self.times} | {
            name: getattr(self, name) for name in self.__struct_fields__ if name in self._members()
        }

    def _members(self) -> set[str]:
        plain = dict(zip(self.__struct_fields__, _DEFAULTS, strict=True))
        return {name for name, default in plain.items() if getattr(self, name) != default}


_DEFAULTS: Final[tuple[Any, ...]] = (None, 1, None, None, "before", "", {}, "status", 0, 0, False, 1, False)

IMPORT_JOBS: Final = "/api/profile-bulk-import-jobs"
CURSORS: Final = ("page[cursor]", "cursor", "page[after]")
"""Query parameters that carry a cursor: Klaviyo's, Zendesk's exports', Zendesk's lists'."""


def pairs(query: bytes) -> list[tuple[str, str]]:
    """The parameters of a query string, in their order."""
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)
