{{ warehouse_layout(cluster_by=['customer_id']) }}

with

tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}

),

ticket_metrics as (

    select * from {{ ref('stg_zendesk__ticket_metrics') }}

),

csat as (

    select * from {{ ref('stg_zendesk__csat') }}

),

customer_ids as (

    select * from {{ ref('customer_ids') }}

),

-- A ticket can be rated twice, so ratings are counted before they meet the tickets.
ratings_of_tickets as (

    select
        ticket_id,
        count(is_satisfied) as ratings,
        count(case when is_satisfied then 1 end) as satisfied_ratings,
        sum(score_1_to_5) as score_sum,
        count(score_1_to_5) as scores,
        max(case when not is_satisfied then rated_at end) as last_dissatisfied_at
    from csat
    group by 1

),

-- A ticket merged into another one is the same question asked twice.
totals as (

    select
        customer_ids.customer_id,
        count(*) as total_tickets,
        count(case when tickets.is_open then 1 end) as open_tickets,
        sum(ratings_of_tickets.ratings) as csat_ratings,
        sum(ratings_of_tickets.satisfied_ratings) as csat_satisfied_ratings,
        sum(ratings_of_tickets.score_sum) as score_sum,
        sum(ratings_of_tickets.scores) as scores,
        sum(ticket_metrics.first_reply_minutes) as first_reply_minutes,
        count(ticket_metrics.first_reply_minutes) as replied_tickets,
        sum(ticket_metrics.full_resolution_minutes) as full_resolution_minutes,
        count(ticket_metrics.full_resolution_minutes) as resolved_tickets,
        coalesce(sum(ticket_metrics.reopens), 0) as ticket_reopens,
        min(tickets.created_at) as first_ticket_at,
        max(tickets.created_at) as last_ticket_at,
        max(ratings_of_tickets.last_dissatisfied_at) as last_dissatisfied_at
    from tickets
    inner join customer_ids
        on concat('zendesk:', tickets.requester_id) = customer_ids.record_key
    left join ticket_metrics
        on tickets.ticket_id = ticket_metrics.ticket_id
    left join ratings_of_tickets
        on tickets.ticket_id = ratings_of_tickets.ticket_id
    where not tickets.is_deleted and not tickets.is_merged
    group by 1

),

final as (

    select
        customer_id,
        total_tickets,
        open_tickets,
        cast(coalesce(csat_ratings, 0) as {{ type_integer() }}) as csat_ratings,
        cast(coalesce(csat_satisfied_ratings, 0) as {{ type_integer() }}) as csat_satisfied_ratings,
        round({{ x_safe_divide('csat_satisfied_ratings', 'csat_ratings') }}, 4) as csat_rate,
        round({{ x_safe_divide('score_sum', 'scores') }}, 2) as csat_score,
        round({{ x_safe_divide('first_reply_minutes', 'replied_tickets') }}, 1)
            as avg_first_reply_minutes,
        round({{ x_safe_divide('full_resolution_minutes', 'resolved_tickets') }}, 1)
            as avg_full_resolution_minutes,
        cast(ticket_reopens as {{ type_integer() }}) as ticket_reopens,
        first_ticket_at,
        last_ticket_at,
        last_dissatisfied_at
    from totals

)

select * from final
