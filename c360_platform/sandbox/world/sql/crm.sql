-- Contacts of the CRM: collected at fairs and from forms, entered twice, and sometimes under an
-- address that is nobody's (placeholders, Amazon's aliases copied from a parcel).

create schema if not exists crm;

create temp table crm_contact as
with members as (
    select
        *,
        unnest(range(case when chance('crm twice', person_id, 0.07) then 2 else 1 end)) as copy,
    from person
    where chance('crm', person_id, case when company is null then 0.16 else 1 end)
),

drawn as (
    select
        members.*,
        members.person_id * 2 + members.copy as draw_id,
        least(
            moment(
                cast(world_end() as date)
                - greatest(1, members.since_days - members.copy * 90)::integer,
                'crm', members.person_id * 2 + members.copy
            ),
            world_end() - interval 1 hour
        ) as created_at,
        amazon_alias.alias,
    from members
    left join (select distinct person_id, alias from amazon_order where alias is not null)
        as amazon_alias
        using (person_id)
),

written as (
    select
        *,
        email_at(email, former_email, email_changed_at, created_at) as true_email,
        case
            when alias is not null and chance('crm alias', draw_id, 0.25) then alias
            when chance('crm no mailbox', draw_id, 0.01) then placeholder_email('crm', draw_id)
            when chance('crm without email', draw_id, 0.04) then null
            when copy = 1 then upper(true_email)
            else written_email(true_email, 'crm', draw_id)
        end as written_email,
        written_first_name(first_name, 'crm', draw_id) as written_first_name,
        written_last_name(last_name, 'crm', draw_id) as written_last_name,
        written_phone(phone, country_code, 'crm', draw_id) as written_phone,
        case
            when chance('crm street', draw_id, 0.4)
                then written_street(
                    address_at(street, former_street, moved_at, created_at), 'crm', draw_id
                )
        end as written_street,
        case
            when chance('crm street', draw_id, 0.4)
                then address_at(postal_code, former_postal_code, moved_at, created_at)
        end as written_postal_code,
        chance('crm archived', draw_id, 0.03) as is_archived,
    from drawn
)

select
    'C' || lpad((row_number() over (order by created_at, draw_id))::varchar, 6, '0') as contact_id,
    *,
from written;

create table crm.contacts as
select
    contact_id,
    written_email as email,
    written_first_name as first_name,
    written_last_name as last_name,
    written_phone as phone,
    company,
    written_street as street,
    written_postal_code as postal_code,
    country_code,
    split_part(origin, '/', 1) as acquisition_source,
    split_part(origin, '/', 2) as acquisition_medium,
    nullif(split_part(origin, '/', 3), '') as acquisition_campaign,
    created_at,
    least(created_at + hours('crm edit', draw_id, 0, 5000), world_end() - interval 30 minutes)
        as updated_at,
    is_archived as archived,
from (
    select
        *,
        pick([
            'google/cpc/brand', 'google/organic/', 'instagram/social/story',
            'facebook/social/lookalike', 'newsletter/email/weekly', 'messe/fair/herbst',
            'empfehlung/referral/', 'podcast/audio/sponsoring'
        ], 'crm origin', person_id) as origin,
    from crm_contact
);

-- Truth -------------------------------------------------------------------------------------------

insert into world.records
select 'crm', 'contacts', contact_id, person_id from crm_contact;

insert into world.defects
select 'crm', 'contacts', contact_id, unnest(list_filter([
    case when copy = 1 then 'duplicate' end,
    case when written_email = alias then 'relay_email'
        when is_placeholder_email(written_email) then 'placeholder_email'
        when written_email <> true_email then 'email_spelling' end,
    case when written_email is null then 'no_email' end,
    case
        when written_first_name <> first_name or written_last_name <> last_name then 'name_variant'
    end,
    case when is_placeholder_phone(written_phone) then 'placeholder_phone'
        when is_in_household and written_phone is not null then 'shared_phone' end,
    case when is_at_firm then 'role_mailbox' end,
    case when is_archived then 'archived' end,
], lambda defect: defect is not null))
from crm_contact;
