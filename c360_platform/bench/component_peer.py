"""The same customers as those of the Customer 360 component, as somebody fluent in pandas writes it.

Belongs here: the peer. Does not belong here: its input, and measuring (component_speed.py).

It normalises keys, falls back from e-mail to user id and makes the same ids, with merges and group-bys and no
loop but the one over ids, which pandas cannot hash.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

AS_OF: Final = date(2026, 6, 30)
ACTIVE_DAYS: Final = 90


def peer(directory: Path) -> pd.DataFrame:
    """The same in pandas."""
    import pandas as pd

    crm, marketing, stripe, ga4 = (
        pd.read_parquet(directory / f"{name}.parquet") for name in ("crm", "marketing", "stripe", "ga4")
    )
    for frame in (crm, marketing, stripe):
        frame["email"] = frame["email"].str.strip().str.lower()
    stripe["at"] = pd.to_datetime(stripe["created"], unit="s", utc=True)
    ga4["at"] = pd.to_datetime(ga4["event_timestamp"], unit="us", utc=True)
    end = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(days=1)
    crm, marketing = crm[crm["created_at"] < end], marketing[marketing["created_at"] < end]
    stripe = stripe[stripe["at"] < end].drop_duplicates("id")
    ga4 = ga4[(ga4["at"] < end) & ga4["user_id"].notna()]

    ga4["is_page_view"] = ga4["event_name"] == "page_view"
    visits = ga4.groupby("user_id").agg(
        sessions=("session_id", "nunique"),
        page_views=("is_page_view", "sum"),
        first_at=("at", "min"),
        last_at=("at", "max"),
    )
    paid = (
        stripe[stripe["status"] == "succeeded"]
        .groupby("email")
        .agg(cents=("amount", "sum"), orders=("amount", "size"))
    )
    seen = pd.concat(
        [
            crm.rename(columns={"created_at": "at"})[["email", "user_id", "at"]].assign(source=0),
            marketing.rename(columns={"created_at": "at"})[["email", "at"]].assign(source=1),
            stripe[["email", "user_id", "at"]].assign(source=2),
        ]
    )
    emails = seen.groupby("email").agg(
        user_id=("user_id", "first"), first_at=("at", "min"), sources=("source", "nunique")
    )
    return _peer_profiles((crm, marketing, stripe), visits, paid, emails.reset_index())


def _peer_profiles(
    sources: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    visits: pd.DataFrame,
    paid: pd.DataFrame,
    emails: pd.DataFrame,
) -> pd.DataFrame:
    """Customers by e-mail, else by user id; then what is known of each."""
    from functools import partial
    from hashlib import md5 as hash_md5

    import pandas as pd

    md5 = partial(hash_md5, usedforsecurity=False)
    settled = emails["sources"] > 1
    homes = emails.loc[settled & emails["user_id"].notna()].groupby("user_id")["email"].min().rename("home")
    looking = (
        emails.loc[~settled & emails["user_id"].notna()].groupby("user_id")["email"].min().rename("other")
    )
    emails = emails.merge(homes, how="left", left_on="user_id", right_index=True)
    emails = emails.merge(looking, how="left", left_on="user_id", right_index=True)
    emails["customer"] = emails["email"].where(
        settled, emails["home"].fillna(emails["other"]).fillna(emails["email"])
    )
    of_users = pd.concat([looking, homes.rename("other")]).groupby(level=0).last()
    users = visits.join(of_users.rename("customer")).reset_index()
    users["customer"] = users["customer"].fillna("user " + users["user_id"])

    named = emails.sort_values(["first_at", "email"]).drop_duplicates("customer")
    ids = pd.concat(
        [
            pd.Series(
                ["email_" + md5(one.encode()).hexdigest() for one in named["email"]], named["customer"]
            ),
            pd.Series(
                {
                    f"user {one}": "user_id_" + md5(one.encode()).hexdigest()
                    for one in users.loc[users["customer"].str.startswith("user "), "user_id"]
                }
            ),
        ]
    ).rename("customer_id")
    customer = emails.set_index("email")["customer"]
    crm, marketing, stripe = (frame.assign(customer=frame["email"].map(customer)) for frame in sources)
    written = pd.concat(
        [
            crm[["customer", "email", "updated_at"]],
            marketing[["customer", "email", "updated_at"]],
            stripe[["customer", "email", "at"]].rename(columns={"at": "updated_at"}),
        ]
    )
    newest = written.sort_values("updated_at", kind="stable").drop_duplicates("customer", keep="last")
    contact = crm.sort_values("updated_at").drop_duplicates("customer", keep="last").set_index("customer")
    first_contact = crm.sort_values("created_at").drop_duplicates("customer").set_index("customer")
    times = pd.concat(
        [
            crm.groupby("customer")["created_at"].agg(["min", "max"]),
            marketing.groupby("customer")["created_at"].agg(["min", "max"]),
            stripe.groupby("customer")["at"].agg(["min", "max"]),
            users.groupby("customer").agg(min=("first_at", "min"), max=("last_at", "max")),
        ]
    )
    times = times.groupby(level=0).agg({"min": "min", "max": "max"})
    money = paid.join(customer).groupby("customer").sum()
    traffic = users.groupby("customer")[["sessions", "page_views"]].sum()
    result = pd.DataFrame(ids).join(newest.set_index("customer")["email"])
    result = result.join(contact[["first_name", "last_name"]])
    result = result.join(first_contact[["acquisition_source"]]).join(times).join(money).join(traffic)
    totals = result[["cents", "orders", "sessions", "page_views"]].fillna(0)
    days = result["max"].dt.normalize()
    as_of = pd.Timestamp(AS_OF, tz="UTC")
    return pd.DataFrame(
        {
            "customer_id": result["customer_id"],
            "email": result["email"],
            "first_name": result["first_name"],
            "last_name": result["last_name"],
            "created_at": result["min"],
            "total_revenue": totals["cents"] / 100,
            "total_orders": totals["orders"].astype("int64"),
            "avg_order_value": (totals["cents"] / 100 / totals["orders"]).round(2),
            "total_sessions": totals["sessions"].astype("int64"),
            "total_page_views": totals["page_views"].astype("int64"),
            "acquisition_source": result["acquisition_source"],
            "last_interaction_date": days.dt.date,
            "customer_lifetime_days": (as_of - result["min"].dt.normalize()).dt.days,
            "is_active": days >= as_of - pd.Timedelta(days=ACTIVE_DAYS),
        }
    )
