"""Where BigQuery's functions differ from those that Google's analyser has built in.

Belongs here: functions to take away and functions to add, by name. Does not belong here: how a function is
used (rules.py).

Functions: https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

# Beginnings of the names of signatures that BigQuery's reference does not have.
_ABSENT = """
APPLY APPROX_COSINE_DISTANCE APPROX_DOT_PRODUCT APPROX_EUCLIDEAN_DISTANCE ARRAY_AVG ARRAY_FILTER ARRAY_FIRST_N
ARRAY_INCLUDES ARRAY_IS_DISTINCT ARRAY_LAST_N ARRAY_MAX ARRAY_MIN ARRAY_REMOVE_FIRST_N ARRAY_REMOVE_LAST_N
ARRAY_SUM ARRAY_TRANSFORM DOT_PRODUCT ELEMENTWISE_AVG ELEMENTWISE_SUM FLATTEN IFERROR ISERROR IS_FIRST IS_LAST
L1_NORM L2_NORM MANHATTAN_DISTANCE NULLIFERROR REGEXP_EXTRACT_GROUPS SAFE_TO_JSON SPLIT_SUBSTR
TIMESTAMP_FROM_UNIX TO_SECONDS_INTERVAL ZSTD
"""


@lru_cache(maxsize=1)
def absent_signatures() -> tuple[int, ...]:
    """Ids of the built-in signatures that BigQuery does not have."""
    from zetasql.wasi._pb2.zetasql.public.builtin_function_pb2 import FunctionSignatureId

    beginnings = tuple(f"FN_{name}" for name in _ABSENT.split())
    return tuple(number for name, number in FunctionSignatureId.items() if name.startswith(beginnings))


def add_functions(catalog: SimpleCatalogProto) -> None:
    """Add what BigQuery has and the analyser has not. They can be analysed, not evaluated."""
    from zetasql.wasi._pb2.zetasql.public.function_pb2 import FunctionEnums
    from zetasql.wasi._pb2.zetasql.public.function_pb2 import SignatureArgumentKind as Kind

    from c360_platform.googlesql.types import parse_type

    for name in ("max_by", "min_by"):
        function = catalog.custom_function.add(name_path=[name], group="ZetaSQL")
        function.mode = FunctionEnums.AGGREGATE
        signature = function.signature.add()
        signature.argument.add(kind=Kind.ARG_TYPE_ANY_1, num_occurrences=1)
        ordered = signature.argument.add(kind=Kind.ARG_TYPE_ANY_2, num_occurrences=1)
        ordered.options.must_support_ordering = True
        signature.return_type.kind = Kind.ARG_TYPE_ANY_1
    function = catalog.custom_function.add(name_path=["contains_substr"], group="ZetaSQL")
    function.mode = FunctionEnums.SCALAR
    signature = function.signature.add()
    signature.argument.add(kind=Kind.ARG_TYPE_ARBITRARY, num_occurrences=1)
    signature.argument.add(kind=Kind.ARG_TYPE_FIXED, type=parse_type("STRING"), num_occurrences=1)
    signature.return_type.kind = Kind.ARG_TYPE_FIXED
    signature.return_type.type.CopyFrom(parse_type("BOOL"))
