"""The whole check over the project, made once for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from c360_platform.googlesql.analyser import Analyser
from c360_platform.googlesql.check import ANY_PROJECT
from c360_platform.googlesql.compiled import CompiledProject, compile_project
from c360_platform.googlesql.listening import Heard
from c360_platform.googlesql.memory import Memory
from c360_platform.googlesql.project import Findings, check_project
from c360_platform.googlesql.sent import check_sent
from tests.warehouse.dbt_home import DBT_PROJECT


@dataclass(frozen=True, slots=True)
class Checked:
    """The project, what the check found in its models and in what Python sends, and what Python sent."""

    project: CompiledProject
    analyser: Analyser
    models: Findings
    sent: Findings
    heard: Sequence[Heard]


@pytest.fixture(scope="package")
def checked() -> Checked:
    """Fast when nothing changed since the last check: compiled SQL and answers are in the user's cache."""
    memory = Memory()
    project, analyser = compile_project(DBT_PROJECT, project=ANY_PROJECT), Analyser(memory)
    models = check_project(project, analyser)
    sent, heard = check_sent(project, analyser, google_project=ANY_PROJECT)
    memory.save()
    return Checked(project, analyser, models, sent, heard)
