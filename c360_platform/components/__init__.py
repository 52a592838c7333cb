"""Dagster components for teams that have no dbt project: Customer 360, and what its inputs need before it.

Belongs here: the names that YAML uses. Does not belong here: anything heavy; engines are imported by a run.
"""

from __future__ import annotations

from c360_platform.components.component import Customer360Component
from c360_platform.components.standardisers import CrmContactsComponent, EventsComponent, ProductsComponent

__all__ = ["CrmContactsComponent", "Customer360Component", "EventsComponent", "ProductsComponent"]
