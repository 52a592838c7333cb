{# How a table lies in the warehouse. #}

{#- Partitioning and clustering where the engine has them; call it at the top of a model.
    partition_by: a timestamp or date column; data_type: its type; granularity: month unless told. -#}
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
