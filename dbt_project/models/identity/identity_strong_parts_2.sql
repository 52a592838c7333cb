-- What strong links join after eight rounds.
{{ warehouse_layout(cluster_by=['node']) }}

{{ more_star_rounds(ref('identity_strong_parts_1'), 5) }}
