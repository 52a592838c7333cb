"""Baskets and products come out as counting them one by one gives.

The web shop here has what public basket data sets have, the names in each basket and neither prices nor
people. The Shopify shop has prices, refunds and accounts. The answers are Python's own counts.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate, permutations
from pathlib import Path
from typing import Any

import duckdb
import pytest

from c360_platform.raw_files import load_folder
from tests.warehouse.dbt_home import DBT_PROJECT
from tests.warehouse.dbt_process import DbtProcess

TODAY = date(2026, 6, 30)
MIN_ORDERS, MIN_SUPPORT = 10, Fraction(1, 1000)


@dataclass(frozen=True)
class Line:
    order: int
    account: int
    day: date
    article: str
    quantity: int
    cents: int
    returned: int
    has_code: bool


def baskets(seed: int) -> list[set[str]]:
    """9,835 baskets of 169 articles; some articles go together, some avoid each other, some are rare."""
    dice = random.Random(seed)
    articles = [f"article, no. {number}" for number in range(1, 170)]
    weights = [1 / number**0.8 for number in range(1, 170)]
    found = []
    for _ in range(9835):
        basket = set(dice.choices(articles, weights, k=min(32, 1 + int(dice.expovariate(0.28)))))
        if articles[30] in basket and dice.random() < 0.5:
            basket.add(articles[31])
        if articles[0] in basket:
            basket.discard(articles[1])
        found.append(basket)
    return found


def purchases(seed: int) -> list[Line]:
    """Lines of 600 orders of 200 accounts; a fifth has a code, some units come back for their price."""
    dice = random.Random(seed)
    articles = [f"SKU-{number:02}" for number in range(24)]
    prices = [dice.randrange(1, 9000) for _ in articles[:-1]] + [0]
    weights = [1 / (1 + number) for number in range(24)]
    found = []
    for order in range(600):
        account, day = dice.randrange(200), TODAY - timedelta(days=dice.randrange(300))
        has_code = dice.random() < 0.2
        for article in sorted(set(dice.choices(range(24), weights, k=dice.randrange(1, 5)))):
            quantity = dice.randrange(1, 4)
            returned = dice.choice([0] * 9 + [quantity])
            found.append(
                Line(order, account, day, articles[article], quantity, prices[article], returned, has_code)
            )
    return found


@pytest.fixture(scope="module")
def groceries() -> list[set[str]]:
    return baskets(seed=6)


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    return purchases(seed=6)


@pytest.fixture(scope="module")
def shop(
    groceries: list[set[str]],
    lines: list[Line],
    dbt_process: DbtProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Both shops as somebody would export them."""
    exports = tmp_path_factory.mktemp("known_baskets")
    items = [(order, article) for order, basket in enumerate(groceries) for article in sorted(basket)]
    write(exports / "webshop/orders.csv", "id,order_date", ((n, TODAY) for n in range(len(groceries))))
    # An article on two lines of an order is in it once.
    items += items[:100]
    write(
        exports / "webshop/order_items.csv",
        "id,order_id,product_name",
        ((n, *item) for n, item in enumerate(items)),
    )
    orders = {line.order: line for line in lines}
    totals: Counter[int] = Counter()
    refunded = {line.order for line in lines if line.returned}
    for line in lines:
        totals[line.order] += line.quantity * line.cents
    write(exports / "shopify/customer.csv", "id", ((account,) for account in range(200)))
    write(
        exports / "shopify/order.csv",
        "id,customer_id,created_at,currency,financial_status,total_price",
        (
            (
                order,
                line.account,
                f"{line.day}T{8 + order % 12:02}:{order % 60:02}:00Z",
                "EUR",
                "paid",
                euros(totals[order]),
            )
            for order, line in orders.items()
        ),
    )
    write(
        exports / "shopify/order_line.csv",
        "id,order_id,sku,title,quantity,price",
        (
            (n, line.order, line.article, line.article, line.quantity, euros(line.cents))
            for n, line in enumerate(lines)
        ),
    )
    write(
        exports / "shopify/order_discount_code.csv",
        "order_id,code,amount,type",
        ((order, "SPRING", "0.00", "percentage") for order, line in orders.items() if line.has_code),
    )
    write(
        exports / "shopify/refund.csv",
        "id,order_id,created_at,processed_at",
        ((order, order, f"{TODAY}T06:00:00Z", f"{TODAY}T06:00:00Z") for order in refunded),
    )
    write(
        exports / "shopify/order_line_refund.csv",
        "id,refund_id,order_line_id,quantity,subtotal,total_tax",
        (
            (n, line.order, n, line.returned, euros(line.returned * line.cents), "0.00")
            for n, line in enumerate(lines)
            if line.returned
        ),
    )
    dbt_process.warehouse.unlink(missing_ok=True)
    load_folder(exports, dbt_process.warehouse, DBT_PROJECT)
    code, output = dbt_process.run(
        "build", "--exclude-resource-types", "test", "unit_test",
        "--select", "resource_type:seed", "+product_performance", "+product_affinities",
    )  # fmt: skip
    assert code == 0, output
    return dbt_process.warehouse


