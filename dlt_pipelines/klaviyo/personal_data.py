"""What the columns of Klaviyo's raw tables say about a person.

Belongs here: one class for every column of `tables`. Does not belong here: what the classes mean.
"""

from __future__ import annotations

from typing import Final

from dlt_pipelines.personal_data import Classification, Personal

COLUMNS: Final = Classification(
    "klaviyo",
    {
        Personal.NONE: (
            *("metrics.id", "lists.id", "metrics.name", "lists.name", "integration", "opt_in_process"),
            *(
                "metric_id",
                "metric_name",
                "campaign_id",
                "flow_id",
                "list_id",
                "uuid",
                "is_deleted",
                "read_at",
            ),
            *(f"{table}.{time}" for table in ("metrics", "lists") for time in ("created", "updated")),
        ),
        Personal.IDENTIFIER: ("profiles.id", "events.id", "profile_id", "external_id"),
        Personal.CONTACT: ("email", "phone_number"),
        Personal.NAME: ("first_name", "last_name", "title", "organization"),
        Personal.PLACE: ("location", "locale"),
        Personal.CONSENT: (
            *("email_marketing_consent", "email_marketing_consent_at", "can_receive_email_marketing"),
            *("email_suppressions", "reason", "suppressed_at", "lifted_at"),
        ),
        Personal.BEHAVIOUR: (
            *("profiles.created", "profiles.updated", "last_event_date", "datetime", "joined_group_at"),
            *("historic_clv", "predicted_clv", "total_clv", "historic_number_of_orders"),
            *("predicted_number_of_orders", "average_days_between_orders", "average_order_value"),
            *("churn_probability", "expected_date_of_next_order", "ranked_channel_affinity"),
        ),
        # whatever an account's systems send along
        Personal.CONTENT: ("properties", "event_properties"),
    },
)
