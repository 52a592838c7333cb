{#- Fails for values outside 0 to the maximum (1 for shares, 100 for scores). Nulls pass. -#}
{% test percentage_range(model, column_name, maximum=1) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} < 0 or {{ column_name }} > {{ maximum }}
{% endtest %}
