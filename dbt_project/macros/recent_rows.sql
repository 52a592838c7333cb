{# Tests of tables that grow. A test reads its table on every build; of an export of years, that is far more than what
   a build reads of it. Such a test says `where: event_date >= '__since__ga4_events__'`: the name is one of var
   lookback_days, and the test sees the days that the build reads. #}

{#- dbt's own, in which __since__<name>__ is the first day, yyyymmdd, of the window of that name. -#}
{% macro default__get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}{{- return(relation) -}}{%- endif -%}
    {%- set conditions = [where] -%}
    {%- for name, days in var('lookback_days').items() -%}
        {%- set day = modules.datetime.datetime.strptime(as_of_day(), '%Y-%m-%d')
            - modules.datetime.timedelta(days=days) -%}
        {%- do conditions.append(conditions[-1] | replace('__since__' ~ name ~ '__', day.strftime('%Y%m%d'))) -%}
    {%- endfor -%}
    {{- return('(select * from ' ~ relation ~ ' where ' ~ conditions[-1] ~ ') dbt_subquery') -}}
{%- endmacro %}
