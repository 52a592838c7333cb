{# E-mail addresses, phones, names and languages in one form. Whether a usable address also identifies
   one person (role mailboxes) is identity's question and not answered here. #}

{#- E-mail for matching and sending: trimmed and lower case; null when it is not shaped like an address
    (RFC 5322 atoms at a DNS name), is a placeholder (seed) or a marketplace's relay alias (var). -#}
{% macro normalise_email(expr) %}
    {%- set email = 'lower(trim(' ~ expr ~ '))' -%}
    {%- set placeholders = ref('placeholder_emails') -%}
    {%- set atom = '[!#-\\x27*+/-9=?^-~-]+' -%}
    {%- set label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?' -%}
    {%- set shape = '^' ~ atom ~ '(?:\\.' ~ atom ~ ')*@(?:' ~ label ~ '\\.)+[a-z](?:[a-z0-9-]*[a-z0-9])$' -%}
    case
        when {{ x_regex_has(email, shape) }}
            and length({{ email }}) <= 254
            {%- for pattern in var('relay_email_patterns') %}
            and {{ email }} not like '{{ pattern }}'
            {%- endfor %}
            and {{ email }} not in (
                select value from {{ placeholders }} where match_on = 'email'
            )
            and {{ x_split_part(email, '@', 1) }} not in (
                select value from {{ placeholders }} where match_on = 'local_part'
            )
            and {{ x_split_part(email, '@', 2) }} not in (
                select value from {{ placeholders }} where match_on = 'domain'
            )
            then {{ email }}
    end
{%- endmacro %}

{#- First of two steps to a phone: digits with the country's calling code, nothing checked; null for
    placeholders (seed). country: expression of an ISO code; null means var default_country_code.
    Two steps, because the second reads the first's result many times: put them in two CTEs. -#}
{% macro phone_digits(expr, country='null') %}
    {%- set calling_codes = {
        'AT': '43', 'AU': '61', 'BE': '32', 'BG': '359', 'CA': '1', 'CH': '41', 'CY': '357', 'CZ': '420',
        'DE': '49', 'DK': '45', 'EE': '372', 'ES': '34', 'FI': '358', 'FR': '33', 'GB': '44', 'GR': '30',
        'HR': '385', 'HU': '36', 'IE': '353', 'IT': '39', 'LI': '423', 'LT': '370', 'LU': '352',
        'LV': '371', 'MT': '356', 'NL': '31', 'NO': '47', 'PL': '48', 'PT': '351', 'RO': '40', 'SE': '46',
        'SI': '386', 'SK': '421', 'TR': '90', 'UK': '44', 'US': '1',
    } -%}
    {%- set keeps_leading_zero = ['IT'] -%}
    {%- set home = var('default_country_code') -%}
    {%- set typed = "translate(replace(" ~ expr ~ ", '(0)', ''), ' -/().', '')" -%}
    {%- set calling_code -%}
        case upper({{ country }})
            {%- for code, calling_code in calling_codes.items() if code != home %}
            when '{{ code }}' then '{{ calling_code }}'
            {%- endfor %}
            else '{{ calling_codes[home] }}'
        end
    {%- endset -%}
    case
        when {{ typed }} in (select digits from {{ ref('placeholder_phones') }}) then null
        when {{ typed }} like '+{{ calling_codes[home] }}0%'
            and '{{ home }}' not in ('{{ keeps_leading_zero | join("', '") }}')
            then '{{ calling_codes[home] }}' || substr({{ typed }}, {{ calling_codes[home] | length + 3 }})
        when {{ typed }} like '+%' then substr({{ typed }}, 2)
        when {{ typed }} like '00%' then substr({{ typed }}, 3)
        when {{ typed }} like '0%' and upper({{ country }}) in ('{{ keeps_leading_zero | join("', '") }}')
            then {{ calling_code }} || {{ typed }}
        when {{ typed }} like '0%' then {{ calling_code }} || substr({{ typed }}, 2)
        when {{ typed }} like '{{ calling_codes[home] }}%' and length({{ typed }}) > 10 then {{ typed }}
        else {{ calling_code }} || {{ typed }}
    end
{%- endmacro %}

{#- Second step: the digits as E.164 (+ and 9 to 15 digits); null when they are not, when they are a
    placeholder (seed), or when all digits after the calling code are the same. -#}
{% macro normalise_phone(digits) -%}
    case
        when {{ x_regex_has(digits, '^[1-9][0-9]{8,14}$') }}
            and replace(substr({{ digits }}, 4), substr({{ digits }}, 4, 1), '') != ''
            and {{ digits }} not in (select digits from {{ ref('placeholder_phones') }})
            then '+' || {{ digits }}
    end
{%- endmacro %}

{#- Two letters, lower case, of a language tag such as de-DE; null for anything else. -#}
{% macro language_code(expr) -%}
    case
        when length(trim({{ expr }})) = 2 or substr(trim({{ expr }}), 3, 1) in ('-', '_')
            then lower(substr(trim({{ expr }}), 1, 2))
    end
{%- endmacro %}

{#- Two letters, upper case, of a country code; null for anything else. -#}
{% macro country_code(expr) -%}
    case when length(trim({{ expr }})) = 2 then upper(trim({{ expr }})) end
{%- endmacro %}

{#- Text without surrounding blanks; null when nothing is left. -#}
{% macro clean_text(expr) %}nullif(trim({{ expr }}), ''){% endmacro %}

{#- First word of a full name. -#}
{% macro first_name_of(full_name) %}{{ x_split_part(full_name, ' ', 1) }}{% endmacro %}

{#- A full name after its first word; null when it is one word. -#}
{% macro last_name_of(full_name) -%}
    {{ clean_text('substr(' ~ full_name ~ ', length(' ~ x_split_part(full_name, ' ', 1) ~ ') + 1)') }}
{%- endmacro %}
