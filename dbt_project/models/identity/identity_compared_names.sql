-- What people are called, in the form in which it is compared. Few names are written often, so each is compared once.
{{ warehouse_layout(cluster_by=['name']) }}

with

contacts as (

    select * from {{ ref('identity_contacts') }}

),

placeholder_names as (

    select * from {{ ref('placeholder_names') }}

),

written_names as (

    select first_name as name from contacts
    union distinct
    select last_name from contacts

),

compared_names as (

    select
        name,
        {{ name_match_key('name') }} as name_key
    from written_names
    where name is not null

),

final as (

    select
        compared_names.name,
        compared_names.name_key
    from compared_names
    left join placeholder_names
        on compared_names.name_key = placeholder_names.name
    where compared_names.name_key is not null
        and placeholder_names.name is null

)

select * from final
