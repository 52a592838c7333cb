"""A sandbox for each test module, and the SDK in both of its modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from klaviyo_api import KlaviyoAPI

from c360_platform.sandbox.server import Sandbox, running_sandbox
from tests.platform.sandbox.client import Http


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    path: Path = tmp_path_factory.mktemp("sandbox") / "sandbox.sqlite"
    with running_sandbox(path, limits=False) as running:
        yield running


@pytest.fixture
def http(sandbox: Sandbox) -> Http:
    return Http(sandbox.url)


@pytest.fixture(scope="module", params=["models", "dictionaries"])
def mode(request: pytest.FixtureRequest) -> str:
    """How the SDK hands over answers."""
    return str(request.param)


@pytest.fixture(scope="module")
def klaviyo(sandbox: Sandbox, mode: str) -> KlaviyoAPI:
    options = {"USE_DICTIONARY_FOR_RESPONSE_DATA": mode == "dictionaries"}
    return KlaviyoAPI("pk_demo_test", test_host=sandbox.url, max_retries=1, options=options)
