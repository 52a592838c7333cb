{# Rules of attribution that more than one model states. #}

{#- A channel's name in one spelling: lower case, underscores between words. -#}
{% macro channel_name(expr) -%}
    replace(replace(lower({{ clean_text(expr) }}), ' ', '_'), '-', '_')
{%- endmacro %}

{#- Names of the attribution models; each has a column <name>_credit in attribution_credits. -#}
{% macro attribution_models() %}
    {{- return([
        'first_touch', 'last_touch', 'linear', 'time_decay', 'position_based', 'klaviyo_last_touch',
        'markov', 'shapley',
    ]) -}}
{% endmacro %}

{#- What stands between two names in a set of channels; c360_platform/attribution has the same. -#}
{% macro channel_separator() %} + {% endmacro %}
