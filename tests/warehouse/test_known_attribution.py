"""Five channels, paths with and without an order: every attribution model gives what was computed by hand.

The shop is loaded as anybody's would be: a log of touchpoints with a customer and a time, orders of the web
shop, the channels' costs. What the rules must give is computed here path by path, what the data-driven models
must give by following every path and every order of joining, without the platform's code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations

import pytest

from c360_platform.attribution import data_driven_credits
from c360_platform.attribution.store import AttributionTables
from c360_platform.warehouse.duckdb import DuckDBWarehouse
from tests.warehouse.dbt_home import DbtHome
from tests.warehouse.dbt_process import DbtProcess

# Name, first letters of the channels, people with this path, whether it ends in an order.
Path = tuple[str, str, int, bool]
CHANNELS = {"S": "Search", "F": "Facebook", "E": "E-Mail", "D": "Display", "V": "Online Video"}
PATHS: list[Path] = [
    ("first", "SFE", 3, True),
    ("second", "DSE", 2, True),
    ("third", "E", 4, True),
    ("fourth", "VDSFE", 1, True),
    ("fifth", "SSF", 2, True),  # a channel after itself
    ("sixth", "FDF", 1, True),
    ("seventh", "DV", 5, False),
    ("eighth", "S", 6, False),
    ("ninth", "FE", 2, False),
]
END = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAYS_BETWEEN = 3
AMOUNT = Decimal("25.50")


def people() -> Iterator[tuple[str, str, bool]]:
    """Customer, channels in order, whether they ordered."""
    for name, channels, number, is_order in PATHS:
        for each in range(number):
            yield f"{name}-{each}", channels, is_order


@pytest.fixture(scope="module")
def home(dbt_process: DbtProcess) -> DbtHome:
    home = DbtHome(dbt_process.warehouse, dbt_process.target)
    home.warehouse.unlink(missing_ok=True)
    touches, orders = [], []
    for customer, channels, is_order in people():
        for number, letter in enumerate(reversed(channels)):
            at = END - timedelta(days=DAYS_BETWEEN * number)
            touches.append(f"('{customer}', '{CHANNELS[letter]}', '{at}')")
        if is_order:
            orders.append(f"('{customer}', '{END}')")
            # a touch after the order, whose path ends without one
            touches.append(f"('{customer}', 'Search', '{END + timedelta(seconds=1)}')")
    # the first customer bought before, long ago: nothing is known of that order, and its month had a cost
    orders.append("('first-0', '2026-01-07 12:00:00')")
    home.load(
        "create schema marketing",
        "create schema webshop",
        "create table marketing.touchpoints as "
        f"from (values {', '.join(touches)}) as t (customer_id, channel, time)",
        "create table marketing.spend as "
        "from (values ('Display', '2026-06-01', 100), ('Search', '2026-05-01', 7)) "
        "as t (channel, month, spend)",
        "create table webshop.orders as select row_number() over () as id, * "
        f"from (values {', '.join(orders)}) as t (customer_id, order_date)",
        f"create table webshop.payments as select id, id as order_id, 'card' as payment_method, "
        f"{int(AMOUNT * 100)} as amount from webshop.orders",
    )
    code, output = dbt_process.run("seed")
    assert code == 0, output
    dbt_process.build("--select", "+int_conversion__credits", "+int_conversion__transitions")
    stored = AttributionTables(DuckDBWarehouse(home.warehouse))
    set_credits, effects = data_driven_credits(stored.transitions(), stored.orders())
    stored.write_credits(set_credits)
    stored.write_effects(effects)
    dbt_process.build("--select", "source:attribution+", "stg_marketing__spend")
    return home


def spelled(letter: str) -> str:
    return CHANNELS[letter].lower().replace(" ", "_").replace("-", "_")


def converted(weights: Callable[[str], list[float]]) -> dict[str, float]:
    """Channel to its orders when every path is shared by these weights of its contacts."""
    totals: dict[str, float] = defaultdict(float)
    for _, channels, number, is_order in PATHS:
        if is_order:
            shares = weights(channels)
            for letter, share in zip(channels, shares, strict=True):
                totals[spelled(letter)] += number * share / sum(shares)
    return dict(totals)


def by_position(channels: str) -> list[float]:
    n = len(channels)
    return {1: [1.0], 2: [1.0, 1.0]}.get(n) or [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]


RULES: dict[str, Callable[[str], list[float]]] = {
    "first_touch": lambda channels: [1.0] + [0.0] * (len(channels) - 1),
    "last_touch": lambda channels: [0.0] * (len(channels) - 1) + [1.0],
    "klaviyo_last_touch": lambda channels: [0.0] * (len(channels) - 1) + [1.0],
    "linear": lambda channels: [1.0] * len(channels),
    "time_decay": lambda channels: [2 ** (-DAYS_BETWEEN * n / 7) for n in reversed(range(len(channels)))],
    "position_based": by_position,
}


def orders_by_channel(home: DbtHome, model: str, column: str = "conversions") -> dict[str, float]:
    return dict(
        home.query(
            f"select channel, {column} from marts.marketing_attribution "
            f"where attribution_model = '{model}' and not is_assumed and {column} > 0"
        )
    )


@pytest.mark.parametrize("model", RULES)
def test_rules_share_orders_as_on_paper(home: DbtHome, model: str) -> None:
    expected = {channel: orders for channel, orders in converted(RULES[model]).items() if orders}
    assert orders_by_channel(home, model) == pytest.approx(expected, abs=2e-6)


def walks(removed: str = "") -> Fraction:
    """The chance to order from the start, by following the chain until hardly anybody is still under way."""
    steps: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    ways = [(channels, number, is_order) for _, channels, number, is_order in PATHS]
    ways.append(("S", sum(number for _, number, is_order in ways if is_order), False))
    for channels, number, is_order in ways:
        kept = "".join(c for n, c in enumerate(channels) if n == 0 or channels[n - 1] != c)
        states = ["start", *kept, "order" if is_order else "none"]
        for source, target in pairwise(states):
            steps[source][target] += number
    under_way, ordered = {"start": 1.0}, 0.0
    for _ in range(400):
        later: dict[str, float] = defaultdict(float)
        for state, chance in under_way.items():
            whole = sum(steps[state].values())
            for target, count in steps[state].items():
                share = chance * float(count / whole)
                if target == "order":
                    ordered += share
                elif target not in ("none", removed):
                    later[target] += share
        under_way = later
    return Fraction(ordered)


def test_removal_effects_are_those_of_walking_every_path(home: DbtHome) -> None:
    effects = {spelled(letter): float(1 - walks(letter) / walks()) for letter in CHANNELS}
    total = sum(number for _, _, number, is_order in PATHS if is_order)
    parts = {channel: total * effect / sum(effects.values()) for channel, effect in effects.items()}

    assert orders_by_channel(home, "markov", "removal_effect") == pytest.approx(effects)
    assert orders_by_channel(home, "markov", "removal_effect_conversions") == pytest.approx(parts)
    assert orders_by_channel(home, "markov") == pytest.approx(
        {
            channel: sum(
                number * effects[channel] / sum(effects[spelled(letter)] for letter in set(channels))
                for _, channels, number, is_order in PATHS
                if is_order and channel in {spelled(letter) for letter in channels}
            )
            for channel in effects
        },
        abs=2e-6,
    )


def test_shapley_values_are_the_average_gain_of_joining(home: DbtHome) -> None:
    def worth(group: set[str]) -> int:
        return sum(number for _, channels, number, is_order in PATHS if is_order and set(channels) <= group)

    gains: dict[str, float] = defaultdict(float)
    for joining in permutations(CHANNELS):
        for n, letter in enumerate(joining):
            gains[spelled(letter)] += (worth({*joining[: n + 1]}) - worth({*joining[:n]})) / 120
    assert orders_by_channel(home, "shapley") == pytest.approx(gains, abs=2e-6)


def test_an_order_of_which_nothing_is_known_is_assumed_and_all_money_is_there(home: DbtHome) -> None:
    orders = sum(number for _, _, number, is_order in PATHS if is_order)
    assert home.query(
        "select distinct channel, conversions, revenue from marts.marketing_attribution where is_assumed"
    ) == [("assumed_organic", 1.0, AMOUNT)]
    assert home.query(
        "select distinct round(sum(conversions), 4), sum(revenue) from marts.marketing_attribution "
        "group by attribution_model"
    ) == [(orders + 1, AMOUNT * (orders + 1))]


def test_a_cost_gives_a_return_and_no_cost_gives_none(home: DbtHome) -> None:
    """Display's revenue of June stands against its cost; Search's was in a month without its orders."""
    display = converted(RULES["linear"])["display"]
    returns = dict(
        home.query(
            "select channel, return_on_ad_spend from marts.marketing_attribution "
            "where attribution_model = 'linear'"
        )
    )
    assert returns["display"] == pytest.approx(float(AMOUNT) * display / 100, abs=1e-3)
    assert returns["search"] == 0
    assert returns["e_mail"] is None


def test_paths_without_an_order_count_in_rates(home: DbtHome) -> None:
    """Search: 9 paths with an order and 6 without, and one after each of the 13 orders."""
    assert home.query(
        "select touched_paths, converting_paths from marts.marketing_attribution "
        "where attribution_model = 'linear' and channel = 'search'"
    ) == [(8 + 6 + 13, 8)]
