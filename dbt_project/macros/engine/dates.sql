{# Dates and timestamps. default__ is DuckDB. A timestamp is always an instant in UTC. #}

{#- Timestamp literal from text such as '2026-06-30 00:00:00+00:00'. -#}
{% macro x_ts(text) %}{{ return(adapter.dispatch('x_ts')(text)) }}{% endmacro %}
{% macro default__x_ts(text) %}timestamptz '{{ text }}'{% endmacro %}
{% macro bigquery__x_ts(text) %}timestamp '{{ text }}'{% endmacro %}

{#- Date of an instant on the shop's calendar: DATE. -#}
{% macro local_date(ts, tz=none) %}
    {{- return(adapter.dispatch('local_date')(ts, tz or var('shop_timezone'))) -}}
{% endmacro %}
{% macro default__local_date(ts, tz) %}cast({{ ts }} at time zone '{{ tz }}' as date){% endmacro %}
{% macro bigquery__local_date(ts, tz) %}date({{ ts }}, '{{ tz }}'){% endmacro %}

{#- Instant of a wall-clock timestamp (no zone) in the shop's time zone. In the hour that comes twice in
    autumn it is the first one; an hour that is left out in spring lies in the next. -#}
{% macro local_to_utc(wall_clock, tz=none) %}
    {{- return(adapter.dispatch('local_to_utc')(wall_clock, tz or var('shop_timezone'))) -}}
{% endmacro %}
{% macro default__local_to_utc(wall_clock, tz) -%}
    {#- DuckDB takes the second of two; an hour earlier plus an hour is the first. -#}
    least(
        ({{ wall_clock }}) at time zone '{{ tz }}',
        (({{ wall_clock }}) - interval 1 hour) at time zone '{{ tz }}' + interval 1 hour
    )
{%- endmacro %}
{% macro bigquery__local_to_utc(wall_clock, tz) -%}
    timestamp({{ wall_clock }}, '{{ tz }}')
{%- endmacro %}

{#- Wall-clock timestamp (no zone) from text in a strptime format; null when it does not fit. -#}
{% macro parse_wall_clock(text, format) %}
    {{- return(adapter.dispatch('parse_wall_clock')(text, format)) -}}
{% endmacro %}
{% macro default__parse_wall_clock(text, format) -%}
    try_strptime({{ text }}, '{{ format }}')
{%- endmacro %}
{% macro bigquery__parse_wall_clock(text, format) -%}
    safe.parse_datetime('{{ format }}', {{ text }})
{%- endmacro %}

{#- Wall-clock timestamp (no zone) from ISO 8601 text without zone; null when it does not fit. Seconds may be
    missing, digits after the sixth decimal are dropped. -#}
{% macro iso_wall_clock(text) %}{{ return(adapter.dispatch('iso_wall_clock')(text)) }}{% endmacro %}
{% macro default__iso_wall_clock(text) %}try_cast({{ default__iso_text(text) }} as timestamp){% endmacro %}
{% macro bigquery__iso_wall_clock(text) %}safe_cast({{ bigquery__iso_text(text) }} as datetime){% endmacro %}

{#- Instant of ISO 8601 text, in UTC where it names no zone; null when it does not fit. Otherwise as
    iso_wall_clock(). -#}
{% macro iso_instant(text) %}{{ return(adapter.dispatch('iso_instant')(text)) }}{% endmacro %}
{% macro default__iso_instant(text) %}try_cast({{ default__iso_text(text) }} as timestamptz){% endmacro %}
{% macro bigquery__iso_instant(text) %}safe_cast({{ bigquery__iso_text(text) }} as timestamp){% endmacro %}

{#- ISO 8601 text; null for what is a timestamp to DuckDB alone: 'infinity', 'epoch', and 24:00. -#}
{% macro default__iso_text(text) -%}
    case
        when {{ text }} >= '0' and {{ text }} < ':'
            and strpos({{ text }}, 'T24:') = 0 and strpos({{ text }}, ' 24:') = 0
            then {{ text }}
    end
{%- endmacro %}

{#- ISO 8601 text as BigQuery wants it: with seconds, and with six decimals at most. -#}
{% macro bigquery__iso_text(text) -%}
    regexp_replace(
        regexp_replace({{ text }}, r'([.][0-9]{6})[0-9]+', r'\1'),
        r'([T ][0-9]{1,2}:[0-9]{2})($|Z|[ +-])', r'\1:00\2'
    )
{%- endmacro %}

{#- Truncate an instant to a part on a time zone's calendar; 'isoweek' starts on Monday. -#}
{% macro x_ts_trunc(part, ts, tz='UTC') %}
    {{- return(adapter.dispatch('x_ts_trunc')(part, ts, tz)) -}}
{% endmacro %}
{% macro default__x_ts_trunc(part, ts, tz) -%}
    {%- set part = 'week' if part == 'isoweek' else part -%}
    (date_trunc('{{ part }}', {{ ts }} at time zone '{{ tz }}') at time zone '{{ tz }}')
{%- endmacro %}
{% macro bigquery__x_ts_trunc(part, ts, tz) -%}
    timestamp_trunc({{ ts }}, {{ 'week(monday)' if part == 'isoweek' else part }}, '{{ tz }}')
{%- endmacro %}

{#- First day of a date's month, quarter, isoweek (Monday) or year: DATE. -#}
{% macro x_date_trunc(part, d) -%}
    {{ return(adapter.dispatch('x_date_trunc')(part, d)) }}
{%- endmacro %}
{% macro default__x_date_trunc(part, d) -%}
    cast(date_trunc('{{ 'week' if part == 'isoweek' else part }}', {{ d }}) as date)
{%- endmacro %}
{% macro bigquery__x_date_trunc(part, d) -%}
    date_trunc({{ d }}, {{ 'week(monday)' if part == 'isoweek' else part }})
{%- endmacro %}

{#- Date plus n parts: DATE. -#}
{% macro x_date_add(d, n, part='day') -%}
    {{ return(adapter.dispatch('x_date_add')(d, n, part)) }}
{%- endmacro %}
{% macro default__x_date_add(d, n, part) -%}
    cast({{ d }} + ({{ n }}) * interval 1 {{ part }} as date)
{%- endmacro %}
{% macro bigquery__x_date_add(d, n, part) -%}
    date_add({{ d }}, interval {{ n }} {{ part }})
{%- endmacro %}

{#- Instant plus n seconds, minutes, hours or days of 24 hours. -#}
{% macro x_ts_add(ts, n, part='hour') -%}
    {{ return(adapter.dispatch('x_ts_add')(ts, n, part)) }}
{%- endmacro %}
{% macro default__x_ts_add(ts, n, part) -%}
    ({{ ts }} + ({{ n }}) * interval 1 {{ part }})
{%- endmacro %}
{% macro bigquery__x_ts_add(ts, n, part) -%}
    timestamp_add({{ ts }}, interval {{ n }} {{ part }})
{%- endmacro %}

{#- Calendar boundaries between two DATEs, b after a positive; 'isoweek', never 'week'. -#}
{% macro x_date_diff(part, a, b) -%}
    {{ return(adapter.dispatch('x_date_diff')(part, a, b)) }}
{%- endmacro %}
{% macro default__x_date_diff(part, a, b) -%}
    {%- if part == 'isoweek' -%}
    (date_diff('day', date_trunc('week', {{ a }}), date_trunc('week', {{ b }})) // 7)
    {%- else -%}
    date_diff('{{ part }}', {{ a }}, {{ b }})
    {%- endif -%}
{%- endmacro %}
{% macro bigquery__x_date_diff(part, a, b) -%}
    {%- if part == 'isoweek' -%}
    div(date_diff(date_trunc({{ b }}, week(monday)), date_trunc({{ a }}, week(monday)), day), 7)
    {%- else -%}
    date_diff({{ b }}, {{ a }}, {{ part }})
    {%- endif -%}
{%- endmacro %}

{#- Whole units elapsed between two instants, b after a positive. -#}
{% macro x_elapsed(part, a, b) -%}
    {{ return(adapter.dispatch('x_elapsed')(part, a, b)) }}
{%- endmacro %}
{% macro default__x_elapsed(part, a, b) %}date_sub('{{ part }}', {{ a }}, {{ b }}){% endmacro %}
{% macro bigquery__x_elapsed(part, a, b) -%}
    timestamp_diff({{ b }}, {{ a }}, {{ part }})
{%- endmacro %}

{#- Weekday of a date, 1 = Monday to 7 = Sunday. -#}
{% macro x_isodow(d) %}{{ return(adapter.dispatch('x_isodow')(d)) }}{% endmacro %}
{% macro default__x_isodow(d) %}isodow({{ d }}){% endmacro %}
{% macro bigquery__x_isodow(d) %}(mod(extract(dayofweek from {{ d }}) + 5, 7) + 1){% endmacro %}

{#- Date as text in a strftime format. -#}
{% macro x_fmt_date(d, format) -%}
    {{ return(adapter.dispatch('x_fmt_date')(d, format)) }}
{%- endmacro %}
{% macro default__x_fmt_date(d, format) %}strftime({{ d }}, '{{ format }}'){% endmacro %}
{% macro bigquery__x_fmt_date(d, format) -%}
    {#- %Y has no leading zeros there, in years before 1000 -#}
    {%- set year = "lpad(cast(extract(year from " ~ d ~ ") as string), 4, '0')" -%}
    {%- set parts = [] -%}
    {%- for part in format.split('%Y') -%}
        {%- if not loop.first -%}{%- do parts.append(year) -%}{%- endif -%}
        {%- if part -%}{%- do parts.append("format_date('" ~ part ~ "', " ~ d ~ ")") -%}{%- endif -%}
    {%- endfor -%}
    concat({{ parts | join(', ') }})
{%- endmacro %}

{#- Instant from milliseconds since 1970. -#}
{% macro x_from_epoch_ms(n) %}{{ return(adapter.dispatch('x_from_epoch_ms')(n)) }}{% endmacro %}
{% macro default__x_from_epoch_ms(n) %}make_timestamptz(({{ n }}) * 1000){% endmacro %}
{% macro bigquery__x_from_epoch_ms(n) %}timestamp_millis({{ n }}){% endmacro %}

{#- Instant from text with seconds since 1970, to the millisecond; null for other text. -#}
{% macro x_from_epoch_text(text) -%}
    {%- set milliseconds = 'round(' ~ dbt.safe_cast(text, type_double()) ~ ' * 1000)' -%}
    {{- return(x_from_epoch_ms('cast(' ~ milliseconds ~ ' as ' ~ type_integer() ~ ')')) -}}
{%- endmacro %}

{#- Instant from microseconds since 1970. -#}
{% macro x_from_epoch_us(n) %}{{ return(adapter.dispatch('x_from_epoch_us')(n)) }}{% endmacro %}
{% macro default__x_from_epoch_us(n) %}make_timestamptz({{ n }}){% endmacro %}
{% macro bigquery__x_from_epoch_us(n) %}timestamp_micros({{ n }}){% endmacro %}

{#- Microseconds since 1970 as text: an instant as part of a key, the same on both engines. -#}
{% macro epoch_text(ts) %}{{ return(adapter.dispatch('epoch_text')(ts)) }}{% endmacro %}
{% macro default__epoch_text(ts) %}cast(epoch_us({{ ts }}) as varchar){% endmacro %}
{% macro bigquery__epoch_text(ts) %}cast(unix_micros({{ ts }}) as string){% endmacro %}
