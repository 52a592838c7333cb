-- What strong links join after fourteen rounds.
{{ warehouse_layout(cluster_by=['node']) }}

{{ more_star_rounds(ref('identity_strong_parts_2'), 6) }}
