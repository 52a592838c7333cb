"""Bulk profile import jobs.

Belongs here: `/api/profile-bulk-import-jobs` and the work of a job. Does not belong
here: other calls about profiles.
"""

from __future__ import annotations

from c360_platform.sandbox.clock import Clock
from c360_platform.sandbox.klaviyo.endpoint import Endpoint
from c360_platform.sandbox.store import Store


def endpoints() -> list[Endpoint]:
    return []


def work_off_jobs(store: Store, clock: Clock, *, everything: bool = False) -> None:
    """Carry out the jobs that are due by the clock, or all of them."""
