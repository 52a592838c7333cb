-- As many steps lead into a channel as out of it, and as many paths start as end.
with

flows as (

    select
        to_state as state,
        transitions
    from {{ ref('int_conversion__transitions') }}
    where to_state not in ('(order)', '(none)')

    union all

    select
        from_state as state,
        -transitions as transitions
    from {{ ref('int_conversion__transitions') }}
    where from_state != '(start)'

)

select
    state,
    sum(transitions) as surplus
from flows
group by state
having sum(transitions) != 0
