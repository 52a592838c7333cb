"""Sources that are loaded over HTTP, as plain dlt: `zendesk` and `klaviyo`.

Belongs here: reading an API and merging what it says into raw tables, one package per source. Does not
belong here: Dagster, dbt, and anything of `c360_platform`; `python -m dlt_pipelines.zendesk` runs alone.
"""
