"""Removal effects: how many orders would be lost if every path ended where a channel stands.

Paths are a Markov chain of order one over channels (Anderl, Becker, Wangenheim, Schumann, "Mapping the
customer journey", 2016): from (start) over channels to (order) or (none), with the observed shares of
transitions. A channel after itself is no transition. The removal effect of a channel is 1 - P'/P: P is the
chance to get from (start) to (order), P' that chance when the channel leads to (none) alone. Both follow
exactly from a linear system, without simulation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

# As dbt's int_conversion__transitions writes them.
START, ORDER, NONE = "(start)", "(order)", "(none)"
END_STATES = frozenset({ORDER, NONE})

Transitions = Mapping[tuple[str, str], int | float]


def removal_effects(transitions: Transitions) -> dict[str, float]:
    """Channel to the share of orders that would be lost without it; no channel without any order.

    `transitions` counts how often one state follows another, from (start) to (order) or (none).
    """
    counted = {
        (source, target): count
        for (source, target), count in transitions.items()
        if source != target and count
    }
    channels = sorted({state for pair in counted for state in pair} - {START, *END_STATES})
    index = {state: number for number, state in enumerate([START, *channels])}
    moves = np.zeros((len(index), len(index)))
    orders, leaving = np.zeros(len(index)), np.zeros(len(index))
    for (source, target), count in counted.items():
        leaving[index[source]] += count
        if target == ORDER:
            orders[index[source]] += count
        elif target in index:
            moves[index[source], index[target]] += count
    divisor = np.where(leaving > 0, leaving, 1)
    moves, orders = moves / divisor[:, None], orders / divisor

    chance = _chance(moves, orders)
    if chance <= 0:
        return {}
    effects = {}
    for channel in channels:
        kept = np.arange(len(index)) != index[channel]
        without = _chance(moves[np.ix_(kept, kept)], orders[kept])
        # both chances are sums of the same products, so a difference below zero is rounding
        effects[channel] = min(1.0, max(0.0, 1 - without / chance))
    return effects


def shares(effects: Mapping[str, float], among: Iterable[str] | None = None) -> dict[str, float]:
    """Parts of one whole in proportion to the effects; equal parts when all of them are zero."""
    wanted = sorted(effects if among is None else set(among))
    total = sum(effects.get(channel, 0.0) for channel in wanted)
    if total <= 0:
        return {channel: 1 / len(wanted) for channel in wanted}
    return {channel: effects.get(channel, 0.0) / total for channel in wanted}


def _chance(moves: NDArray[np.float64], orders: NDArray[np.float64]) -> float:
    """The chance to end in an order from the first state: the first entry of (I - moves)^-1 · orders."""
    return float(np.linalg.solve(np.eye(len(orders)) - moves, orders)[0])
