{# Schemas are the layer's name in every environment, so that asset keys never change. In BigQuery, where one
   project may hold several installations, the prefix of this one goes before it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ own_schema(custom_schema_name | trim) if custom_schema_name else target.schema }}
{%- endmacro %}

{#- The schema in which this installation keeps a layer. -#}
{% macro own_schema(name) -%}
    {{ return(adapter.dispatch('own_schema')(name)) }}
{%- endmacro %}
{% macro default__own_schema(name) %}{{ return(name) }}{% endmacro %}
{% macro bigquery__own_schema(name) %}{{ return(env_var('C360_BIGQUERY_DATASET_PREFIX', '') ~ name) }}{% endmacro %}
