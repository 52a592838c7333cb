"""Removal effects and Shapley values, compared with other ways to the same numbers."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_platform.attribution import ORDER, START, data_driven_credits, removal_effects, shapley_values
from c360_platform.attribution.credits import SEPARATOR
from c360_platform.attribution.markov import NONE

CHANNELS = "ABCDE"
PATHS = st.lists(
    st.tuples(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=5), st.booleans()),
    min_size=1,
    max_size=30,
)
Paths = list[tuple[list[str], bool]]


def transitions_of(paths: Paths) -> Counter[tuple[str, str]]:
    """Every step of every path; the code under test drops those from a channel to itself."""
    counted: Counter[tuple[str, str]] = Counter()
    for channels, is_order in paths:
        states = [START, *channels, ORDER if is_order else NONE]
        counted.update(pairwise(states))
    return counted


def orders_of(paths: Paths) -> Counter[str]:
    return Counter(SEPARATOR.join(sorted(set(channels))) for channels, is_order in paths if is_order)


def chance_by_elimination(transitions: Counter[tuple[str, str]], removed: str | None = None) -> Fraction:
    """The chance of an order in exact fractions: states are taken out of the chain one after another."""
    shares: dict[str, dict[str, Fraction]] = {}
    for source, target in transitions:
        if source != target:
            shares.setdefault(source, {})[NONE if target == removed else target] = Fraction(0)
    for (source, target), count in transitions.items():
        if source != target:
            shares[source][NONE if target == removed else target] += count
    for targets in shares.values():
        whole = sum(targets.values())
        for target in targets:
            targets[target] /= whole
    for state in [state for state in shares if state != START]:
        through = shares.pop(state)
        loop = through.pop(state, Fraction(0))
        for targets in shares.values():
            entered = targets.pop(state, Fraction(0))
            for target, share in through.items():
                targets[target] = targets.get(target, Fraction(0)) + entered * share / (1 - loop)
    back = shares[START].pop(START, Fraction(0))
    return shares[START].get(ORDER, Fraction(0)) / (1 - back)


def test_a_textbook_chain_has_the_removal_effects_of_the_textbook() -> None:
    """C1 > C2 > C3 > order, C1 > none, C2 > C3 > none: without C1 half of the orders are lost."""
    paths: Paths = [(["C1", "C2", "C3"], True), (["C1"], False), (["C2", "C3"], False)]
    effects = removal_effects(transitions_of(paths))
    assert effects == pytest.approx({"C1": 0.5, "C2": 1.0, "C3": 1.0})
    _, channels = data_driven_credits(transitions_of(paths), {"C1 + C2 + C3": 1})
    assert [each.removal_effect_conversions for each in channels] == pytest.approx([0.2, 0.4, 0.4])


@given(PATHS)
@settings(max_examples=60, deadline=None)
def test_removal_effects_are_those_of_exact_fractions(paths: Paths) -> None:
    transitions = transitions_of(paths)
    effects = removal_effects(transitions)
    whole = chance_by_elimination(transitions)
    if whole == 0:
        assert effects == {}
        return
    assert effects == pytest.approx(
        {
            channel: float(1 - chance_by_elimination(transitions, channel) / whole)
            for channel in {channel for channels, _ in paths for channel in channels}
        },
        abs=1e-9,
    )


@given(PATHS)
@settings(max_examples=60, deadline=None)
def test_shapley_values_are_the_average_gain_over_all_orders_of_joining(paths: Paths) -> None:
    orders = {frozenset(name.split(SEPARATOR)): count for name, count in orders_of(paths).items()}
    channels = sorted({channel for group in orders for channel in group})

    def worth(group: frozenset[str]) -> float:
        return sum(count for channels, count in orders.items() if channels <= group)

    gains = dict.fromkeys(channels, 0.0)
    joinings = list(permutations(channels)) if channels else []
    for joining in joinings:
        for number, channel in enumerate(joining):
            before = frozenset(joining[:number])
            gains[channel] += (worth(before | {channel}) - worth(before)) / len(joinings)

    assert shapley_values(orders) == pytest.approx(gains)


@given(PATHS)
@settings(max_examples=60, deadline=None)
def test_credits_make_one_order_and_channels_make_all_orders(paths: Paths) -> None:
    orders = orders_of(paths)
    set_credits, effects = data_driven_credits(transitions_of(paths), orders)
    for name in orders:
        own = [credit for credit in set_credits if credit.channels == name]
        assert {credit.channel for credit in own} == set(name.split(SEPARATOR))
        assert sum(credit.markov_credit for credit in own) == pytest.approx(1)
        assert sum(credit.shapley_credit for credit in own) == pytest.approx(1)
    total = sum(orders.values())
    assert sum(effect.removal_effect_conversions for effect in effects) == pytest.approx(total)
    assert sum(effect.shapley_conversions for effect in effects) == pytest.approx(total)


def test_names_and_order_of_channels_do_not_matter() -> None:
    paths: Paths = [(list(path), sum(map(ord, path)) % 3 > 0) for path in product("ABC", repeat=3)]
    renamed = {"A": "z", "B": "m", "C": "a"}
    other: Paths = [([renamed[channel] for channel in channels], order) for channels, order in paths]
    effects = removal_effects(transitions_of(paths))
    assert removal_effects(transitions_of(other)) == pytest.approx(
        {renamed[channel]: effect for channel, effect in effects.items()}
    )


def test_nothing_comes_of_nothing() -> None:
    assert data_driven_credits({}, {}) == ([], [])
    assert removal_effects({(START, "A"): 2, ("A", NONE): 2}) == {}
