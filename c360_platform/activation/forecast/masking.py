"""People in reports: enough to see what is meant, too little to know who.

Belongs here: how an address and a value look where people may read over a shoulder. Does not belong here:
texts of the API (`errors.without_personal_data`) and who may see a row unmasked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MASK = "…"


def masked_address(address: str) -> str:
    """An e-mail address as `a…@s….example`: first letters and the last label; other text as a value."""
    local, at, domain = address.rpartition("@")
    if not at:
        return masked_value(address)
    host, dot, suffix = domain.rpartition(".")
    return shown_value(f"{local[:1]}{MASK}@{host[:1]}{MASK}{dot}{suffix if suffix.isalpha() else MASK}")


def masked_value(value: Any) -> str:
    """A JSON value as a text: yes or no as it is, a number as its size, text by its first character."""
    if value is None or isinstance(value, bool):
        return shown_value(value)
    if isinstance(value, int | float):
        return _size(value)
    if isinstance(value, list | Mapping):
        return f"{len(value)} value{'' if len(value) == 1 else 's'}"
    text = shown_value(value)
    return f"{text[:1]}{MASK}" if len(text) > 1 else MASK


def shown_value(value: Any) -> str:
    """A JSON value as one line, unmasked; what would move a terminal's cursor is a blank."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(shown_value, value))
    return "".join(character if character.isprintable() else " " for character in str(value))


def _size(number: float) -> str:
    """Rounded to its first digit; that would tell what is below ten."""
    if number == 0:
        return "0"
    if not math.isfinite(number) or abs(number) < 10:
        return "small"
    return f"~{round(number, -math.floor(math.log10(abs(number)))):,.0f}"
