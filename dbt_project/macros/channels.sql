{# The sales channels: what each gives, and their union. A new channel is stg_<channel>__customers,
   stg_<channel>__orders and its name in var channels. #}

{#- Columns that a channel gives for an entity, {name: type}: the interface of a channel. -#}
{% macro channel_columns(entity) %}
    {%- set text, ts, money, whole = type_text(), type_ts(), type_money(), type_integer() -%}
    {%- set columns = {
        'customers': {
            'channel': text, 'customer_key': text, 'source_customer_id': text, 'email': text,
            'phone': text, 'first_name': text, 'last_name': text, 'country_code': text, 'language': text,
            'street': text, 'postal_code': text, 'city': text, 'birth_date': 'date', 'accepts_marketing': 'bool',
            'created_at': ts, 'updated_at': ts,
        },
        'orders': {
            'channel': text, 'order_key': text, 'order_id': text, 'order_number': text,
            'customer_key': text, 'email': text, 'phone': text, 'first_name': text,
            'last_name': text, 'country_code': text, 'street': text, 'postal_code': text,
            'ordered_at': ts, 'updated_at': ts, 'status': text,
            'order_status_group': text, 'is_cancelled': 'bool', 'gross_amount': money,
            'discount_amount': money, 'shipping_amount': money, 'refunded_amount': money,
            'net_amount': money, 'currency': text, 'is_promotional': 'bool', 'coupon_code': text,
            'payment_method': text, 'source_name': text, 'acquisition_source': text,
            'acquisition_medium': text, 'acquisition_campaign': text,
        },
        'order_lines': {
            'channel': text, 'order_key': text, 'line_key': text, 'product_id': text, 'sku': text,
            'product_name': text, 'brand': text, 'category': text, 'quantity': whole,
            'unit_price': money, 'line_amount': money, 'returned_quantity': whole,
        },
        'payments': {
            'channel': text, 'order_key': text, 'payment_key': text, 'payment_method': text,
            'amount': money, 'paid_at': ts, 'is_refund': 'bool',
        },
    } -%}
    {{- return(columns[entity]) -}}
{% endmacro %}

{#- One entity of all channels as a query, in the columns and types of channel_columns().
    channels: names, all of var channels unless told; no channel gives no rows. -#}
{% macro union_channels(entity, channels=none) -%}
    {%- set columns = channel_columns(entity) -%}
    {%- set channels = var('channels') if channels is none else channels -%}
    {%- for channel in channels -%}
    select
        {%- for column, type in columns.items() %}
        cast({{ column }} as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_' ~ channel ~ '__' ~ entity) }}
    {%- if not loop.last %}

    union all

    {% endif -%}
    {%- endfor -%}
    {%- if not channels -%}
    select
        {%- for column, type in columns.items() %}
        cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    limit 0
    {%- endif -%}
{%- endmacro %}
