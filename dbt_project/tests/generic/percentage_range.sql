{#- Fails for values outside 0 to the maximum (1 for shares, 100 for scores). Nulls pass. Of a column, or of several
    columns of a model at once. -#}
{% test percentage_range(model, column_name=none, columns=none, maximum=1) %}
{%- set tested = columns or [column_name] %}
select {{ tested | join(', ') }}
from {{ model }}
where
    {%- for column in tested %}
    {{ 'or ' if not loop.first }}{{ column }} < 0 or {{ column }} > {{ maximum }}
    {%- endfor %}
{% endtest %}
