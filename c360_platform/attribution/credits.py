"""Credits of orders by set of channels, and effects of channels: what is written back to the warehouse.

Belongs here: turning removal effects and Shapley values into parts of one order. Does not belong here: how
they are computed (markov.py, shapley.py), reading and writing (store.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from c360_platform.attribution.markov import Transitions, removal_effects, shares
from c360_platform.attribution.shapley import shapley_values

# As dbt's macro channel_separator().
SEPARATOR = " + "


@dataclass(frozen=True, slots=True)
class SetCredit:
    """The part that a channel has of an order whose path touches exactly these channels."""

    channels: str
    channel: str
    markov_credit: float
    shapley_credit: float


@dataclass(frozen=True, slots=True)
class ChannelEffect:
    """What a channel does for the shop as a whole; conversions are orders with a known path."""

    channel: str
    removal_effect: float
    removal_effect_share: float
    removal_effect_conversions: float
    shapley_conversions: float


def data_driven_credits(
    transitions: Transitions, orders: Mapping[str, int]
) -> tuple[list[SetCredit], list[ChannelEffect]]:
    """Credits of every set of channels and effects of every channel, both in alphabetical order.

    `orders` counts those of each set, named as its channels with SEPARATOR between them. Credits of a set
    add up to one, conversions of all channels to all orders. Without any order there are no effects.
    """
    sets = {name: frozenset(name.split(SEPARATOR)) for name in orders}
    effects = removal_effects(transitions)
    values = shapley_values({sets[name]: count for name, count in orders.items() if count})
    total = sum(orders.values())

    set_credits = []
    for name in sorted(sets):
        by_effect = shares(effects, sets[name])
        set_credits += [
            SetCredit(name, channel, by_effect[channel], 1 / len(sets[name]))
            for channel in sorted(sets[name])
        ]
    parts = shares(effects) if effects else {}
    return set_credits, [
        ChannelEffect(
            channel,
            effects[channel],
            parts[channel],
            parts[channel] * total,
            values.get(channel, 0.0),
        )
        for channel in sorted(effects)
    ]
