"""A made-up shop in which some customers are there twice, for tests of the search for probable duplicates.

Belongs here: the records and whose they are. Does not belong here: what must be found; the tests say that.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from c360_platform.identity_review import Guards, Search
from c360_platform.identity_review.people import COLUMNS

FIRST = ["Anna", "Bruno", "Clara", "David", "Emil", "Frieda", "Georg", "Hanna", "Ivan", "Jule"]
LAST = ["Adler", "Beck", "Conrad", "Dietz", "Ernst", "Fink", "Graf", "Haas", "Igel", "Jahn", "Kern", "Lang",
        "Moser", "Nagel", "Ott", "Pohl", "Rau", "Sachs", "Thiel", "Veit"]  # fmt: skip
PEOPLE = 400
TWICE = (5, 105, 205, 305)  # who is a second customer, with slips
DECIDED = 205
FAST = Search(sampled_pairs=50_000)
GUARDS = Guards(names=["kunde", "unbekannt"], birth_dates=[date(1970, 1, 1)], mailboxes=["info"])


def person(n: int) -> dict[str, Any]:
    """A person in all words; what two people have in common is chance."""
    chance = random.Random(n)
    return {
        "first_name": FIRST[n % 10],
        "last_name": LAST[n // 10 % 20],
        "birth_date": date(1950, 1, 1) + timedelta(days=chance.randrange(18_000)),
        "email": "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=9)) + "@x.example",
        "phone": f"+49151{chance.randrange(10_000_000):08}",
        "postal_code": f"{chance.randrange(10_000, 10_080)}",
        "city": chance.choice(["Aachen", "Bremen", "Celle", "Dresden", "Essen", "Fulda", "Gotha", "Hof"]),
    }


def shop() -> list[dict[str, Any]]:
    """Everybody twice, as one customer, often with another phone or place: these teach the weights."""
    records = []
    for n in range(PEOPLE):
        written_again = person(n)
        if n % 3 == 0:
            written_again |= {"email": f"work{n}q@y.example"}
        if n % 5 == 0:
            written_again |= {"phone": f"+49160{n:08}", "postal_code": f"{20_000 + n}", "city": "Jena"}
        if n % 7 == 0:
            written_again |= {"first_name": "Kim"}
        if n % 9 == 0:
            written_again |= {"last_name": person(n)["last_name"] + "e"}
        records.append({"record_key": f"shopify:{n}", "customer_id": f"c{n}", **person(n)})
        records.append({"record_key": f"crm:{n}", "customer_id": f"c{n}", **written_again})
    for n in TWICE:
        first = person(n)["first_name"]
        slips = {"first_name": first[:-1] + "x", "email": f"other{n}z@y.example", "phone": None}
        records.append({"record_key": f"webshop:{n}", "customer_id": f"d{n}", **person(n), **slips})
    household = {name: person(20)[name] for name in ("last_name", "phone", "postal_code", "city")}
    records.append(
        {"record_key": "webshop:household", "customer_id": "household", **household, "first_name": "Wilma"}
    )
    namesake = {"first_name": FIRST[0], "last_name": LAST[0]}
    records += [
        {"record_key": f"webshop:{city}", "customer_id": city, **namesake, "city": city,
         "email": f"anna.adler@{city.lower()}.example"}
        for city in ("Kiel", "Hof")
    ]  # fmt: skip
    nobody = {
        "first_name": "Kunde",
        "last_name": "Unbekannt",
        "birth_date": date(1970, 1, 1),
        "email": "info@x.example",
    }
    records += [{"record_key": f"till:{n}", "customer_id": f"till{n}", **nobody} for n in range(4)]
    records.append({"record_key": "ga4:1", "customer_id": "visitor"})
    return records


def table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Records as the search reads them."""
    rows = list(records)
    types = {name: pa.date32() if name == "birth_date" else pa.string() for name in COLUMNS}
    return pa.table({name: pa.array([row.get(name) for row in rows], of) for name, of in types.items()})
