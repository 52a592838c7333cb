{# Months of the shop's calendar. #}

{#- First day of the last month that is over on the day that the build describes, as a DATE; a month is over on its
    last day, because the build describes all of that day. -#}
{% macro last_finished_month() -%}
    {%- set tomorrow = modules.datetime.datetime.strptime(as_of_day(), '%Y-%m-%d')
        + modules.datetime.timedelta(days=1) -%}
    {%- set last_day = tomorrow.replace(day=1) - modules.datetime.timedelta(days=1) -%}
    date '{{ last_day.strftime('%Y-%m') }}-01'
{%- endmacro %}
