"""An example: a shop's own Dagster project that uses the components."""
