{#- Fails for values below zero, and for zero too unless it is allowed. Nulls pass. -#}
{% test positive_value(model, column_name, allow_zero=true) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} {{ '<' if allow_zero else '<=' }} 0
{% endtest %}
