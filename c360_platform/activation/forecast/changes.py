"""What an update changes: the row that would be sent against the profile as Klaviyo was last ingested.

Belongs here: comparing one row's JSON with one raw profile, name by name. Does not belong here: which rows
are compared (`known_profiles`), and how a change looks to people (`masking`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

RELATIVE_TOLERANCE = 1e-9  # Klaviyo's numbers are doubles
_LOCATION = "location."


@dataclass(frozen=True, slots=True)
class Change:
    """A field (`first_name`, `location.city`) or custom property that gets another value; JSON values."""

    name: str
    old: Any = field(repr=False)
    new: Any = field(repr=False)


def changes(payload: str, cleared: str, known: Mapping[str, Any]) -> Iterator[Change]:
    """What sending a row changes in a profile.

    `payload` and `cleared` are those of the plan; `known` is the profile's row in the raw table, in which
    `location` and `properties` are JSON text. A value that is taken away has a new value of None.
    """
    held = _held(known)
    for name, new in _sent(payload, cleared):
        old = held.get(name)
        if not is_same(old, new):
            yield Change(name, old, new)


def is_same(old: Any, new: Any) -> bool:
    """Whether two JSON values mean the same to Klaviyo; numbers of different spelling do."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return math.isclose(old, new, rel_tol=RELATIVE_TOLERANCE, abs_tol=RELATIVE_TOLERANCE)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(is_same, old, new))
    return bool(old == new)


def _sent(payload: str, cleared: str) -> Iterator[tuple[str, Any]]:
    document = orjson.loads(payload)
    attributes = document["attributes"]
    for name, value in attributes.items():
        if name == "location":
            yield from ((_LOCATION + part, inner) for part, inner in value.items())
        elif name == "properties":
            yield from value.items()
        elif name != "email":
            yield name, value
    for name in filter(None, cleared.split("|")):
        yield name, None
    unset = document.get("meta", {}).get("patch_properties", {}).get("unset", [])
    for name in unset if isinstance(unset, list) else [unset]:
        yield name, None


def _held(known: Mapping[str, Any]) -> dict[str, Any]:
    location, properties = (_document(known.get(name)) for name in ("location", "properties"))
    return {
        **{name: value for name, value in known.items() if name not in ("location", "properties")},
        **{_LOCATION + part: value for part, value in location.items()},
        **properties,
    }


def _document(text: str | None) -> dict[str, Any]:
    document = orjson.loads(text) if text else None
    return document if isinstance(document, dict) else {}
