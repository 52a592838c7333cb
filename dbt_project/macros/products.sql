{# Rules of products that more than one model states. #}

{#- Key of the article of a conformed order line: as in stg_products, else the channel and the name; null when the line
    names nothing. -#}
{% macro article_key() -%}
    coalesce(product_key, channel || ':' || product_name)
{%- endmacro %}

{#- Channels of the marketing marts: all of them together first, then each. -#}
{% macro marketing_channels() -%}
    {{ return(['all'] + var('channels')) }}
{%- endmacro %}
