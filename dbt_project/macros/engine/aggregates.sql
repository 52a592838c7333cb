{# Aggregates. default__ is DuckDB. #}

{#- Value of v in the row with the greatest k; ties are arbitrary, so make k unique. -#}
{% macro x_max_by(v, k) %}{{ return(adapter.dispatch('x_max_by')(v, k)) }}{% endmacro %}
{% macro default__x_max_by(v, k) %}arg_max_null({{ v }}, {{ k }}){% endmacro %}
{% macro bigquery__x_max_by(v, k) %}any_value({{ v }} having max {{ k }}){% endmacro %}

{#- Value of v in the row with the smallest k; ties are arbitrary, so make k unique. -#}
{% macro x_min_by(v, k) %}{{ return(adapter.dispatch('x_min_by')(v, k)) }}{% endmacro %}
{% macro default__x_min_by(v, k) %}arg_min_null({{ v }}, {{ k }}){% endmacro %}
{% macro bigquery__x_min_by(v, k) %}any_value({{ v }} having min {{ k }}){% endmacro %}

{#- Rows for which a condition holds, zero when it holds for none (DuckDB's count_if() is null where it
    is null for all). -#}
{% macro x_count_if(condition) %}count(case when {{ condition }} then 1 end){% endmacro %}

{#- True when a condition holds for any row; null over no rows. -#}
{% macro x_any(condition) %}{{ return(adapter.dispatch('x_any')(condition)) }}{% endmacro %}
{% macro default__x_any(condition) %}bool_or({{ condition }}){% endmacro %}
{% macro bigquery__x_any(condition) %}logical_or({{ condition }}){% endmacro %}

{#- Exact percentile, in two steps: x_values() in the grouping query, x_pct() over that column one
    level up. -#}
{% macro x_values(x) %}{{ return(adapter.dispatch('x_values')(x)) }}{% endmacro %}
{% macro default__x_values(x) -%}
    list(cast({{ x }} as double)) filter (where {{ x }} is not null)
{%- endmacro %}
{% macro bigquery__x_values(x) %}array_agg(cast({{ x }} as float64) ignore nulls){% endmacro %}

{#- Percentile p (0 to 1), interpolated, of an array made by x_values(). -#}
{% macro x_pct(arr, p) %}{{ return(adapter.dispatch('x_pct')(arr, p)) }}{% endmacro %}
{% macro default__x_pct(arr, p) %}list_aggregate({{ arr }}, 'quantile_cont', {{ p }}){% endmacro %}
{% macro bigquery__x_pct(arr, p) -%}
    (select percentile_cont(v, {{ p }}) over () from unnest({{ arr }}) as v limit 1)
{%- endmacro %}
