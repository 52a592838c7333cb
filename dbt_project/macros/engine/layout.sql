{# How a table lies in the warehouse. #}

{#- Partitioning and clustering where the engine has them; call it at the top of every table whose rows grow with
    customers or with history.
    partition_by: a timestamp or date column; data_type: its type; granularity: month unless told, because days would
    reach BigQuery's 4,000 partitions a statement after eleven years, and a month of a mid-sized shop is small.
    cluster_by: columns that readers join or filter by.
    No table asks its readers for a partition filter: "first ever" and "lifetime" read all of history, and so do tests. -#}
{% macro warehouse_layout(
    partition_by=none, data_type='timestamp', granularity='month', cluster_by=none
) %}
    {{- return(adapter.dispatch('warehouse_layout')(
        partition_by, data_type, granularity, cluster_by
    )) -}}
{% endmacro %}
{% macro default__warehouse_layout(partition_by, data_type, granularity, cluster_by) -%}
    
{%- endmacro %}
{% macro bigquery__warehouse_layout(partition_by, data_type, granularity, cluster_by) %}
    {%- if partition_by -%}
        {{- config(partition_by={
            'field': partition_by, 'data_type': data_type, 'granularity': granularity
        }) -}}
    {%- endif -%}
    {%- if cluster_by -%}{{- config(cluster_by=cluster_by) -}}{%- endif -%}
{% endmacro %}
