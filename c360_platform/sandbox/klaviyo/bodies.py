"""Request bodies: checked with the models of Klaviyo's own SDK, and where those are silent.

Belongs here: form (types, required members, unknown attributes, identifiers' spelling). Does not belong here:
whether what a body refers to exists.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from c360_platform.sandbox.klaviyo.errors import ApiError, Problem

IDENTIFIERS: Final = ("email", "phone_number", "external_id", "_kx")
PROFILE_TEXTS: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
PROFILE_ATTRIBUTES: Final = frozenset((*IDENTIFIERS, *PROFILE_TEXTS, "location", "properties"))
LOCATION: Final = (
    *("address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip"),
)

_EMAIL: Final = re.compile(
    r"(?=.{3,254}\Z)(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_PHONE: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


def check_model(body: Any, module: str, name: str) -> Mapping[str, Any]:
    """The body, checked with the model `name` of `openapi_client.models.<module>`.

    Raises a 400 with a JSON pointer for every error.
    """
    raise_if_any(model_problems(body, module, name))
    checked: Mapping[str, Any] = body
    return checked


def model_problems(body: Any, module: str, name: str) -> list[Problem]:
    """What the model finds wrong with a body."""
    from pydantic import ValidationError

    try:
        _model(module, name).model_validate(body)
    except ValidationError as error:
        return [_problem(entry) for entry in error.errors(include_url=False, include_input=False)]
    return []


def unknown_attributes(
    found: Mapping[str, Any], allowed: Collection[str], resource: str, pointer: str
) -> list[Problem]:
    """A problem for each member that the resource does not have."""
    return [
        Problem(f"'{name}' is not a valid field for the resource '{resource}'.", f"{pointer}/{name}")
        for name in found
        if name not in allowed
    ]


def profile_problems(
    attributes: Mapping[str, Any], pointer: str, *, phone_must_be_valid: bool, extra: Collection[str] = ()
) -> list[Problem]:
    """What is wrong with a profile's attributes beyond their types.

    Bulk import and events drop an invalid phone number silently; the single endpoints refuse it.
    """
    problems = []
    if not attributes.keys() <= PROFILE_ATTRIBUTES:
        problems += unknown_attributes(attributes, PROFILE_ATTRIBUTES | set(extra), "profile", pointer)
    email = attributes.get("email")
    if email is not None and not is_email(email):
        problems.append(Problem("Invalid email address", f"{pointer}/email"))
    if phone_must_be_valid:
        phone = attributes.get("phone_number")
        if phone is not None and not is_phone(phone):
            detail = "Invalid phone number format (Example of a valid format: +12345678901)"
            problems.append(Problem(detail, f"{pointer}/phone_number"))
    location = attributes.get("location")
    if location:
        problems += unknown_attributes(location, LOCATION, "location", f"{pointer}/location")
    return problems


def is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """True for E.164 with a length that exists; whether the number is assigned nobody can say."""
    return _PHONE.fullmatch(text) is not None


def raise_if_any(problems: list[Problem]) -> None:
    """A 400 with these problems, if there are any."""
    if problems:
        raise ApiError(400, *problems)


@cache
def _model(module: str, name: str) -> Any:
    # Imported on first use: the SDK's models take a third of a second.
    return getattr(import_module(f"openapi_client.models.{module}"), name)


def _problem(entry: Mapping[str, Any]) -> Problem:
    location = entry["loc"]
    pointer = "/" + "/".join(str(part) for part in location) if location else "/data"
    name = str(location[-1]) if location else "body"
    if entry["type"] == "missing":
        return Problem(f"'{name}' is a required field.", pointer)
    return Problem(f"Invalid value for '{name}': {entry['msg']}.", pointer)
