"""BigQuery's dialect, told to Google's analyser.

Belongs here: which features of the language BigQuery has switched on, which statements and names it knows.
Does not belong here: what BigQuery refuses although the analyser lets it pass (rules.py).

The analyser has no preset for BigQuery. The features are those that BigQuery's reference describes:
https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from c360_platform.googlesql.functions import absent_signatures, add_functions
from c360_platform.googlesql.types import ALIASES, parse_type

if TYPE_CHECKING:
    from zetasql.wasi._pb2.zetasql.proto.options_pb2 import AnalyzerOptionsProto, LanguageOptionsProto
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

FEATURES = """
ADDITIONAL_STRING_FUNCTIONS ALLOW_DASHES_IN_TABLE_NAME ALLOW_MISSING_PATH_EXPRESSION_IN_ALTER_DDL
ALLOW_REGEXP_EXTRACT_OPTIONALS ALTER_COLUMN_SET_DATA_TYPE ALTER_TABLE_RENAME_COLUMN ANALYTIC_FUNCTIONS
ANNOTATION_FRAMEWORK ARRAY_AGGREGATION_FUNCTIONS BIGNUMERIC_TYPE CASE_STMT CBRT_FUNCTIONS CIVIL_TIME
COLLATION_SUPPORT COLUMN_DEFAULT_VALUE CONCAT_MIXED_TYPES CREATE_MATERIALIZED_VIEW_CLUSTER_BY
CREATE_MATERIALIZED_VIEW_PARTITION_BY CREATE_SNAPSHOT_TABLE CREATE_TABLE_AS_SELECT_COLUMN_LIST
CREATE_TABLE_CLONE CREATE_TABLE_CLUSTER_BY CREATE_TABLE_COPY CREATE_TABLE_FIELD_ANNOTATIONS
CREATE_TABLE_FUNCTION CREATE_TABLE_LIKE CREATE_TABLE_NOT_NULL CREATE_TABLE_PARTITION_BY
CREATE_VIEW_WITH_COLUMN_LIST DATE_ARITHMETICS DATE_TIME_CONSTRUCTORS DECIMAL_ALIAS DISABLE_FLOAT32
DML_UPDATE_WITH_JOIN ENCRYPTION EXTENDED_DATE_TIME_SIGNATURES FIRST_AND_LAST_N FOREIGN_KEYS FORMAT_IN_CAST
FOR_IN FOR_SYSTEM_TIME_AS_OF GEOGRAPHY GROUPING_BUILTIN GROUPING_SETS GROUP_BY_ALL GROUP_BY_ARRAY
GROUP_BY_ROLLUP GROUP_BY_STRUCT HAVING_IN_AGGREGATE INTERVAL_TYPE INVERSE_TRIG_FUNCTIONS IS_DISTINCT
JSON_ARRAY_FUNCTIONS JSON_CONSTRUCTOR_FUNCTIONS JSON_KEYS_FUNCTION JSON_LAX_VALUE_EXTRACTION_FUNCTIONS
JSON_MORE_VALUE_EXTRACTION_FUNCTIONS JSON_MUTATOR_FUNCTIONS JSON_QUERY_LAX JSON_TYPE
JSON_VALUE_EXTRACTION_FUNCTIONS LIKE_ANY_SOME_ALL LIMIT_IN_AGGREGATE NAMED_ARGUMENTS
NULLS_FIRST_LAST_IN_ORDER_BY NULL_HANDLING_MODIFIER_IN_AGGREGATE NULL_HANDLING_MODIFIER_IN_ANALYTIC
NUMERIC_TYPE OMIT_INSERT_COLUMN_LIST ORDER_BY_IN_AGGREGATE PARAMETERIZED_TYPES PIPES PIVOT QUALIFY
RANGE_TYPE REPEAT ROUND_WITH_ROUNDING_MODE SAFE_FUNCTION_CALL SCRIPT_LABEL SELECT_STAR_EXCEPT_REPLACE
TABLESAMPLE TABLE_VALUED_FUNCTIONS TEMPLATE_FUNCTIONS TIME_BUCKET_FUNCTIONS UNENFORCED_PRIMARY_KEYS
UNNEST_AND_FLATTEN_ARRAYS UNPIVOT WEEK_WITH_WEEKDAY WITH_GROUP_ROWS WITH_ON_SUBQUERY WITH_RECURSIVE
"""
STATEMENTS = """
QUERY CREATE_TABLE_AS_SELECT CREATE_TABLE CREATE_VIEW CREATE_MATERIALIZED_VIEW CREATE_SNAPSHOT_TABLE
CREATE_SCHEMA CREATE_FUNCTION ALTER_TABLE ALTER_TABLE_SET_OPTIONS ALTER_VIEW ALTER_SCHEMA RENAME DROP
DROP_MATERIALIZED_VIEW DROP_SNAPSHOT_TABLE DROP_FUNCTION INSERT UPDATE DELETE MERGE TRUNCATE BEGIN COMMIT
ROLLBACK CALL ASSERT EXPORT_DATA
"""


@lru_cache(maxsize=1)
def language_options() -> LanguageOptionsProto:
    """BigQuery's dialect; do not change it."""
    from zetasql.wasi._pb2.zetasql.proto.options_pb2 import LanguageOptionsProto
    from zetasql.wasi._pb2.zetasql.public.options_pb2 import LanguageFeature, NameResolutionMode, ProductMode
    from zetasql.wasi._pb2.zetasql.resolved_ast.resolved_node_kind_pb2 import ResolvedNodeKind

    return LanguageOptionsProto(
        name_resolution_mode=NameResolutionMode.NAME_RESOLUTION_DEFAULT,
        product_mode=ProductMode.PRODUCT_EXTERNAL,
        enabled_language_features=[LanguageFeature.Value(f"FEATURE_{name}") for name in FEATURES.split()],
        supported_statement_kinds=[
            ResolvedNodeKind.Value(f"RESOLVED_{name}_STMT") for name in STATEMENTS.split()
        ],
        reserved_keywords=["QUALIFY"],
    )


