{# Values in the form that Klaviyo keeps as what they are. #}

{#- A date as ISO 8601 text at noon, such as 2026-06-30T12:00:00. Klaviyo reads a bare date as midnight UTC, which
    lets date-triggered flows fire a day early or late; noon is the same day in every time zone of a shop. -#}
{% macro noon(d) -%}
    {{ x_fmt_date(d, '%Y-%m-%dT12:00:00') }}
{%- endmacro %}
