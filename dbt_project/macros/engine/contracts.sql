{# Contracts of models name BigQuery's types, as the sources do; DuckDB gets its own names for them (raw_type()). #}

{#- Columns of a contract, {name: column}, with the warehouse's own types. -#}
{% macro contract_columns(columns) %}
    {%- set typed = {} -%}
    {%- for name, column in columns.items() -%}
        {%- if not column.data_type -%}{{- exceptions.column_type_missing(column_names=[name]) -}}{%- endif -%}
        {%- do typed.update({name: dict(column, data_type=raw_type(column.data_type) or column.data_type)}) -%}
    {%- endfor -%}
    {{- return(typed) -}}
{% endmacro %}

{#- dbt's own, without its warning that BigQuery's numeric names no precision: money has two decimals (to_money()). -#}
{% macro default__get_empty_schema_sql(columns) %}
    select
    {%- for column in contract_columns(columns).values() %}
        cast(null as {{ column.data_type }}) as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- dbt's own, over typed columns. -#}
{% macro duckdb__get_table_columns_and_constraints() %}
    {%- set columns = adapter.render_raw_columns_constraints(raw_columns=contract_columns(model.columns)) -%}
    {%- set constraints = adapter.render_raw_model_constraints(raw_constraints=model.constraints) -%}
    ({{ (columns + constraints) | join(', ') }})
{% endmacro %}