def write(path: Path, header: str, rows: Iterable[tuple[Any, ...]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def rows(warehouse: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_pairs_are_those_of_counting_every_basket(groceries: list[set[str]], shop: Path) -> None:
    count = Counter(article for basket in groceries for article in basket)
    together = Counter(pair for basket in groceries for pair in permutations(basket, 2))
    expected = {
        pair: (
            count[pair[0]],
            n,
            Fraction(n, len(groceries)),
            Fraction(n, count[pair[0]]),
            Fraction(n * len(groceries), count[pair[0]] * count[pair[1]]),
        )
        for pair, n in together.items()
        if n >= MIN_ORDERS and Fraction(n, len(groceries)) >= MIN_SUPPORT
    }

    found = {
        (article, partner): measures
        for article, partner, *measures in rows(
            shop,
            """
            select
                product_name, partner_product_name, product_orders, orders_together, support, confidence,
                lift
            from marts.product_affinities
            where channel = 'webshop'
            """,
        )
    }

    assert found.keys() == expected.keys()
    assert 1000 < len(found) < len(together)
    for pair, measures in found.items():
        assert measures == pytest.approx([float(value) for value in expected[pair]], rel=1e-12), pair
    lifts = [float(measures[-1]) for measures in found.values()]
    assert min(lifts) < 0.7
    assert max(lifts) > 3


def test_products_are_those_of_counting_every_line(lines: list[Line], shop: Path) -> None:
    by_article: defaultdict[str, list[Line]] = defaultdict(list)
    first_order: dict[int, tuple[date, int, int]] = {}
    for line in lines:
        by_article[line.article].append(line)
        moment = (line.day, 8 + line.order % 12, line.order % 60)
        first_order[line.account] = min(first_order.get(line.account, moment), moment)
    revenue = {
        article: sum((line.quantity - line.returned) * line.cents for line in sold)
        for article, sold in by_article.items()
    }
    units = {article: sum(line.quantity for line in sold) for article, sold in by_article.items()}
    best_sellers = sorted(by_article, key=lambda article: (-revenue[article], -units[article], article))
    total = sum(revenue.values())
    so_far = dict(zip(best_sellers, accumulate(revenue[article] for article in best_sellers), strict=True))
    recent = TODAY - timedelta(days=89)
    expected = {
        article: (
            revenue[article],
            units[article],
            sum(line.returned for line in sold),
            sum(line.quantity for line in sold if line.has_code),
            sum(line.quantity for line in sold if line.day >= recent),
            sum(line.quantity for line in sold if recent - timedelta(days=90) <= line.day < recent),
            len({line.order for line in sold}),
            len({line.account for line in sold}),
            sum(n > 1 for n in Counter(line.account for line in sold).values()),
            sum(
                first_order[line.account] == (line.day, 8 + line.order % 12, line.order % 60) for line in sold
            ),
            best_sellers.index(article) + 1,
            abc_class(revenue[article], so_far[article], total),
        )
        for article, sold in by_article.items()
    }

    found = {
        article: tuple(values)
        for article, *values in rows(
            shop,
            """
            select
                product_key, cast(100 * net_revenue as bigint), units, returned_units,
                cast(round(promotional_dependency * units) as bigint), recent_units, previous_units, orders,
                buyers, repeat_buyers, customers_acquired, revenue_rank, abc_class
            from marts.product_performance
            where channel = 'shopify'
            """,
        )
    }

    assert found == expected
    assert {values[-1] for values in found.values()} == {"A", "B", "C"}
    assert found["SKU-23"][0] == 0
    [(share, penetration)] = rows(
        shop,
        """
        select sum(revenue_share), sum(penetration)
        from marts.product_performance
        where channel = 'shopify'
        """,
    )
    assert share == pytest.approx(1)
    customers = len({line.account for line in lines})
    assert penetration == pytest.approx(sum(values[7] for values in found.values()) / customers)


def abc_class(cents: int, so_far: int, total: int) -> str:
    if cents <= 0:
        return "C"
    if 100 * so_far <= 80 * total or 100 * (so_far - cents) < 80 * total:
        return "A"
    return "B" if 100 * so_far <= 95 * total else "C"
