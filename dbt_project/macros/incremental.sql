{# Incremental models: each replaces its last days and leaves the rest as it is.

   A later run reads raw rows from the first day of its window on, merges them by key, and deletes what the raw table
   no longer has in the window; so within the window the table is what a full refresh would make it. The window ends
   on the day that the build describes and begins lookback_days (dbt_project.yml) before that day or before the
   table's newest row, whichever is earlier: a build after an outage misses nothing, and a build for a past day
   touches nothing that came later. Readers cut the table at the day (as_of), because it may know more. What is older
   than the window changes with --full-refresh only. #}

{#- Makes a model incremental; call it at the top.
    key: column that is unique. column: the DATE or TIMESTAMP column that windows are cut on; never null, at most the
    day that the build describes, and the same for ever in a row of one key. lookback: name in var lookback_days.
    in_shop_time: rows depend on the shop's time zone, which their column time_zone names; when the shop has another one
    now, the table must be built anew. -#}
{% macro incremental_window(key, column, lookback, data_type='timestamp', in_shop_time=false) %}
    {#- A new column would be null in all older rows, so a changed model fails until it is built in full. -#}
    {{- config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=key,
        on_schema_change='fail',
        meta={'window': {
            'column': column,
            'data_type': data_type,
            'lookback_days': var('lookback_days')[lookback],
            'in_shop_time': in_shop_time,
        }}
    ) -}}
{% endmacro %}

{#- First day that this run reads, yyyy-mm-dd in UTC; none when it reads everything. -#}
{% macro window_start() %}
    {%- if not is_incremental() -%}{{- return(none) -}}{%- endif -%}
    {%- set window = model.config.meta.window -%}
    {%- set newest = newest_day(window) -%}
    {%- if newest is none -%}{{- return(none) -}}{%- endif -%}
    {%- set day = modules.datetime.datetime.strptime([newest, as_of_day()] | min, '%Y-%m-%d') -%}
    {%- set start = day - modules.datetime.timedelta(days=window.lookback_days) -%}
    {{- return(start.strftime('%Y-%m-%d')) -}}
{% endmacro %}

{#- Day of the table's newest row, yyyy-mm-dd; none when it is empty. Looks through the last year's partitions first
    and only then, after a longer outage or for a long-gone day, through all. -#}
{% macro newest_day(window) %}
    {%- if var('offline_compile', false) -%}{{- return(as_of_day()) -}}{%- endif -%}
    {%- set columns = ['cast(max(' ~ window.column ~ ') as date)'] -%}
    {%- if window.in_shop_time -%}{%- do columns.extend(['min(time_zone)', 'max(time_zone)']) -%}{%- endif -%}
    {%- set day = modules.datetime.datetime.strptime(as_of_day(), '%Y-%m-%d') -%}
    {%- set year_ago = (day - modules.datetime.timedelta(days=366)).strftime('%Y-%m-%d') -%}
    {%- for start in [year_ago, none] -%}
        {%- set query -%}
            select {{ columns | join(', ') }} from {{ this }} where {{ from_day_on(window.column, start, window.data_type) }}
        {%- endset -%}
        {%- set found = run_query(query).rows[0] -%}
        {%- if found[0] is not none -%}
            {%- if window.in_shop_time and [found[1], found[2]] != 2 * [var('shop_timezone')] -%}
                {{- exceptions.raise_compiler_error(
                    this ~ " was built with shop_timezone '" ~ found[1] ~ "', which is now '" ~ var('shop_timezone')
                    ~ "'. Build it anew, once: dbt build --full-refresh --select +" ~ this.identifier ~ "+"
                ) -}}
            {%- endif -%}
            {{- return(found[0] | string) -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{#- Condition that a column is not before a day (yyyy-mm-dd, UTC for a timestamp); true for all when start is none.
    slack_days: so many days earlier. The day is a literal, so that partitions before it are not read. -#}
{% macro from_day_on(column, start, data_type='timestamp', slack_days=0) -%}
    {%- if start is none -%}{{- return('true') -}}{%- endif -%}
    {%- set day = modules.datetime.datetime.strptime(start, '%Y-%m-%d')
        - modules.datetime.timedelta(days=slack_days) -%}
    {%- set day = day.strftime('%Y-%m-%d') -%}
    {%- set literal = "date '" ~ day ~ "'" if data_type == 'date' else x_ts(day ~ ' 00:00:00+00:00') -%}
    {{- return(column ~ ' >= ' ~ literal) -}}
{%- endmacro %}

{#- dbt's MERGE with the window: the table's rows before it are neither read nor touched, and those in it that the
    model no longer gives are deleted. Models without a window get dbt's own. -#}
{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {{ windowed_merge(dbt.default__get_merge_sql, target, source, unique_key, dest_columns, incremental_predicates) }}
{%- endmacro %}
{% macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {{ windowed_merge(dbt.duckdb__get_merge_sql, target, source, unique_key, dest_columns, incremental_predicates) }}
{%- endmacro %}

{% macro windowed_merge(merge, target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set window = model.config.meta.window -%}
    {%- set start = window_start() if window else none -%}
    {%- if start is none -%}
    {{ merge(target, source, unique_key, dest_columns, incremental_predicates) }}
    {%- else -%}
    {%- set column = 'DBT_INTERNAL_DEST.' ~ window.column -%}
    {%- set in_window = from_day_on(column, start, window.data_type) -%}
    {%- set last = as_of() if window.data_type == 'date' else as_of_end() -%}
    {{ merge(target, source, unique_key, dest_columns, (incremental_predicates or []) + [in_window]) }}
    when not matched by source and {{ in_window }} and {{ column }} <= {{ last }}
        then delete
    {%- endif -%}
{%- endmacro %}
