-- Who gets more mail than they react to?
-- Mails of the last days that engagement looks at (email_engagement_days), in quarters of customers by how many they
-- got. Clicks, not opens: mail programs open by themselves.
with

customers as (

    select * from {{ ref('dim_customers') }}
    where can_receive_email and emails_received > 0

),

quartered as (

    select
        *,
        least(4, 1 + floor(4 * percent_rank() over (order by emails_received))) as quarter_by_mails
    from customers

),

final as (

    select
        cast(quarter_by_mails as {{ type_integer() }}) as quarter_by_mails,
        count(*) as customers,
        min(emails_received) as fewest_mails,
        max(emails_received) as most_mails,
        {{ x_safe_divide('sum(emails_clicked)', 'sum(emails_received)') }} as clicks_per_mail,
        sum(case when emails_clicked = 0 then 1 else 0 end) as customers_without_a_click,
        sum(case when emails_clicked = 0 and not is_active then 1 else 0 end) as of_them_not_active,
        {{ x_safe_divide('sum(revenue_last_365_days)', 'count(*)') }} as revenue_per_customer
    from quartered
    group by 1

)

select * from final
order by quarter_by_mails asc
