"""What a push would do, found without asking Klaviyo: `dry_run` reads it, `figures` are what people see.

Belongs here: counting, comparing and masking what is planned. Does not belong here: the plan itself
(`activation.plan`), and pages and tables (`plan_report`, `assets.dry_run`).
"""
