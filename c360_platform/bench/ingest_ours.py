"""The platform's own ingest of one subject, as a user loads it.

Belongs here: the call. Pacing is off, because nobody's limit is measured here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from c360_platform.bench.ingest_pages import KLAVIYO_KEY, ZENDESK_EMAIL, ZENDESK_TOKEN
from dlt_pipelines import klaviyo, zendesk

_NO_LIMIT: Final = 1_000_000
_NO_LIMIT_SHARE: Final = 1_000.0


def load(subject: str, base_url: str, warehouse: Path) -> int:
    """Load a subject into a new warehouse; the number of its rows."""
    if subject == "tickets":
        report = zendesk.load(
            warehouse,
            base_url=base_url,
            email=ZENDESK_EMAIL,
            api_token=ZENDESK_TOKEN,
            pipelines_dir=warehouse.parent,
            resources=("tickets", "ticket_metrics"),
            exports_per_minute=_NO_LIMIT,
        )
    else:
        report = klaviyo.load(
            warehouse,
            base_url=base_url,
            api_key=KLAVIYO_KEY,
            pipelines_dir=warehouse.parent,
            resources=(subject,),
            rate_share=_NO_LIMIT_SHARE,
        )
    return report.rows[subject]
