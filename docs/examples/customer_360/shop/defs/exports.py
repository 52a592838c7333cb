"""The shop's exports as assets. Yours may come from an API, a bucket or a warehouse instead."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
from pyarrow import csv

EXPORTS = Path(__file__).parents[2] / "exports"


@dg.asset(group_name="exports")
def raw_contacts() -> pd.DataFrame:
    """The CRM's contacts, as pandas."""
    return pd.read_csv(EXPORTS / "contacts.csv", dtype=str)


@dg.asset(group_name="exports")
def payments() -> pa.Table:
    """Payments, as Arrow."""
    return csv.read_csv(EXPORTS / "payments.csv")


@dg.asset(group_name="exports")
def visits() -> pd.DataFrame:
    """Events of the web shop, as pandas."""
    return pd.read_csv(EXPORTS / "visits.csv")
