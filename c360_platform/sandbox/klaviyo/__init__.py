"""The sandbox's Klaviyo: one module per resource, each listing its endpoints.

Belongs here: the list of resources. Does not belong here: anything else.
"""

from __future__ import annotations

from starlette.routing import Route

from c360_platform.sandbox.klaviyo import accounts, events, imports, lists, metrics, profiles, subscriptions
from c360_platform.sandbox.klaviyo.counting import counted
from c360_platform.sandbox.klaviyo.endpoint import router_error

__all__ = ["router_error", "routes"]


def routes() -> list[Route]:
    """Every Klaviyo path."""
    resources = (accounts, profiles, imports, lists, events, metrics, subscriptions)
    return [counted(endpoint).route() for resource in resources for endpoint in resource.endpoints()]
