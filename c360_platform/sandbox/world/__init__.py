"""One coherent synthetic shop: raw tables in a warehouse, Klaviyo and Zendesk in the sandbox, and the truth.

Belongs here: who exists, what they did and how every source wrote it down, mistakes included. Does not belong
here: how the sandbox answers over HTTP, and any definition that the platform's models compute for themselves.
"""

from __future__ import annotations

from c360_platform.sandbox.world.generator import (
    RAW_SCHEMAS,
    WORLD_VERSION,
    WorldError,
    WorldSummary,
    make_world,
)
from c360_platform.sandbox.world.transfer import is_transferred, transfer_world

__all__ = [
    "RAW_SCHEMAS",
    "WORLD_VERSION",
    "WorldError",
    "WorldSummary",
    "is_transferred",
    "make_world",
    "transfer_world",
]
