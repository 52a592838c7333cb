"""dbt in a process of its own, compiling for a BigQuery that nobody can reach.

Belongs here: what runs inside that process: one parse and one compilation per form. Does not belong here:
when to run it and what to make of it (compiled.py).

    python -m c360_platform.googlesql.offline_dbt PROJECT_DIR TARGET_DIR VARIABLES

TARGET_DIR holds profiles.yml and gets manifest.json and compiled.json; VARIABLES is a JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# dbt's names of node kinds that have SQL in this mode; unit tests are made at run time.
FORMS = {
    "full": ["--exclude", "resource_type:unit_test"],
    "incremental": ["--select", "config.materialized:incremental", "--exclude", "resource_type:test"],
}

# What stands in a MERGE for the query and for each of its columns.
MERGE_SOURCE, MERGE_COLUMN = "(c360_source)", "c360_column"


def compile_forms(project: Path, target: Path, variables: dict[str, Any]) -> None:
    """Parse the project and compile every form of it; results of failed nodes are dbt's messages."""
    from dbt.cli.main import dbtRunner

    parsed = dbtRunner().invoke(_command("parse", project, target, variables | {"offline_compile": "full"}))
    if not parsed.success or parsed.result is None:
        _write(target, {"refused": _reason(parsed.exception)})
        return
    manifest: Any = parsed.result
    manifest.write(str(target / "manifest.json"))
    forms: dict[str, dict[str, str]] = {}
    errors: dict[str, str] = {}
    for form, selection in FORMS.items():
        if form == "incremental" and not _has_incremental(manifest):
            continue
        # What may not be asked: the cache of relations, and anything that opens a connection.
        command = _command("compile", project, target, variables | {"offline_compile": form})
        done = dbtRunner(manifest=manifest).invoke(
            [*command, "--no-populate-cache", "--no-introspect", *selection]
        )
        if done.result is None:
            _write(target, {"refused": _reason(done.exception)})
            return
        results = list(getattr(done.result, "results", []))
        forms[form] = {
            result.node.unique_id: result.node.compiled_code
            for result in results
            if result.status == "success" and getattr(result.node, "compiled_code", None)
        }
        errors |= {
            f"{form} {result.node.unique_id}": _reason(result.message)
            for result in results
            if result.status != "success"
        }
        if form == "incremental":
            forms["merge"] = {
                result.node.unique_id: _merge(result.node, manifest)
                for result in results
                if result.status == "success" and result.node.resource_type == "model"
            }
    _write(target, {"forms": forms, "errors": errors})


def _merge(node: Any, manifest: Any) -> str:
    """The statement of a later run as the project's macros build it, for a source and a column without name.

    dbt renders it only while it talks to the warehouse, so the macro is called here in the model's context.
    """
    from dbt.adapters.factory import FACTORY
    from dbt.context.providers import generate_runtime_model_context

    if (node.config.get("incremental_strategy") or "merge") != "merge":
        return ""
    adapter: Any = FACTORY.adapters["bigquery"]
    context = generate_runtime_model_context(node, adapter.config, manifest)
    predicates = node.config.get("incremental_predicates") or node.config.get("predicates")
    columns = [adapter.Column(MERGE_COLUMN, "STRING")]
    render = context["get_merge_sql"]
    return str(render(context["this"], MERGE_SOURCE, node.config.unique_key, columns, predicates))


def _command(name: str, project: Path, target: Path, variables: dict[str, Any]) -> list[str]:
    return [
        "--no-use-colors", "--quiet", "--log-level", "none", "--log-level-file", "none", "--no-version-check",
        "--no-write-json", "--no-send-anonymous-usage-stats", name,
        "--project-dir", str(project), "--profiles-dir", str(target), "--target-path", str(target),
        "--log-path", str(target), "--vars", json.dumps(variables),
    ]  # fmt: skip


def _has_incremental(manifest: Any) -> bool:
    return any(
        node.resource_type == "model" and node.config.materialized == "incremental"
        for node in manifest.nodes.values()
    )


def _reason(said: object) -> str:
    return " ".join(str(said or "dbt gave no reason").split())


def _write(target: Path, answer: dict[str, Any]) -> None:
    (target / "compiled.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    compile_forms(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
