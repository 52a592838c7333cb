{# What a statement belongs to, as JSON before its text. On BigQuery every entry is a label of the job as well, the
   same ones that the platform gives to its own jobs: the bill can be read by asset and by run.
   C360_RUN_ID is read when a statement runs and never while dbt parses. #}
{% macro query_comment(node) -%}
    {%- set labels = {'component': 'c360'} -%}
    {%- if node -%}
        {%- do labels.update({'kind': node.resource_type, 'asset': (node.config.schema or '') ~ '/' ~ node.name}) -%}
    {%- endif -%}
    {%- if env_var('C360_RUN_ID', '') -%}
        {%- do labels.update({'run': env_var('C360_RUN_ID', '')}) -%}
    {%- endif -%}
    {{ return(tojson(labels)) }}
{%- endmacro %}
