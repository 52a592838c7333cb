{#- Fails when the latest value is more than max_days before the day the build describes, or lies after it.
    An empty table passes: a source that is not connected is not stale. -#}
{% test recency_freshness(model, column_name, max_days) %}
with latest as (
    select max({{ local_date(column_name) }}) as latest_date
    from {{ model }}
)

select latest_date
from latest
where
    {{ x_date_diff('day', 'latest_date', as_of()) }} > {{ max_days }}
    or latest_date > {{ as_of() }}
{% endtest %}
