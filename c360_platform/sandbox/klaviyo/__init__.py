"""The sandbox's Klaviyo: one module per resource, each listing its endpoints.

Belongs here: the list of resources. Does not belong here: anything else.
"""

from __future__ import annotations

from starlette.routing import Route

from c360_platform.sandbox.klaviyo import (
    accounts,
    data_privacy,
    events,
    flow_actions,
    flows,
    group_relations,
    imports,
    lists,
    metrics,
    profile_merges,
    profile_relations,
    profiles,
    segments,
    subscriptions,
    suppressions,
    tag_groups,
    taggings,
    tags,
)
from c360_platform.sandbox.klaviyo.counting import counted
from c360_platform.sandbox.klaviyo.endpoint import Endpoint, router_error

__all__ = ["endpoints", "router_error", "routes"]


def endpoints() -> list[Endpoint]:
    """Every operation, resource by resource."""
    resources = (
        *(accounts, profiles, profile_relations, profile_merges, data_privacy, imports),
        *(subscriptions, suppressions, lists, segments, events, metrics),
        *(flows, flow_actions, tags, tag_groups, taggings, group_relations),
    )
    return [endpoint for resource in resources for endpoint in resource.endpoints()]


def routes() -> list[Route]:
    """Every Klaviyo path."""
    return [counted(endpoint).route() for endpoint in endpoints()]
