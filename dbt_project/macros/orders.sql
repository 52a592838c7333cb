{# Rules of orders that more than one model states. #}

{#- What an order is worth: charged minus refunded, nothing when cancelled. -#}
{% macro net_amount(gross, refunded, is_cancelled) -%}
    {{ to_money('case when ' ~ is_cancelled ~ ' then 0 else coalesce(' ~ gross ~ ', 0) - coalesce('
        ~ refunded ~ ', 0) end') }}
{%- endmacro %}

{#- Currency in upper case; var default_currency where an order names none. -#}
{% macro currency_code(expr) -%}
    upper(coalesce({{ clean_text(expr) }}, '{{ var('default_currency') }}'))
{%- endmacro %}

{#- Group of a Shopify financial status. A status that says nothing of money outstanding or
    returned is successful, so the rule is total. -#}
{% macro shopify_status_group(status) -%}
    case
        when lower({{ status }}) in ('refunded', 'voided', 'expired') then 'returned'
        when lower({{ status }}) in ('pending', 'authorized', 'partially_paid') then 'pending'
        else 'successful'
    end
{%- endmacro %}

{#- Group of an Amazon order status. -#}
{% macro amazon_status_group(status) -%}
    case
        when lower({{ status }}) in ('canceled', 'cancelled', 'unfulfillable') then 'returned'
        when lower({{ status }}) in ('pending', 'pendingavailability', 'unshipped') then 'pending'
        else 'successful'
    end
{%- endmacro %}

{#- Group of a web shop status. -#}
{% macro webshop_status_group(status) -%}
    case
        when lower({{ status }}) in ('returned', 'return_pending', 'cancelled', 'canceled')
            then 'returned'
        when lower({{ status }}) in ('placed', 'pending') then 'pending'
        else 'successful'
    end
{%- endmacro %}

{#- Category of a means of payment: card, bank, promotional or other. -#}
{% macro payment_category(method) -%}
    case
        when {{ method }} in (
            'card', 'credit_card', 'debit_card', 'creditcard', 'visa', 'mastercard', 'amex', 'stripe',
            'shopify_payments', 'apple_pay', 'google_pay', 'shop_pay'
        ) then 'card'
        when {{ method }} in (
            'bank_transfer', 'bank', 'bank_deposit', 'manual', 'prepayment', 'sepa', 'sepa_debit',
            'direct_debit', 'sofort', 'giropay', 'ideal', 'eps', 'wero'
        ) then 'bank'
        when {{ method }} in ('coupon', 'gift_card', 'voucher', 'store_credit') then 'promotional'
        else 'other'
    end
{%- endmacro %}

{#- What brought an order, of a landing page's utm parameters; without them a search engine's page
    is organic and any other a referral. part: source, medium or campaign. -#}
{% macro acquisition(part, landing_page, referring_site) -%}
    {%- set engines = 'google|bing|duckduckgo|ecosia|yahoo|qwant' -%}
    {%- set search = '//(?:[^/]*[.])?(' ~ engines ~ ')[.][a-z.]+(?:/|$)' -%}
    case
        when {{ landing_page }} like '%utm_%'
            then lower(replace(replace(
                {{ x_regex_group(landing_page, 'utm_' ~ part ~ '=([^&#]*)') }},
                '+', ' '), '%20', ' '))
        {%- if part == 'source' %}
        else lower(coalesce(
            {{ x_regex_group(referring_site, search) }},
            {{ x_regex_group(referring_site, '//(?:www[.])?([^/]+)') }}
        ))
        {%- elif part == 'medium' %}
        when {{ x_regex_has(referring_site, search) }} then 'organic'
        when {{ referring_site }} like '%//%' then 'referral'
        {%- endif %}
    end
{%- endmacro %}

{#- Key of an article: its SKU in upper case, else the channel's own product id; null without
    either. -#}
{% macro product_key(channel, sku, product_id) -%}
    coalesce(upper({{ sku }}), {{ channel }} || ':' || {{ product_id }})
{%- endmacro %}
