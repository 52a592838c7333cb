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

{#- The part of an amount between two shares of it (0 to 1), in whole cents: parts that follow one another from 0 to 1 add
    up to the amount. -#}
{% macro part_of_money(amount, share_before, share_so_far) -%}
    {{ cents(
        x_to_int('100 * ' ~ amount ~ ' * ' ~ share_so_far) ~ ' - '
        ~ x_to_int('100 * ' ~ amount ~ ' * ' ~ share_before)
    ) }}
{%- endmacro %}
