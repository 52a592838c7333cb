{# Recency, frequency and monetary scores, 1 to 5: one truth for all models that score. A rank is the share of the
   others that a customer leaves behind; equal values share a rank, so equal customers share a score. #}

{#- Rank of a value among the rows of one group, 0 to 1. -#}
{% macro rfm_rank(value, among) -%}
    percent_rank() over (partition by {{ among }} order by {{ value }})
{%- endmacro %}

{#- Score of a rank by days since the last order: the latest fifth is 5. -#}
{% macro recency_score(rank) -%}
    cast(5 - least(4, floor(5 * {{ rank }})) as {{ type_integer() }})
{%- endmacro %}

{#- Score of a rank by orders or revenue: the greatest fifth is 5. -#}
{% macro frequency_or_monetary_score(rank) -%}
    cast(least(5, 1 + floor(5 * {{ rank }})) as {{ type_integer() }})
{%- endmacro %}

{#- The cell, one digit a score: 555 is best. -#}
{% macro rfm_cell(recency_score, frequency_score, monetary_score) -%}
    concat(
        {%- for score in [recency_score, frequency_score, monetary_score] %}
        cast({{ score }} as {{ type_text() }}){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
