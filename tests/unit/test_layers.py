"""The layers point one way."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("c360_platform", "dlt_pipelines")

# Layer (longest prefix wins) to what it may import of ours besides itself. What is not named here is the
# command line and what it is made of; that may import everything but the definitions.
LAYERS: dict[str, set[str]] = {
    "c360_platform.settings": set(),
    "c360_platform.warehouse": set(),
    "dlt_pipelines": set(),
    "c360_platform.raw_files": {"c360_platform.settings", "c360_platform.warehouse"},
    "c360_platform.activation": {"c360_platform.warehouse"},
    "c360_platform.attribution": {"c360_platform.warehouse"},
    "c360_platform.identity_review": {"c360_platform.warehouse"},
    "c360_platform.sandbox": {"c360_platform.warehouse"},
    "c360_platform.components": {"c360_platform.warehouse", "c360_platform.sandbox"},
    "c360_platform.dbt_manifest": {"c360_platform.settings"},
    "c360_platform.event_log": set(),
    "c360_platform.interrupted_runs": set(),
    "c360_platform.instance": {"c360_platform.settings", "c360_platform.interrupted_runs"},
    "c360_platform.resources": {
        "c360_platform.settings", "c360_platform.warehouse", "c360_platform.activation",
        "c360_platform.dbt_manifest",
    },
    "c360_platform.failures": {
        "c360_platform.settings", "c360_platform.warehouse", "c360_platform.activation", "dlt_pipelines",
    },
    "c360_platform.assets": {
        "c360_platform.settings", "c360_platform.warehouse", "c360_platform.activation", "dlt_pipelines",
        "c360_platform.attribution", "c360_platform.identity_review", "c360_platform.resources",
        "c360_platform.failures", "c360_platform.dbt_manifest",
    },
    # It judges what the others send, so it stands above them.
    "c360_platform.googlesql": {
        "c360_platform.settings", "c360_platform.warehouse", "c360_platform.activation",
        "c360_platform.attribution", "c360_platform.identity_review", "c360_platform.components",
        "c360_platform.dbt_manifest", "c360_platform.assets", "c360_platform.checks",
    },
}  # fmt: skip
# The one place that runs the code location in its own process.
RUNNERS = {"c360_platform.loop"}
# What people start: only these stand a sandbox up.
COMMANDS = tuple(
    f"c360_platform.{name}" for name in ("cli", "terminal", "home_world", "development", "bench")
)
# Sample data of the component is the synthetic shop's.
SAMPLES = ("c360_platform.components.sample_data",)


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), file


MODULES = list(modules())


def imports(file: Path) -> set[str]:
    """Our modules that a file imports, also inside functions and for type checkers."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def layer(module: str, known: Iterable[str]) -> str | None:
    fitting = [name for name in known if module == name or module.startswith(f"{name}.")]
    return max(fitting, key=len, default=None)


@pytest.mark.parametrize(("module", "file"), MODULES, ids=[name for name, _ in MODULES])
def test_a_module_imports_only_what_its_layer_may(module: str, file: Path) -> None:
    own = layer(module, LAYERS)
    if own is None:
        return
    allowed = LAYERS[own] | {own}
    foreign = {name for name in imports(file) - set(PACKAGES) if layer(name, allowed) is None}
    assert not foreign, f"{own} may not import {', '.join(sorted(foreign))}"


def test_nothing_imports_the_definitions_but_the_module_that_runs_them() -> None:
    importers = {name for name, file in MODULES if "c360_platform.definitions" in imports(file)}
    assert importers <= RUNNERS


def test_the_sandbox_is_imported_by_the_command_line_alone() -> None:
    importers = {
        name
        for name, file in MODULES
        if any(module.startswith("c360_platform.sandbox") for module in imports(file))
    }
    assert [
        name
        for name in sorted(importers)
        if not name.startswith(("c360_platform.sandbox", *COMMANDS, *SAMPLES))
    ] == []
