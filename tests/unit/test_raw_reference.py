"""The page about raw sources says what the dbt source files say."""

from __future__ import annotations

from c360_platform.raw_files.reference import render
from c360_platform.settings import PROJECT_ROOT


def test_the_page_of_raw_sources_is_current() -> None:
    page = (PROJECT_ROOT / "docs" / "raw-sources.md").read_text()
    assert page == render(PROJECT_ROOT / "dbt_project"), "renew it as its module's docstring says"
