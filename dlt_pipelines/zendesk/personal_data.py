"""What the columns of Zendesk's raw tables say about a person.

Belongs here: one class for every column of `tables`. Does not belong here: what the classes mean.
"""

from __future__ import annotations

from typing import Final

from dlt_pipelines.personal_data import Classification, Personal

COLUMNS: Final = Classification(
    "zendesk",
    {
        Personal.NONE: (
            *("tickets.id", "organizations.id", "ticket_metrics.id", "ticket_events.id", "ticket_fields.id"),
            *("satisfaction_ratings.id", "csat_survey_responses.id", "ticket_metric_events.id", "ticket_id"),
            *("group_id", "brand_id", "organization_id", "is_public", "is_deleted", "deleted_at", "active"),
            *(
                "type",
                "status",
                "priority",
                "role",
                "event_type",
                "metric",
                "instance_id",
                "sla",
                "removable",
            ),
            *("organizations.name", "domain_names", "organizations.tags", "organization_fields"),
            *("title", "custom_field_options", "system", "verified", "suspended", "permanently_deleted"),
        ),
        Personal.IDENTIFIER: (
            *("users.id", "external_id", "requester_id", "submitter_id", "assignee_id", "updater_id"),
        ),
        Personal.CONTACT: ("email", "phone"),
        Personal.NAME: ("name",),
        Personal.PLACE: ("time_zone", "locale"),
        Personal.BEHAVIOUR: (
            *("created_at", "updated_at", "due_at", "occurred_at", "generated_timestamp", "solved_at"),
            *("occurred_timestamp", "initially_assigned_at", "assigned_at", "reopens", "replies"),
            *("assignee_stations", "group_stations", "satisfaction_rating", "score", "rating", "reason"),
            *(f"{clock}_time_in_minutes" for clock in ("reply", "first_resolution", "full_resolution")),
            *(f"{clock}_time_in_minutes" for clock in ("agent_wait", "requester_wait", "on_hold")),
        ),
        # `via` holds addresses, `user_fields` and `custom_fields` whatever an account puts there
        Personal.CONTENT: (
            *("subject", "description", "comment", "child_events", "via", "tags", "custom_fields"),
            "user_fields",
        ),
    },
)
