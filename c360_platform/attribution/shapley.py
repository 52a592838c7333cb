"""Shapley values of channels: what each adds, on average over all orders in which channels can join.

The worth of a group of channels S is the number of orders whose paths touch channels of S only: v(S) is the
sum of orders(T) over all T within S. The value of a channel c is the sum over all S without it of
|S|!(n-|S|-1)!/n! · (v(S with c) - v(S)) (Shapley, "A value for n-person games", 1953). For this worth the sum
has a closed form: the dividend of a set is the number of its orders, and dividends are shared equally
(Harsanyi, 1963; for channels Zhao, Mahboobi, Bagheri, "Shapley value methods for attribution modeling in
online advertising", 2018), which holds for any number of channels, where the sum has 2^n terms.
"""

from __future__ import annotations

from collections.abc import Mapping


def shapley_values(orders: Mapping[frozenset[str], int | float]) -> dict[str, float]:
    """Channel to its orders; `orders` counts those of every set of channels.

    The values add up to all orders (efficiency), and order and number of contacts do not matter.
    """
    values: dict[str, float] = {}
    for channels in sorted(orders, key=sorted):
        for channel in sorted(channels):
            values[channel] = values.get(channel, 0.0) + orders[channels] / len(channels)
    return dict(sorted(values.items()))
