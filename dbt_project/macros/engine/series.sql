{# Series. default__ is DuckDB. #}

{#- Whole numbers from a to b as an array, for x_unnest(); empty when b is below a. -#}
{% macro x_integers(a, b) %}{{ return(adapter.dispatch('x_integers')(a, b)) }}{% endmacro %}
{% macro default__x_integers(a, b) %}generate_series({{ a }}, {{ b }}){% endmacro %}
{% macro bigquery__x_integers(a, b) %}generate_array({{ a }}, {{ b }}){% endmacro %}
