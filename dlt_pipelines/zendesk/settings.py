"""Zendesk's numbers: page sizes, limits and how far back to look, each with its reason.

Belongs here: constants. Does not belong here: credentials and addresses, which are arguments of the source.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

# "Incremental Exports": 1000 rows a page, 10 requests a minute for the account.
EXPORT_PAGE: Final = 1000
SMALLEST_EXPORT_PAGE: Final = 100
EXPORTS_PER_MINUTE: Final = 10
# "Rate limits": 200 requests a minute on the smallest plan.
CALLS_PER_MINUTE: Final = 200
# "Pagination": page[size] is at most 100; survey responses refuse more than 50.
LIST_PAGE: Final = 100
SURVEY_PAGE: Final = 50

# Pages of one export in one package: 30,000 rows, three minutes at Zendesk's limit. A package is what a kill
# costs at most, and what the memory of a merge depends on.
PAGES_PER_PACKAGE: Final = 30

# Zendesk was founded in 2007: nothing is older.
FIRST_MOMENT: Final = datetime(2007, 1, 1, tzinfo=UTC)
# Exports leave out the last minute.
EXPORT_DELAY: Final = timedelta(minutes=1)
# When Zendesk no longer knows a stored cursor, reading starts this long before its last row.
LOST_CURSOR_LOOKBACK_SECONDS: Final = 3600
# A rating is listed by when it was offered and changes later (offered → good); these lists are read again.
RATINGS_LOOKBACK_DAYS: Final = 60
# Metric events are dated by the second, many in one; some are written down a little later.
METRIC_EVENTS_LOOKBACK_SECONDS: Final = 3600
