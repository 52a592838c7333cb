"""The warehouse as the rest of the platform sees it: one small protocol, two forms.

Belongs here: running SQL, reading Arrow, appending Arrow, asking when a table last changed. Does not belong
here: what the SQL means (dbt owns the models, `activation` its plan and ledger), and Dagster.
"""
