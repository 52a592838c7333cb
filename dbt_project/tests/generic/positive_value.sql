{#- Fails for values below zero, and for zero too unless it is allowed. Nulls pass. Of a column, or of several columns
    of a model at once. -#}
{% test positive_value(model, column_name=none, columns=none, allow_zero=true) %}
{%- set tested = columns or [column_name] %}
select {{ tested | join(', ') }}
from {{ model }}
where
    {%- for column in tested %}
    {{ 'or ' if not loop.first }}{{ column }} {{ '<' if allow_zero else '<=' }} 0
    {%- endfor %}
{% endtest %}
