"""Probable duplicates: records of two customers who may be one person, proposed to people who decide.

Belongs here: which attributes are compared and how, what the comparison learns from, which pairs are
proposed, and the few statements around it. Does not belong here: Dagster, the rules that join records by
themselves (those are dbt models), and joining anybody: a proposal changes no customer until somebody writes a
decision into dbt's seed.
"""

from __future__ import annotations

from c360_platform.identity_review.people import Guards
from c360_platform.identity_review.search import Findings, Search, find_probable_duplicates

__all__ = ["Findings", "Guards", "Search", "find_probable_duplicates"]
