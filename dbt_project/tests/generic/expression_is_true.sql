{#- Fails for every row for which the condition does not hold; a null condition fails too. -#}
{% test expression_is_true(model, expression) %}
select *
from {{ model }}
where not coalesce({{ expression }}, false)
{% endtest %}
