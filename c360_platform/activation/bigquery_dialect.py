"""The engine's SQL in BigQuery's words, where they differ from DuckDB's.

Belongs here: overrides of `Dialect`, and nothing that both engines say alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from c360_platform.activation.dialects import DROPPED, ELEMENTS, Dialect, Kind


class BigQueryDialect(Dialect):
    """BigQuery's words where they differ from DuckDB's."""

    string, integer, double, boolean, timestamp = "string", "int64", "float64", "bool", "timestamp"
    naive = "datetime"
    looks_first = False  # what is read is billed, however often it could be left out
    # A batch is a range of positions. Blocks of a cluster are as large as BigQuery likes, partitions are not:
    # reading one batch costs a few of 25,000 rows (there may be 10,000; what lies beyond has one of its own).
    plan_layout = (
        "partition by range_bucket(position, generate_array(0, 100000000, 25000)) cluster by operation"
    )

    def layout(self, month_of: str, cluster_by: Sequence[str]) -> str:
        partition = f"partition by timestamp_trunc({month_of}, month) " if month_of else ""
        return f"{partition}cluster by {', '.join(cluster_by)}"

    def kind(self, type_name: str) -> Kind | None:
        # BigQuery's TIMESTAMP has a zone (UTC), its DATETIME has none.
        return "timestamp" if type_name == "TIMESTAMP" else super().kind(type_name)

    def name(self, column: str) -> str:
        return f"`{column}`"

    def literal(self, text: str) -> str:
        # BigQuery's escapes in double quotes are JSON's and more, but for surrogate pairs.
        return json.dumps(text, ensure_ascii=False)

    def trim(self, text: str) -> str:
        return f"trim({text})"

    def digest(self, text: str) -> str:
        return f"cast(concat('0x', right(to_hex(reverse(md5({text}))), 15)) as int64)"

    def fingerprint(self, text: str) -> str:
        return f"farm_fingerprint({text})"

    def glued(self, parts: Sequence[str]) -> str:
        return self.joined(parts, "")  # concat is null when a part is

    def bytes(self, text: str) -> str:
        return f"byte_length({text})"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_contains({text}, {self.literal(pattern)})"

    def joined(self, parts: Sequence[str], separator: str = ",") -> str:
        if not parts:
            return "''"
        return f"array_to_string([{', '.join(parts)}], {self.literal(separator)})"

    def json_string(self, text: str) -> str:
        kept = f"regexp_replace({text}, r'{DROPPED}', '')"
        return f"if({text} is null, null, to_json_string({kept}))"

    def is_portable(self, json: str) -> str:
        del json
        return "true"

    def portable(self, json: str, is_portable: str) -> str:
        del is_portable
        return json

    def iso_time(self, expression: str, kind: Kind) -> str:
        function = "format_timestamp" if kind == "timestamp" else "format_datetime"
        # %Y has no leading zeros in years before 1000
        return f"lpad({function}('%Y-%m-%dT%H:%M:%S+00:00', {expression}), 25, '0')"

    def quoted_time(self, expression: str, kind: Kind) -> str:
        return f"""'"' || {self.plain(expression, kind)} || '"'"""

    def decimal(self, expression: str) -> str:
        return self.text(expression)

    def float(self, expression: str) -> str:
        return f"format('%.15g', {expression} + 0)"

    def json_list(self, expression: str, element: str) -> str:
        elements = f"select {element} from unnest({expression}) as element with offset as o order by o"
        text = f"'[' || array_to_string(array({elements}), ',') || ']'"
        return f"case when array_length({expression}) > 0 then {text} end"

    def is_missing(self, expression: str, kind: Kind) -> str:
        if kind in ELEMENTS:
            return f"coalesce(array_length({expression}), 0) = 0"
        return super().is_missing(expression, kind)

    def as_timestamp(self, expression: str, kind: Kind) -> str:
        return expression if kind == "timestamp" else f"timestamp({expression}, 'UTC')"

    def unix_seconds(self, moment: str) -> str:
        return f"unix_seconds({moment})"

    def is_finite(self, expression: str) -> str:
        return f"not (is_nan({expression}) or is_inf({expression}))"

    def problem(self, expression: str, kind: Kind) -> str | None:
        # BigQuery's dates and times end with 9999 and know no infinity, its JSON is JSON.
        sound = ("date", "timestamp", "naive", "list of date", "json")
        return None if kind in sound else super().problem(expression, kind)

    def json_text(self, expression: str) -> str:
        return f"to_json_string({expression})"

    def is_json_null(self, expression: str) -> str:
        return f"json_type({expression}) = 'null'"

    def text_list(self, expression: str) -> str:
        return self.json_list(expression, f"coalesce({self.json('element', 'text')}, 'null')")

    def has_element(self, expression: str, condition: str) -> str:
        return f"exists(select 1 from unnest({expression}) as element where {condition})"
