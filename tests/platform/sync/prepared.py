"""What every run would import and set up first: to be preloaded where processes are forked from.

Belongs here: slow beginnings that keep nothing open. Does not belong here: anything that a process must not
inherit, such as connections.
"""

from __future__ import annotations

import duckdb  # noqa: F401
import numpy  # noqa: F401
import pyarrow  # noqa: F401
from klaviyo_api import KlaviyoAPI

from c360_platform.activation import engine, transport  # noqa: F401

KlaviyoAPI("pk_demo", test_host="http://127.0.0.1:9", max_retries=1)