@lru_cache(maxsize=256)
def analyzer_options(parameters: tuple[str, ...] = ()) -> AnalyzerOptionsProto:
    """Options of one analysis; `parameters` are the types of its positional `?`. Do not change it."""
    from zetasql.wasi._pb2.zetasql.proto.options_pb2 import AnalyzerOptionsProto
    from zetasql.wasi._pb2.zetasql.public.options_pb2 import (
        ErrorMessageMode,
        ParameterMode,
        ParseLocationRecordType,
    )

    return AnalyzerOptionsProto(
        language_options=language_options(),
        default_timezone="UTC",
        prune_unused_columns=False,
        error_message_mode=ErrorMessageMode.ERROR_MESSAGE_ONE_LINE,
        parse_location_record_type=ParseLocationRecordType.PARSE_LOCATION_RECORD_FULL_NODE_SCOPE,
        parameter_mode=ParameterMode.PARAMETER_POSITIONAL,
        positional_query_parameters=[parse_type(name) for name in parameters],
    )


def empty_catalog() -> SimpleCatalogProto:
    """A new catalog with BigQuery's functions and type names and no table."""
    from zetasql.wasi._pb2.zetasql.proto.simple_catalog_pb2 import SimpleCatalogProto

    catalog = SimpleCatalogProto(name="bigquery")
    catalog.builtin_function_options.language_options.CopyFrom(language_options())
    catalog.builtin_function_options.exclude_function_ids.extend(absent_signatures())
    add_functions(catalog)
    for alias, name in ALIASES.items():
        if name == "INT64":  # the others are known to the analyser
            catalog.named_type.add(name=alias, type=parse_type(name))
    return catalog
