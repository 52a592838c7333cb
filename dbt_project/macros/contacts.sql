{# E-mail addresses, phones, names and languages in one form. Whether a usable address also
   identifies one person (role mailboxes) is identity's question and not answered here. #}

{#- A table expression with its e-mail, phone and country columns replaced by their normal form.
    relation: name or raw(...); email, phone, country: columns it has. Works in steps, because
    each form is read many times by the next and neither engine computes a repeated expression
    only once. -#}
{% macro normalise_contacts(relation, email=none, phone=none, country=none) -%}
    {%- set cleaned, resolved, usable = [], [], [] -%}
    {%- if country -%}{%- do cleaned.append(country_code(country) ~ ' as ' ~ country) -%}{%- endif -%}
    {%- if email -%}
        {%- do cleaned.append(email_text(email) ~ ' as ' ~ email) -%}
        {%- do usable.append(usable_email(email) ~ ' as ' ~ email) -%}
    {%- endif -%}
    {%- if phone -%}
        {%- do cleaned.append(phone_text(phone) ~ ' as ' ~ phone) -%}
        {%- do resolved.append(phone_digits(phone, country) ~ ' as ' ~ phone) -%}
        {%- do usable.append(usable_phone(phone) ~ ' as ' ~ phone) -%}
    {%- endif -%}
    {%- set query = namespace(sql=relation) -%}
    {%- for step in [cleaned, resolved, usable] if step -%}
        {%- set query.sql = '(\n    select * replace (\n        ' ~ step | join(',\n        ')
            ~ '\n    )\n    from ' ~ query.sql ~ '\n)' -%}
    {%- endfor -%}
    {{- return(query.sql) -}}
{%- endmacro %}

{#- E-mail as text to compare: no blanks around it, lower case. -#}
{% macro email_text(expr) %}lower({{ x_trim(expr) }}){% endmacro %}

{#- An e-mail in comparable form; null when it is not shaped like an address (RFC 5322 atoms at a
    DNS name), is a placeholder (seed) or an alias that a marketplace hands out (var). -#}
{% macro usable_email(email) %}
    {%- set placeholders = ref('placeholder_emails') -%}
    {%- set atom = '[!#-\\x27*+/-9=?^-~-]+' -%}
    {%- set label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?' -%}
    {%- set shape = '^' ~ atom ~ '(?:[.]' ~ atom ~ ')*@(?:' ~ label ~ '[.])+'
        ~ '[a-z](?:[a-z0-9-]*[a-z0-9])$' -%}
    case
        when {{ x_regex_has(email, shape) }}
            and length({{ email }}) <= 254
            {%- for pattern in var('relay_email_patterns') %}
            and {{ email }} not like '{{ pattern }}'
            {%- endfor %}
            and {{ email }} not in (select value from {{ placeholders }} where match_on = 'email')
            and {{ text_before(email, '@') }}
                not in (select value from {{ placeholders }} where match_on = 'local_part')
            and {{ text_after(email, '@') }}
                not in (select value from {{ placeholders }} where match_on = 'domain')
            then {{ email }}
    end
{%- endmacro %}

{#- Phone without what people set between the digits, and without the (0) of +49 (0)151. -#}
{% macro phone_text(expr) %}translate(replace({{ expr }}, '(0)', ''), ' -/().', ''){% endmacro %}

{#- Digits of a phone with the country's calling code, nothing checked; null for placeholders
    (seed). typed: as phone_text() gives it; country: expression of an upper-case ISO code, null
    means var default_country_code. -#}
{% macro phone_digits(typed, country=none) %}
    {#- BigQuery refuses a bare null as an operand. -#}
    {%- set country = country or 'cast(null as ' ~ type_text() ~ ')' -%}
    {%- set calling_codes = {
        'AT': '43', 'AU': '61', 'BE': '32', 'BG': '359', 'CA': '1', 'CH': '41', 'CY': '357',
        'CZ': '420', 'DE': '49', 'DK': '45', 'EE': '372', 'ES': '34', 'FI': '358', 'FR': '33',
        'GB': '44', 'GR': '30', 'HR': '385', 'HU': '36', 'IE': '353', 'IT': '39', 'LI': '423',
        'LT': '370', 'LU': '352', 'LV': '371', 'MT': '356', 'NL': '31', 'NO': '47', 'PL': '48',
        'PT': '351', 'RO': '40', 'SE': '46', 'SI': '386', 'SK': '421', 'TR': '90', 'UK': '44',
        'US': '1',
    } -%}
    {%- set keeps_leading_zero = ['IT'] -%}
    {%- set home = var('default_country_code') -%}
    {%- set home_code = calling_codes[home] -%}
    {%- set calling_code -%}
        case
            when coalesce({{ country }}, '{{ home }}') = '{{ home }}' then '{{ home_code }}'
            {%- for code, calling_code in calling_codes.items() if code != home %}
            when {{ country }} = '{{ code }}' then '{{ calling_code }}'
            {%- endfor %}
            else '{{ home_code }}'
        end
    {%- endset -%}
    case
        when {{ typed }} in (select digits from {{ ref('placeholder_phones') }}) then null
        {%- if home not in keeps_leading_zero %}
        when {{ typed }} like '+{{ home_code }}0%'
            then '{{ home_code }}' || substr({{ typed }}, {{ home_code | length + 3 }})
        {%- endif %}
        when {{ typed }} like '+%' then substr({{ typed }}, 2)
        when {{ typed }} like '00%' then substr({{ typed }}, 3)
        when {{ typed }} like '{{ home_code }}%' and length({{ typed }}) > 10 then {{ typed }}
        else {{ calling_code }} || case
            when {{ typed }} like '0%'
                and coalesce({{ country }}, '{{ home }}')
                    not in ('{{ keeps_leading_zero | join("', '") }}')
                then substr({{ typed }}, 2)
            else {{ typed }}
        end
    end
{%- endmacro %}

{#- Digits as E.164 (+ and 9 to 15 digits); null when they are not that, are a placeholder (seed),
    or all digits after the calling code are the same. -#}
{% macro usable_phone(digits) -%}
    case
        when {{ x_regex_has(digits, '^[1-9][0-9]{8,14}$') }}
            and replace(substr({{ digits }}, 4), substr({{ digits }}, 4, 1), '') != ''
            and {{ digits }} not in (select digits from {{ ref('placeholder_phones') }})
            then '+' || {{ digits }}
    end
{%- endmacro %}

{#- Two letters, lower case, of a language tag such as de-DE; null for anything else. -#}
{% macro language_code(expr) -%}
    {%- set tag = x_trim(expr) -%}
    case
        when length({{ tag }}) = 2 or substr({{ tag }}, 3, 1) in ('-', '_')
            then lower(substr({{ tag }}, 1, 2))
    end
{%- endmacro %}

{#- Country as two letters: codes are taken as they are, names in English or German where we ship. -#}
{% macro country_code(expr) -%}
    {%- set names = {
        'AT': ['austria', 'österreich'], 'BE': ['belgium', 'belgien'], 'CH': ['switzerland', 'schweiz'],
        'CZ': ['czechia', 'tschechien'], 'DE': ['germany', 'deutschland'], 'DK': ['denmark', 'dänemark'],
        'ES': ['spain', 'spanien'], 'FR': ['france', 'frankreich'], 'GB': ['united kingdom'],
        'IT': ['italy', 'italien'], 'LI': ['liechtenstein'], 'LU': ['luxembourg', 'luxemburg'],
        'NL': ['netherlands', 'niederlande'], 'PL': ['poland', 'polen'], 'SE': ['sweden', 'schweden'],
        'US': ['united states'],
    } -%}
    {%- set named = x_trim(expr) -%}
    case
        when length({{ named }}) = 2 then upper({{ named }})
        {%- for code, spellings in names.items() %}
        when lower({{ named }}) in ('{{ spellings | join("', '") }}') then '{{ code }}'
        {%- endfor %}
    end
{%- endmacro %}

{#- Text without surrounding blanks; null when nothing is left. -#}
{% macro clean_text(expr) %}nullif({{ x_trim(expr) }}, ''){% endmacro %}

{#- First word of a full name. -#}
{% macro first_name_of(full_name) %}{{ x_split_part(full_name, ' ', 1) }}{% endmacro %}

{#- A full name after its first word; null when it is one word. -#}
{% macro last_name_of(full_name) -%}
    {%- set first_name = x_split_part(full_name, ' ', 1) -%}
    {{ clean_text('substr(' ~ full_name ~ ', length(' ~ first_name ~ ') + 1)') }}
{%- endmacro %}
