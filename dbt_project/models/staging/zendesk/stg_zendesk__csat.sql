-- Both forms of customer satisfaction in one: the older good/bad rating and the survey of one to
-- five. Offers that nobody answered are no rating.
with

legacy as (

    select
        *,
        lower(score) like 'good%' as is_satisfied
    from {{ raw('zendesk', 'satisfaction_ratings') }}
    where (lower(score) like 'good%' or lower(score) like 'bad%')
        and {{ known_as_of('coalesce(updated_at, created_at)') }}

),

survey as (

    select * from {{ raw('zendesk', 'csat_survey_responses') }}
    where rating between 1 and 5
        and {{ known_as_of('coalesce(updated_at, created_at)') }}

),

final as (

    select
        'legacy:' || id as rating_key,
        ticket_id,
        requester_id,
        'legacy' as form,
        is_satisfied,
        case when is_satisfied then 5 else 1 end as score_1_to_5,
        {{ clean_text('comment') }} as comment,
        coalesce(updated_at, created_at) as rated_at
    from legacy

    union all

    select
        'survey:' || id as rating_key,
        ticket_id,
        requester_id,
        'survey' as form,
        rating >= {{ var('csat_satisfied_from') }} as is_satisfied,
        rating as score_1_to_5,
        {{ clean_text('comment') }} as comment,
        coalesce(updated_at, created_at) as rated_at
    from survey

)

select * from final
