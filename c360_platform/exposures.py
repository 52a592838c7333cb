"""dbt's exposures of the syncs: dbt's own documentation then shows what leaves the warehouse, and from where.

Belongs here: the file that is made of the models' `meta.klaviyo` blocks, and whether it still says what they
say. Does not belong here: what a block means (activation/spec.py), how Dagster sees a sync
(assets/activate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from c360_platform.activation.spec import SyncSpec, load_specs
from c360_platform.dbt_manifest import ManifestError, read_manifest
from c360_platform.settings import Settings

EXPOSURES_FILE = Path("models", "exposures.yml")
HEADER = "# Written by `c360 exposures` from the meta.klaviyo blocks of the models; change those.\n"
WIDTH = 118


class _Indented(yaml.SafeDumper):
    """Lists are indented, as in the project's other files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def write_exposures(settings: Settings) -> bool:
    """Write the file of the installation's project; False when it said all that before.

    Raises `ManifestError` when the project does not parse. The file may name a sync that is gone, which dbt
    takes for a mistake: it is then made anew from nothing.
    """
    file = settings.dbt_project_dir / EXPOSURES_FILE
    before = file.read_text(encoding="utf-8") if file.exists() else None
    try:
        manifest = read_manifest(settings)
    except ManifestError:
        if before is None:
            raise
        file.unlink()
        try:
            manifest = read_manifest(settings)
        except ManifestError:
            file.write_text(before, encoding="utf-8")
            raise
    text = exposures_text(manifest, settings.dbt_project_dir)
    if text == before:
        return False
    file.write_text(text, encoding="utf-8")
    return True


def are_current(settings: Settings) -> bool:
    """Whether the file says what the blocks say. Writes nothing."""
    file = settings.dbt_project_dir / EXPOSURES_FILE
    said = file.read_text(encoding="utf-8") if file.exists() else None
    return said == exposures_text(read_manifest(settings), settings.dbt_project_dir)


def exposures_text(manifest: Mapping[str, Any], project_dir: Path) -> str:
    """The file as it has to be for the syncs of a manifest, which `load_specs` checks."""
    exposures = [
        _exposure(spec, manifest["nodes"][spec.unique_id], manifest["groups"])
        for spec in load_specs(manifest, project_dir=project_dir)
    ]
    content = {"version": 2, "exposures": exposures}
    return HEADER + yaml.dump(content, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=WIDTH)


def _exposure(spec: SyncSpec, node: Mapping[str, Any], groups: Mapping[str, Any]) -> dict[str, Any]:
    description = " ".join(node["description"].split())
    return {
        "name": f"klaviyo__{spec.name}",
        "label": _label(spec),
        "type": "application",
        "maturity": "high",
        "description": f"{_what_is_kept(spec)} {description}",
        "owner": _owner(node, groups),
        "depends_on": [f"ref('{spec.model}')"],
        "config": {
            "meta": {
                "asset": f"klaviyo/{spec.name}",
                "key": spec.key,
                "sent": _sent(spec),
            },
        },
    }


def _label(spec: SyncSpec) -> str:
    if spec.object == "list":
        return f"Klaviyo list {spec.list_name}"
    return f"Klaviyo {spec.object} from {spec.model}"


def _what_is_kept(spec: SyncSpec) -> str:
    if spec.object == "list":
        return f"Keeps the members of the list {spec.list_name} in Klaviyo."
    if spec.object == "events":
        return "Gives the model's events to Klaviyo, each once."
    return "Keeps properties of profiles in Klaviyo."


def _sent(spec: SyncSpec) -> list[str]:
    """Columns whose values reach Klaviyo, in the order of the block."""
    columns: Sequence[str] = spec.columns
    kept_here = {spec.consent} if spec.consent not in {*spec.fields, *spec.properties} else set()
    return [column for column in columns if column not in kept_here]


def _owner(node: Mapping[str, Any], groups: Mapping[str, Any]) -> dict[str, str]:
    """The owner of the model's group; without one, the model's package."""
    for group in groups.values():
        if group["name"] == node["group"] and group["package_name"] == node["package_name"]:
            owner = group["owner"]
            return {key: str(owner[key]) for key in ("name", "email") if owner.get(key)}
    return {"name": str(node["package_name"])}
