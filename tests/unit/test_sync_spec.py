"""Sync blocks of a dbt project: what becomes a spec, and what a mistake says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_platform.activation.errors import SyncConfigError
from c360_platform.activation.spec import SyncSpec, load_specs

FILE = "models/marts/_marts__models.yml"
COLUMNS = ("email", "first_name", "phone", "lifetime_revenue", "total_orders", "event_id", "name", "at")

PROFILES = """\
models:
  - name: klaviyo_profiles
    config:
      tags: [klaviyo_sync]
      meta:
        klaviyo:
          object: profiles
          key: email
          fields:
            first_name: first_name
          properties:
            lifetime_revenue: LTV
            total_orders: Total Orders
          create: always
"""
SEGMENT = """\
  - name: seg_vip
    config:
      tags: [klaviyo_sync]
      meta:
        klaviyo:
          object: list
          list: VIP
          key: email
          removal_fuse: {max_share: 0.2, max_rows: 500}
"""
EVENTS = """\
  - name: events_shipments
    config:
      tags: [klaviyo_sync]
      meta:
        klaviyo:
          object: events
          key: email
          event_id: event_id
          metric: name
          occurred_at: at
"""


def load(project: Path, text: str) -> list[SyncSpec]:
    """The specs of a project whose only properties file is `text`, as dbt would put it into its manifest."""
    (project / FILE).parent.mkdir(parents=True, exist_ok=True)
    (project / FILE).write_text(text, encoding="utf-8")
    nodes: dict[str, Any] = {}
    for model in yaml.safe_load(text)["models"]:
        nodes[f"model.c360.{model['name']}"] = {
            "resource_type": "model",
            "name": model["name"],
            "alias": model["name"],
            "unique_id": f"model.c360.{model['name']}",
            "schema": "marts",
            "config": model.get("config", {}),
            "patch_path": f"c360://{FILE}",
            "original_file_path": f"models/marts/{model['name']}.sql",
            "columns": {column: {"name": column} for column in model.get("columns", COLUMNS)},
        }
    return load_specs({"nodes": nodes}, project_dir=project)


def problems(project: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SyncConfigError) as caught:
        load(project, text)
    return caught.value.problems


def test_every_tagged_model_becomes_a_sync(tmp_path: Path) -> None:
    events, profiles, segment = load(tmp_path, PROFILES + SEGMENT + EVENTS)

    assert (profiles.name, profiles.schema, profiles.table) == (
        "klaviyo_profiles",
        "marts",
        "klaviyo_profiles",
    )
    assert profiles.properties == {"lifetime_revenue": "LTV", "total_orders": "Total Orders"}
    assert (segment.name, segment.list_name, segment.row_key) == ("seg_vip", "VIP", "email")
    assert segment.removal_fuse.max_rows == 500
    assert (events.name, events.row_key, events.backfill_after_hours) == ("events_shipments", "event_id", 48)
    assert set(events.columns) == {"email", "event_id", "name", "at"}


def test_untagged_models_are_not_synced(tmp_path: Path) -> None:
    assert load(tmp_path, PROFILES.replace("[klaviyo_sync]", "[]")) == []


@pytest.mark.parametrize(
    ("typo", "line", "says"),
    [
        (("properties:", "propertys:"), 11, "unknown key `propertys`: did you mean `properties`?"),
        (("lifetime_revenue: LTV", "lifetime_revnue: LTV"), 12, "did you mean `lifetime_revenue`?"),
        (("total_orders: Total Orders", "total_orders: LTV"), 13, "also the name of `lifetime_revenue`"),
        (("total_orders: Total Orders", "lifetime_revenue: X"), 13, "`lifetime_revenue` stands twice"),
        (("total_orders: Total Orders", "total_orders: $orders"), 13, "reserved by Klaviyo"),
        (("total_orders: Total Orders", "phone: phone_number"), 13, "map it under fields"),
        (("first_name: first_name", "first_name: firstname"), 10, "did you mean `first_name`?"),
        (("first_name: first_name", "email: email"), 10, "that is the key"),
        (("object: profiles", "object: profile"), 7, "did you mean `profiles`?"),
        (("key: email", "kye: email"), 8, "unknown key `kye`: did you mean `key`?"),
        (("key: email", "key: [email]"), 8, "valid string"),
        (("key: email", "key: email\n          list: VIP"), 9, "only object list has it"),
    ],
)
def test_a_mistake_names_file_line_and_model(
    tmp_path: Path, typo: tuple[str, str], line: int, says: str
) -> None:
    found = [text for text in problems(tmp_path, PROFILES.replace(*typo)) if says in text]

    assert found, problems(tmp_path, PROFILES.replace(*typo))
    assert found[0].startswith(f"{FILE}:{line}: model klaviyo_profiles: ")


def test_who_may_become_a_profile_is_said_by_a_column_or_not_at_all(tmp_path: Path) -> None:
    def with_policy(lines: str) -> str:
        return PROFILES.replace("create: always", lines)

    [unnamed] = problems(tmp_path, PROFILES.replace("          create: always\n", ""))
    assert "name the boolean column with `consent`" in unnamed
    [unknown] = problems(tmp_path, with_policy("consent: accepts"))
    assert "unknown column `accepts`" in unknown
    [mapped] = problems(tmp_path, with_policy("create: never\n          unset: [LTV]"))
    assert "`LTV` is mapped under properties" in mapped
    [field] = problems(tmp_path, with_policy("create: never\n          unset: [first_name]"))
    assert "only properties can be unset" in field
    [spec] = load(tmp_path, with_policy("create: never\n          unset: [Old Stage]"))
    assert (spec.create, spec.unset, spec.consent) == ("never", ("Old Stage",), None)


def test_a_model_of_aliases_must_be_there_and_have_both_addresses(tmp_path: Path) -> None:
    aliases = "  - name: klaviyo_aliases\n    columns: [address, goes_on_as]\n"
    named = PROFILES + "          aliases: klaviyo_aliases\n"

    [spec] = load(tmp_path, named + aliases)

    assert spec.aliases is not None
    assert (spec.aliases.schema, spec.aliases.table) == ("marts", "klaviyo_aliases")
    [typo] = problems(tmp_path, named.replace("aliases: klaviyo_aliases", "aliases: klaviyo_alias") + aliases)
    assert typo.startswith(f"{FILE}:15: model klaviyo_profiles: there is no model `klaviyo_alias`")
    assert "did you mean `klaviyo_aliases`?" in typo
    [short] = problems(tmp_path, named + aliases.replace(", goes_on_as", ""))
    assert "model klaviyo_aliases declares no column `goes_on_as`" in short
    [event] = problems(
        tmp_path, EVENTS.replace("  - name", "models:\n  - name", 1) + "          aliases: x\n"
    )
    assert "only object profiles or list has it" in event


def test_a_missing_block_or_key_is_named(tmp_path: Path) -> None:
    without_key = PROFILES.replace("          key: email\n", "")
    assert any("`key` is missing" in text for text in problems(tmp_path, without_key))

    without_block = PROFILES[: PROFILES.index("      meta:")]
    assert any("no meta.klaviyo block" in text for text in problems(tmp_path, without_block))


def test_two_syncs_must_not_write_the_same_property_or_list(tmp_path: Path) -> None:
    also_writes = SEGMENT + "          properties: {total_orders: LTV}\n"
    found = problems(tmp_path, PROFILES + also_writes + SEGMENT.replace("seg_vip", "seg_vip_again"))

    assert any("property `LTV` is already written by model klaviyo_profiles" in text for text in found)
    assert any("list `VIP` is already written by model seg_vip" in text for text in found)


def test_a_block_in_sql_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/seg.sql").write_text(
        "{{ config(\n    tags=['klaviyo_sync'],\n"
        "    meta={'klaviyo': {'object': 'list', 'list': 'A',\n        'kee': 'email'}}\n) }}\nselect 1\n"
    )
    node = {
        "resource_type": "model",
        "name": "seg",
        "unique_id": "model.c360.seg",
        "schema": "marts",
        "config": {
            "tags": ["klaviyo_sync"],
            "meta": {"klaviyo": {"object": "list", "list": "A", "kee": "e"}},
        },
        "patch_path": None,
        "original_file_path": "models/seg.sql",
        "columns": {},
    }
    with pytest.raises(SyncConfigError) as caught:
        load_specs({"nodes": {"model.c360.seg": node}}, project_dir=tmp_path)

    assert "models/seg.sql:4: model seg: unknown key `kee`: did you mean `key`?" in caught.value.problems
