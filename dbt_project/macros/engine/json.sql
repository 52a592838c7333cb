{# JSON text. default__ is DuckDB. #}

{#- Scalar at a path such as '$.a.b' as text; null for objects, arrays and text that is no JSON. -#}
{% macro x_json(col, path) %}{{ return(adapter.dispatch('x_json')(col, path)) }}{% endmacro %}
{% macro default__x_json(col, path) -%}
    case when try(json_type({{ col }}, '{{ path }}')) not in ('OBJECT', 'ARRAY')
        then json_extract_string({{ col }}, '{{ path }}') end
{%- endmacro %}
{% macro bigquery__x_json(col, path) %}json_value({{ bigquery__parsed_json(col) }}, '{{ path }}'){% endmacro %}

{#- JSON text as a value of type JSON. BigQuery's functions read text too, but carelessly: they take what is cut
    short and break the escapes that most emoji are written in. -#}
{% macro bigquery__parsed_json(text) %}safe.parse_json({{ text }}, wide_number_mode => 'round'){% endmacro %}

{#- Number of elements of the JSON array; zero for null and for anything else. -#}
{% macro x_json_length(col) %}{{ return(adapter.dispatch('x_json_length')(col)) }}{% endmacro %}
{% macro default__x_json_length(col) %}coalesce(try(json_array_length({{ col }})), 0){% endmacro %}
{% macro bigquery__x_json_length(col) -%}
    coalesce(array_length(json_query_array({{ bigquery__parsed_json(col) }})), 0)
{%- endmacro %}

{#- One parameter of a GA4 event as text. params: the export's array of {key, value} as JSON text;
    field: string_value or int_value. -#}
{% macro ga4_param(params, key, field) %}
    {{- return(adapter.dispatch('ga4_param')(params, key, field)) -}}
{% endmacro %}
{% macro default__ga4_param(params, key, field) -%}
    list_filter(
        try(from_json({{ params }}, '[{"key": "VARCHAR", "value": {"{{ field }}": "VARCHAR"}}]')),
        lambda p: p.key = '{{ key }}'
    )[1].value.{{ field }}
{%- endmacro %}
{% macro bigquery__ga4_param(params, key, field) -%}
    (
        select any_value(json_value(p, '$.value.{{ field }}'))
        from unnest(json_query_array({{ bigquery__parsed_json(params) }})) as p
        where json_value(p, '$.key') = '{{ key }}'
    )
{%- endmacro %}
