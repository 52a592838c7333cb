"""Predictive analytics of profiles.

Belongs here: what a prediction holds, and setting it. Does not belong here: showing it (`profile_resource`).
Klaviyo predicts for those who have ordered; the sandbox's world works the numbers out from its orders, and
nothing that a client sends changes them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from c360_platform.sandbox.klaviyo import times
from c360_platform.sandbox.store import Store


class Prediction(msgspec.Struct, forbid_unknown_fields=True):
    """`predictive_analytics` as the API answers it: money in the account's currency, days, a probability."""

    historic_number_of_orders: float | int | None = None
    predicted_number_of_orders: float | int | None = None
    average_days_between_orders: float | int | None = None
    average_order_value: float | int | None = None
    historic_clv: float | int | None = None
    predicted_clv: float | int | None = None
    total_clv: float | int | None = None
    churn_probability: float | int | None = None
    expected_date_of_next_order: datetime | None = None
    ranked_channel_affinity: list[Literal["email", "sms", "push"]] | None = None


Predictions = dict[str, Prediction | None]


def set_predictions(store: Store, predictions: Predictions) -> int:
    """Predictions by e-mail; None takes one away. The number of e-mails that no profile has."""
    unknown = 0
    with store.transaction() as connection:
        for email, prediction in predictions.items():
            row = connection.execute("select id from kl_profile where email = ?", (email.lower(),)).fetchone()
            if row is None:
                unknown += 1
            elif prediction is None:
                connection.execute("delete from kl_prediction where profile_id = ?", (row["id"],))
            else:
                connection.execute(
                    "insert or replace into kl_prediction (profile_id, body) values (?, ?)",
                    (row["id"], _body(prediction)),
                )
    return unknown


def _body(prediction: Prediction) -> str:
    values = msgspec.structs.asdict(prediction)
    moment = prediction.expected_date_of_next_order
    if moment is not None:
        values["expected_date_of_next_order"] = times.iso(times.parse(moment.isoformat()))
    return msgspec.json.encode(values).decode()
