{# The day that a build describes. No model asks the clock: any past day can be built again. #}

{#- The day as text, yyyy-mm-dd: var as_of, or the day the run started on the shop's calendar. -#}
{% macro as_of_day() %}
    {%- set tz = modules.pytz.timezone(var('shop_timezone')) -%}
    {%- set day = (var('as_of', none) or run_started_at.astimezone(tz).date()) | string -%}
    {%- if not modules.re.match('^\d{4}-\d{2}-\d{2}$', day) -%}
        {{- exceptions.raise_compiler_error(
            "Variable as_of is '" ~ day ~ "'. Give a day as yyyy-mm-dd, such as 2026-06-30."
        ) -}}
    {%- endif -%}
    {{- return(day) -}}
{% endmacro %}

{#- The day as a DATE literal. -#}
{% macro as_of() %}date '{{ as_of_day() }}'{% endmacro %}

{#- The day's last microsecond on the shop's calendar as a TIMESTAMP literal in UTC. -#}
{% macro as_of_end() %}
    {%- set tz = modules.pytz.timezone(var('shop_timezone')) -%}
    {%- set day = modules.datetime.datetime.strptime(as_of_day(), '%Y-%m-%d') -%}
    {%- set next_day = tz.localize(day + modules.datetime.timedelta(days=1)) -%}
    {%- set end = next_day.astimezone(modules.pytz.utc) - modules.datetime.timedelta(microseconds=1) -%}
    {{- return(x_ts(end.strftime('%Y-%m-%d %H:%M:%S.%f') ~ '+00:00')) -}}
{% endmacro %}

{#- Condition that a row was known on the day; rows without a time are. -#}
{% macro known_as_of(ts) %}({{ ts }} is null or {{ ts }} <= {{ as_of_end() }}){% endmacro %}
