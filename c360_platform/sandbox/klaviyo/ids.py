"""Ids in the forms that Klaviyo gives them.

Belongs here: making ids. Does not belong here: looking anything up by one.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import uuid
from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_EVENT_ID: Final = re.compile(r"[0-9A-Za-z]{11}")
_random: Final = random.SystemRandom()


def profile_id(now_us: int) -> str:
    """A ULID: 26 characters that sort by the millisecond of `now_us`."""
    return _encode(now_us // 1000, 10) + _encode(_random.getrandbits(80), 16)


def anonymous_profile_id(anonymous_id: str) -> str:
    """The profile of an anonymous visitor: always the same one for the same id."""
    digest = hashlib.blake2b(anonymous_id.encode(), digest_size=15).digest()
    return "01" + _encode(int.from_bytes(digest, "big"), 24)


def short_id() -> str:
    """Six characters, as lists and metrics have, the first a capital letter."""
    return _random.choice(_BASE62[10:36]) + "".join(_random.choices(_BASE62, k=5))


def event_id(profile: str, metric: str, unique_id: str) -> str:
    """Eleven characters that depend on the event alone, so that an event has one id for ever."""
    digest = hashlib.blake2b(f"{profile}\n{metric}\n{unique_id}".encode(), digest_size=9).digest()
    number, characters = int.from_bytes(digest, "big"), []
    for _ in range(11):
        number, rest = divmod(number, 62)
        characters.append(_BASE62[rest])
    return "".join(characters)


def is_event_id(text: str) -> bool:
    return _EVENT_ID.fullmatch(text) is not None


def event_uuid(event: str) -> str:
    """The uuid attribute of an event."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, event))


def job_id(account: str, now_us: int) -> str:
    """An import job's id: base64 of where and when, without padding, as recorded."""
    text = f"{account}_:maintenance.{short_id().upper()}.{now_us // 1_000_000}.{short_id()}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _encode(number: int, length: int) -> str:
    characters = []
    for _ in range(length):
        number, rest = number >> 5, number & 31
        characters.append(_CROCKFORD[rest])
    return "".join(reversed(characters))
