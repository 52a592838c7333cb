{# Snapshots follow the day that the build describes, not the clock: a version is valid from and until the end of a
   day. The state at the end of day d is what is valid at that moment: dbt_valid_from <= d and (dbt_valid_to is null
   or dbt_valid_to > d). Of several builds for one day the last one counts; versions in between begin and end at the
   same moment. #}

{#- The moment of every version that dbt opens or closes. -#}
{% macro default__snapshot_get_time() %}{{ as_of_end() }}{% endmacro %}

{#- Strategy 'as_of': dbt's 'check', apart from the version's id. dbt makes it of key and time, but one customer may
    change twice within a day; how many versions the table has by now tells the two apart. -#}
{% macro snapshot_as_of_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {%- set strategy = snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
    {%- set versions = run_query('select count(*) from ' ~ this).rows[0][0] if target_exists else 0 -%}
    {%- do strategy.update({
        'scd_id': snapshot_hash_arguments([strategy.unique_key, "'" ~ as_of_day() ~ "'", "'" ~ versions ~ "'"])
    }) -%}
    {{- return(strategy) -}}
{% endmacro %}

{#- True when the snapshot knows a later day than the build describes. History is not rewritten then: the snapshot
    has to select its own present rows, and nothing changes. -#}
{% macro snapshot_is_ahead() %}
    {%- if not execute or var('offline_compile', false) -%}{{- return(false) -}}{%- endif -%}
    {%- if adapter.get_relation(this.database, this.schema, this.identifier) is none -%}{{- return(false) -}}{%- endif -%}
    {%- set later -%}
        select count(*) from {{ this }} where dbt_valid_from > {{ as_of_end() }} or dbt_valid_to > {{ as_of_end() }}
    {%- endset -%}
    {{- return(run_query(later).rows[0][0] > 0) -}}
{% endmacro %}
