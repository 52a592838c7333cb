"""Fixtures for tests of values on both engines."""

from __future__ import annotations

import pytest

from tests.warehouse.googlesql.both_engines import Rendered, render
from tests.warehouse.googlesql.macro_cases import CASES
from tests.warehouse.googlesql.raw_casts import CASTS


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """The queries of all cases, rendered at once because dbt takes ten seconds to start."""
    queries = {name: case.query for name, case in (CASES | CASTS).items()}
    return render(queries, tmp_path_factory.mktemp("macros"))
