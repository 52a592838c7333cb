{# `dbt source freshness`: whether raw tables that should change every day or so still do. #}

{#- The loaded_at_query of a raw table, found under any of its names like raw(): when its newest row was loaded, by the
    loader's own column, or else when it arrived or changed. A table that is not there, is empty or dates no row is
    not stale. -#}
{% macro raw_loaded_at(node) %}
    {%- set relation = raw_relation(node) -%}
    {%- if relation is none -%}{{- return('select ' ~ freshness_moment()) -}}{%- endif -%}
    {%- set present = raw_present_columns(relation) -%}
    {%- set names = ['_fivetran_synced', '_airbyte_extracted_at'] -%}
    {%- for column in ['received_at', node.config.meta.get('updated_at')] if column in node.columns -%}
        {%- do names.extend([column] + node.columns[column].config.meta.get('aliases', [])) -%}
    {%- endfor -%}
    {%- set found = names | map('lower') | select('in', present) | list -%}
    {%- if '_dlt_load_id' in present -%}
        {#- dlt's loads are named by the second in which they began -#}
        {%- set loaded_at = x_from_epoch_text(present['_dlt_load_id'].quoted) -%}
    {%- elif found -%}
        {%- set loaded_at = raw_cast(present[found[0]], 'timestamp') -%}
    {%- else -%}
        {{- return('select ' ~ freshness_moment()) -}}
    {%- endif -%}
    {{- return('select coalesce(max(' ~ loaded_at ~ '), ' ~ freshness_moment() ~ ') from ' ~ relation) -}}
{% endmacro %}

{#- The moment that ages are counted to: now, or the end of the day that is described where that is over. -#}
{% macro freshness_moment() %}
    {%- set now = run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f') ~ '+00:00' -%}
    {{- return('least(' ~ x_ts(now) ~ ', ' ~ as_of_end() ~ ')') -}}
{% endmacro %}

{#- dbt's own, but for the moment. -#}
{% macro default__collect_freshness_custom_sql(source, loaded_at_query) %}
    {%- call statement('collect_freshness_custom_sql', fetch_result=true, auto_begin=false) -%}
    select
        ({{ loaded_at_query }}) as max_loaded_at,
        {{ freshness_moment() }} as snapshotted_at
    {%- endcall -%}
    {{- return(load_result('collect_freshness_custom_sql')) -}}
{% endmacro %}
