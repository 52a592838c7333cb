"""Google's client from the application's default credentials.

Belongs here: finding credentials within seconds. Does not belong here: keys; this platform has no setting
for them. A login of `gcloud`, a service account's file in GOOGLE_APPLICATION_CREDENTIALS and the workload
identity of a cluster are all default credentials, and so is an account that another one stands in for
(`gcloud auth application-default login --impersonate-service-account=…`).
"""

from __future__ import annotations

import os
from typing import Any

# Where there is neither a login nor a file, google-auth asks the metadata server of Google's machines, which
# answers at once where it exists. Elsewhere the question can hang: at most twice three seconds, not ten.
_METADATA_DEFAULTS = {"GCE_METADATA_TIMEOUT": "3", "GCE_METADATA_DETECT_RETRIES": "2"}


def make_client(project: str, location: str | None) -> Any:
    """A `google.cloud.bigquery.Client`; google-auth's `DefaultCredentialsError` when there are none."""
    bound_metadata_search()
    from google.cloud import bigquery

    return bigquery.Client(project=project, location=location)


def bound_metadata_search() -> None:
    """Before google-auth is imported, which reads these once; what a user has set stays."""
    for name, value in _METADATA_DEFAULTS.items():
        os.environ.setdefault(name, value)
