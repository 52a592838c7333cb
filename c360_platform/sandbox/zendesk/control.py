"""Control paths that only the sandbox's Zendesk has.

Belongs here: turning orders into settings and changes of Zendesk's rows. Does not belong here: what holds for
both services (`sandbox.control`).
"""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from c360_platform.sandbox.store import Store


def routes() -> list[Route]:
    """Zendesk's control paths."""
    return []


def settings_in(_: Store) -> dict[str, Any]:
    """What `/sandbox/state` shows of Zendesk besides rows."""
    return {}
