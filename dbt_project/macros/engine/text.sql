{# Text, regular expressions, arrays. default__ is DuckDB. #}

{#- Text without blanks around it: tabs, line ends and all of Unicode's spaces (DuckDB's own trim() leaves the
    first two). -#}
{% macro x_trim(text) %}{{ return(adapter.dispatch('x_trim')(text)) }}{% endmacro %}
{% macro default__x_trim(text) -%}
    {#- trim(text, characters) takes twenty times as long -#}
    {%- set blanks = '[\\s\\p{Z}\\x0b\\x{85}]+' -%}
    regexp_replace({{ text }}, '^{{ blanks }}|{{ blanks }}$', '', 'g')
{%- endmacro %}
{% macro bigquery__x_trim(text) %}trim({{ text }}){% endmacro %}

{#- Text between two separators, counted from 1; null when there is none. -#}
{% macro x_split_part(text, separator, n) %}
    {{- return(adapter.dispatch('x_split_part')(text, separator, n)) -}}
{% endmacro %}
{% macro default__x_split_part(text, separator, n) -%}
    nullif(split_part({{ text }}, '{{ separator }}', {{ n }}), '')
{%- endmacro %}
{% macro bigquery__x_split_part(text, separator, n) -%}
    nullif(split({{ text }}, '{{ separator }}')[safe_offset({{ n - 1 }})], '')
{%- endmacro %}

{#- Text before the first mark; anything when the mark is missing. -#}
{% macro text_before(text, mark) -%}
    {{ return(adapter.dispatch('text_before')(text, mark)) }}
{%- endmacro %}
{% macro default__text_before(text, mark) -%}
    substr({{ text }}, 1, strpos({{ text }}, '{{ mark }}') - 1)
{%- endmacro %}
{% macro bigquery__text_before(text, mark) -%}
    split({{ text }}, '{{ mark }}')[safe_offset(0)]
{%- endmacro %}

{#- Text after the first mark, where there is only one; anything when the mark is missing. -#}
{% macro text_after(text, mark) -%}
    {{ return(adapter.dispatch('text_after')(text, mark)) }}
{%- endmacro %}
{% macro default__text_after(text, mark) -%}
    substr({{ text }}, strpos({{ text }}, '{{ mark }}') + 1)
{%- endmacro %}
{% macro bigquery__text_after(text, mark) -%}
    split({{ text }}, '{{ mark }}')[safe_offset(1)]
{%- endmacro %}

{#- First group of a regular expression (RE2); null when it does not match. -#}
{% macro x_regex_group(text, re) -%}
    {{ return(adapter.dispatch('x_regex_group')(text, re)) }}
{%- endmacro %}
{% macro default__x_regex_group(text, re) -%}
    nullif(regexp_extract({{ text }}, '{{ re }}', 1), '')
{%- endmacro %}
{% macro bigquery__x_regex_group(text, re) -%}
    nullif(regexp_extract({{ text }}, r'{{ re }}'), '')
{%- endmacro %}

{#- True when a regular expression (RE2) matches somewhere. -#}
{% macro x_regex_has(text, re) -%}
    {{ return(adapter.dispatch('x_regex_has')(text, re)) }}
{%- endmacro %}
{% macro default__x_regex_has(text, re) %}regexp_matches({{ text }}, '{{ re }}'){% endmacro %}
{% macro bigquery__x_regex_has(text, re) %}regexp_contains({{ text }}, r'{{ re }}'){% endmacro %}

{#- Text in which every match of a regular expression (RE2) is replaced; \1 is its first group. -#}
{% macro x_regex_replace(text, re, replacement) -%}
    {{ return(adapter.dispatch('x_regex_replace')(text, re, replacement)) }}
{%- endmacro %}
{% macro default__x_regex_replace(text, re, replacement) -%}
    regexp_replace({{ text }}, '{{ re }}', '{{ replacement }}', 'g')
{%- endmacro %}
{% macro bigquery__x_regex_replace(text, re, replacement) -%}
    regexp_replace({{ text }}, r'{{ re }}', r'{{ replacement }}')
{%- endmacro %}

{#- One row per element, used as: from t cross join {{ x_unnest('arr', 'x') }}. -#}
{% macro x_unnest(arr, name) %}{{ return(adapter.dispatch('x_unnest')(arr, name)) }}{% endmacro %}
{% macro default__x_unnest(arr, name) -%}
    (select unnest({{ arr }}) as {{ name }}) as {{ name }}_rows
{%- endmacro %}
{% macro bigquery__x_unnest(arr, name) %}unnest({{ arr }}) as {{ name }}{% endmacro %}

{#- Lower-case hex MD5 of a text; the same on both engines, so ids made of it are portable. -#}
{% macro x_md5(text) %}{{ return(adapter.dispatch('x_md5')(text)) }}{% endmacro %}
{% macro default__x_md5(text) %}md5({{ text }}){% endmacro %}
{% macro bigquery__x_md5(text) %}to_hex(md5({{ text }})){% endmacro %}

{#- Text whose accents are one character with their letter, where Unicode has one (form NFC). -#}
{% macro x_nfc(text) %}{{ return(adapter.dispatch('x_nfc')(text)) }}{% endmacro %}
{% macro default__x_nfc(text) %}nfc_normalize({{ text }}){% endmacro %}
{% macro bigquery__x_nfc(text) %}normalize({{ text }}, nfc){% endmacro %}

{#- The letters of a text without their accents. -#}
{% macro x_letters(text) %}{{ return(adapter.dispatch('x_letters')(text)) }}{% endmacro %}
{% macro default__x_letters(text) -%}
    regexp_replace(strip_accents({{ text }}), '[^\p{L}]+', '', 'g')
{%- endmacro %}
{% macro bigquery__x_letters(text) -%}
    {#- NFD takes Korean syllables apart, DuckDB's strip_accents() does not -#}
    normalize(regexp_replace(normalize({{ text }}, nfd), r'[^\p{L}]+', ''), nfc)
{%- endmacro %}

{#- The words of a text without their accents: letters and digits, one blank for whatever stands between them. -#}
{% macro x_words(text) %}{{ return(adapter.dispatch('x_words')(text)) }}{% endmacro %}
{% macro default__x_words(text) -%}
    trim(regexp_replace(regexp_replace(strip_accents({{ text }}), '\p{M}+', '', 'g'), '[^\p{L}0-9]+', ' ', 'g'))
{%- endmacro %}
{% macro bigquery__x_words(text) -%}
    {#- put together again as in x_letters -#}
    normalize(
        trim(regexp_replace(regexp_replace(normalize({{ text }}, nfd), r'\p{M}+', ''), r'[^\p{L}0-9]+', ' ')), nfc
    )
{%- endmacro %}
