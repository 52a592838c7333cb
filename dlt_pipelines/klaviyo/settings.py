"""Klaviyo's numbers: page sizes and how far back to look, each with its reason.

Belongs here: constants. Does not belong here: credentials and addresses, which are arguments of the source.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

BASE_URL: Final = "https://a.klaviyo.com"
REVISION: Final = "2026-10-15"

# Limits of the API reference by endpoint, as calls and seconds. The reference says 750 a minute where the
# page on rate limits says 700.
COMMON_LIMIT: Final = ((75, 1.0), (700, 60.0))
EVENTS_LIMIT: Final = ((350, 1.0), (3500, 60.0))
METRICS_LIMIT: Final = ((10, 1.0), (150, 60.0))
PREDICTIONS_LIMIT: Final = ((10, 1.0), (150, 60.0))

# Maxima of the API reference.
PROFILE_PAGE: Final = 100
EVENT_PAGE: Final = 1000
LIST_PAGE: Final = 10
MEMBER_PAGE: Final = 100

# Pages in one package: what a kill costs at most, 30,000 profiles or 100,000 events.
PROFILE_PAGES_PER_PACKAGE: Final = 300
EVENT_PAGES_PER_PACKAGE: Final = 100
# A window of events that is read again is cut into packages of so many days.
WINDOW_PER_PACKAGE: Final = timedelta(days=7)

# Klaviyo was founded in 2012; events may be dated earlier, but not before 2000.
FIRST_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)

# `updated` has whole seconds and can only be compared with "greater than".
TICK: Final = timedelta(seconds=1)
PROFILES_LOOKBACK: Final = timedelta(minutes=10)
# A suppression carries the time it was asked for and shows up to four hours later.
SUPPRESSIONS_LOOKBACK: Final = timedelta(hours=6)
# Deleted and merged profiles appear in no feed: now and then all are read, and the missing ones marked.
SWEEP_EVERY: Final = timedelta(days=7)

# Events become readable up to 110 minutes late, so nothing newer than this counts as read.
EVENTS_LAG: Final = timedelta(hours=2)
EVENTS_LOOKBACK: Final = timedelta(hours=3)
# Events may be sent with a date in the past: now and then a wide window is read again.
WIDE_LOOKBACK: Final = timedelta(days=7)
WIDE_EVERY: Final = timedelta(days=7)

# Klaviyo computes its predictions once a day; reading them costs as much as reading all profiles.
PREDICTIONS_EVERY: Final = timedelta(days=1)
