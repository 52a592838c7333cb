"""Data-driven attribution: what channels are worth, learned from all paths together.

Belongs here: the arithmetic of removal effects and Shapley values over counted paths, how an order is shared
among the channels of its path, and the few statements around it. Does not belong here: Dagster, and rules
that look at one path alone (those are dbt models).
"""

from __future__ import annotations

from c360_platform.attribution.credits import ChannelEffect, SetCredit, data_driven_credits
from c360_platform.attribution.markov import END_STATES, ORDER, START, removal_effects
from c360_platform.attribution.shapley import shapley_values

__all__ = [
    "END_STATES",
    "ORDER",
    "START",
    "ChannelEffect",
    "SetCredit",
    "data_driven_credits",
    "removal_effects",
    "shapley_values",
]
