{# Compiling without a warehouse. #}

{#- dbt's is_incremental(), which asks the warehouse whether the table is there. With var offline_compile nobody is
    asked: 'incremental' is the run over a table that is there, anything else true ('full') the first one; so is a unit test
    that says nothing else. -#}
{% macro is_incremental() %}
    {%- set offline = var('offline_compile', false) -%}
    {%- if offline -%}
        {{- return(offline == 'incremental' and model.config.materialized == 'incremental') -}}
    {%- endif -%}
    {{- return(this is not none and dbt.is_incremental()) -}}
{% endmacro %}
