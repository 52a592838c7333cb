{# Numbers. default__ is DuckDB. #}

{#- Any number as money, rounded half away from zero to two decimals. -#}
{% macro to_money(x) %}{{ return(adapter.dispatch('to_money')(x)) }}{% endmacro %}
{% macro default__to_money(x) -%}
    {#- by way of numeric's nine decimals: the float 1.005 is a little less and would become 1.00 -#}
    cast(cast({{ x }} as decimal(38, 9)) as {{ type_money() }})
{%- endmacro %}
{% macro bigquery__to_money(x) %}round(cast({{ x }} as numeric), 2){% endmacro %}

{#- Whole minor units (cents) as money, exact. -#}
{% macro cents(x) %}{{ return(adapter.dispatch('cents')(x)) }}{% endmacro %}
{% macro default__cents(x) %}try_cast({{ x }} as decimal(15, 0)) * 0.01{% endmacro %}
{% macro bigquery__cents(x) %}cast({{ x }} as numeric) / 100{% endmacro %}

{#- Money from text: '2,329.86' and '2.329,86' give 2329.86; null for what is no amount, such as
    '284.36a' or '39.38.0'. A comma followed by one or two last digits is the decimal sign. -#}
{% macro money(x) %}
    {%- set text = x_trim(x) -%}
    {%- set amount -%}
        case
            when {{ text }} like '%,_' or {{ text }} like '%,__'
                then replace(replace({{ text }}, '.', ''), ',', '.')
            else replace({{ text }}, ',', '')
        end
    {%- endset -%}
    {{- return(text_to_money(amount)) -}}
{% endmacro %}

{#- Money from text with a point before the decimals. -#}
{% macro text_to_money(text) %}{{ return(adapter.dispatch('text_to_money')(text)) }}{% endmacro %}
{% macro default__text_to_money(text) -%}
    {#- 1_000 is a number to DuckDB -#}
    try_cast(replace({{ text }}, '_', 'x') as {{ type_money() }})
{%- endmacro %}
{% macro bigquery__text_to_money(text) %}round(safe_cast({{ text }} as numeric), 2){% endmacro %}

{#- a / b as float; null when b is zero. -#}
{% macro x_safe_divide(a, b) %}{{ return(adapter.dispatch('x_safe_divide')(a, b)) }}{% endmacro %}
{% macro default__x_safe_divide(a, b) %}(cast({{ a }} as double) / nullif({{ b }}, 0)){% endmacro %}
{% macro bigquery__x_safe_divide(a, b) -%}
    safe_divide(cast({{ a }} as float64), {{ b }})
{%- endmacro %}

{#- Number to integer, half away from zero. -#}
{% macro x_to_int(x) %}{{ return(adapter.dispatch('x_to_int')(x)) }}{% endmacro %}
{% macro default__x_to_int(x) %}cast(round({{ x }}) as bigint){% endmacro %}
{% macro bigquery__x_to_int(x) %}cast(round({{ x }}) as int64){% endmacro %}

{#- Text to integer; null for anything but an integer. -#}
{% macro x_parse_int(text) %}{{ return(adapter.dispatch('x_parse_int')(text)) }}{% endmacro %}
{% macro default__x_parse_int(text) -%}
    {#- to DuckDB 1.5, 1e3, 0x10 and 1_000 are integers, too -#}
    case when regexp_full_match({{ text }}, '[\s\x0b]*[+-]?[0-9]+[\s\x0b]*') then try_cast({{ text }} as bigint) end
{%- endmacro %}
{% macro bigquery__x_parse_int(text) -%}
    {#- and to BigQuery 0x10 -#}
    case when not regexp_contains({{ text }}, '[xX]') then safe_cast({{ text }} as int64) end
{%- endmacro %}

{#- Money from whole minor units of a currency, which has cents unless it is one of those without. -#}
{% macro minor_units(amount, currency) -%}
    case
        when upper({{ currency }}) in (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND',
            'VUV', 'XAF', 'XOF', 'XPF'
        ) then {{ to_money(amount) }}
        else {{ cents(amount) }}
    end
{%- endmacro %}
