{# Types that two warehouses spell differently. default__ is DuckDB. #}

{#- Money: two decimals, exact. BigQuery's numeric keeps nine, so values are rounded by
    to_money(). -#}
{% macro type_money() %}{{ return(adapter.dispatch('type_money')()) }}{% endmacro %}
{% macro default__type_money() %}decimal(18, 2){% endmacro %}
{% macro bigquery__type_money() %}numeric{% endmacro %}

{#- An instant in UTC. dbt's own type_timestamp() is without zone on DuckDB. -#}
{% macro type_ts() %}{{ return(adapter.dispatch('type_ts')()) }}{% endmacro %}
{% macro default__type_ts() %}timestamptz{% endmacro %}
{% macro bigquery__type_ts() %}timestamp{% endmacro %}

{#- Text. -#}
{% macro type_text() %}{{ return(adapter.dispatch('type_text')()) }}{% endmacro %}
{% macro default__type_text() %}varchar{% endmacro %}
{% macro bigquery__type_text() %}string{% endmacro %}

{#- 64-bit integer. -#}
{% macro type_integer() %}{{ return(adapter.dispatch('type_integer')()) }}{% endmacro %}
{% macro default__type_integer() %}bigint{% endmacro %}
{% macro bigquery__type_integer() %}int64{% endmacro %}

{#- 64-bit float, for rates and scores; never for money. -#}
{% macro type_double() %}{{ return(adapter.dispatch('type_double')()) }}{% endmacro %}
{% macro default__type_double() %}double{% endmacro %}
{% macro bigquery__type_double() %}float64{% endmacro %}

{#- The warehouse's type of a raw column's declared data_type (a BigQuery name; json is JSON
    text). -#}
{% macro raw_type(data_type) %}
    {%- set types = {
        'string': type_text(), 'json': type_text(), 'int64': type_integer(), 'float64': type_double(),
        'numeric': type_money(), 'bool': 'bool', 'timestamp': type_ts(), 'date': 'date',
    } -%}
    {{ return(types[data_type | lower] | trim) }}
{% endmacro %}

{#- dbt.safe_cast() for DuckDB: null when the value does not fit (dbt-duckdb's own raises). -#}
{% macro duckdb__safe_cast(field, type) %}try_cast({{ field }} as {{ type }}){% endmacro %}
