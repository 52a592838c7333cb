"""The sync engine: models of the warehouse into Klaviyo, with a ledger of what Klaviyo has confirmed.

A row's way: `spec` (what a sync is) → `plan` (what differs, found inside the warehouse) → `payloads` (rows
into API bodies) → `transport` (limits, retries, calls) → `ledger` (what is true); `engine` walks it. Belongs
here: all that a push needs without a scheduler. Does not belong here: Dagster, settings, dbt.
"""
