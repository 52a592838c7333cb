-- What records can be matched by: one row for every record and identifier, as a hash. A strong identifier joins records
-- by itself; a weak one is made of attributes that have to agree together. What may not join anybody has a reason.
{{ warehouse_layout(cluster_by=['identifier_hash']) }}

{%- set limits = var('identity_limits') %}

with

records as (

    select * from {{ ref('identity_records') }}

),

contacts as (

    select * from {{ ref('identity_contacts') }}

),

names as (

    select * from {{ ref('identity_compared_names') }}

),

residences as (

    select * from {{ ref('identity_residences') }}

),

role_mailboxes as (

    select * from {{ ref('role_mailboxes') }}

),

placeholder_birth_dates as (

    select * from {{ ref('placeholder_birth_dates') }}

),

birthdays as (

    select
        records.record_key,
        records.birth_date
    from records
    left join placeholder_birth_dates
        on records.birth_date = placeholder_birth_dates.birth_date
    where records.birth_date <= {{ as_of() }}
        and records.birth_date >= {{ x_date_add(as_of(), -var('identity_oldest_person_years'), 'year') }}
        and placeholder_birth_dates.birth_date is null

),

described as (

    select distinct
        contacts.record_key,
        contacts.email,
        contacts.phone,
        first_names.name_key as first_name,
        last_names.name_key as last_name,
        birthdays.birth_date
    from contacts
    left join names as first_names
        on contacts.first_name = first_names.name
    left join names as last_names
        on contacts.last_name = last_names.name
    left join birthdays
        on contacts.record_key = birthdays.record_key

),

compared as (

    select
        record_key,
        phone,
        birth_date,
        {{ full_name_match_key('first_name', 'last_name') }} as full_name,
        coalesce({{ full_name_match_key('first_name', 'last_name') }}, first_name, last_name) as any_name,
        substr(first_name, 1, 1) as initial,
        substr(last_name, 1, 1) as last_initial,
        substr(cast(birth_date as {{ type_text() }}), 1, 4) as birth_year,
        substr(cast(birth_date as {{ type_text() }}), 6) as birth_day,
        {{ email_match_key('email') }} as email
    from described

),

emails as (

    select
        compared.email,
        {{ x_split_part('compared.email', '@', 1) }} as mailbox,
        max(case when role_mailboxes.local_part is null then 0 else 1 end) = 1 as is_role,
        count(distinct compared.record_key) as records,
        count(distinct compared.any_name) as names,
        count(distinct compared.initial) > 1
        and count(distinct compared.birth_year) > 1
        and count(distinct compared.birth_day) > 1 as may_be_reused
    from compared
    left join role_mailboxes
        on {{ text_before('compared.email', '@') }} = role_mailboxes.local_part
    where compared.email is not null
    group by compared.email

),

phones as (

    select
        phone,
        count(distinct record_key) as records,
        count(distinct any_name) as names
    from compared
    where phone is not null
    group by phone

),

crowded_emails as (

    select
        *,
        case
            when is_role then 'role_mailbox'
            when records > {{ limits.email.records }} then 'too_many_records'
            when names > {{ limits.email.names }} then 'too_many_names'
        end as dropped_because
    from emails

),

-- An address names two people when first names begin differently (also in a form that swaps both names) and birthdays
-- differ in year and day; a typing mistake changes one of these.
contested_emails as (

    select distinct crowded_emails.email
    from crowded_emails
    inner join compared as one
        on crowded_emails.email = one.email
    inner join compared as another
        on crowded_emails.email = another.email
    where crowded_emails.may_be_reused
        and crowded_emails.dropped_because is null
        and one.birth_year < another.birth_year
        and one.birth_day != another.birth_day
        and one.initial not in (another.initial, another.last_initial)
        and another.initial not in (one.initial, one.last_initial)

),

judged_emails as (

    select
        crowded_emails.email,
        crowded_emails.mailbox,
        case
            when contested_emails.email is not null then 'contested' else crowded_emails.dropped_because
        end as dropped_because
    from crowded_emails
    left join contested_emails
        on crowded_emails.email = contested_emails.email

),

judged_phones as (

    select
        phone,
        case
            when records > {{ limits.phone.records }} then 'too_many_records'
            when names > {{ limits.phone.names }} then 'too_many_names'
        end as dropped_because
    from phones

),

-- an account is named by others, and by itself once somebody names it
named_accounts as (

    select
        pointers.record_key,
        pointers.account_key,
        accounts.record_key is null as is_unknown
    from records as pointers
    left join records as accounts
        on pointers.account_key = accounts.record_key
        and accounts.is_channel
    where pointers.account_key is not null

),

accounts as (

    select
        account_key,
        count(*) as records
    from named_accounts
    where not is_unknown
    group by account_key

),

account_identifiers as (

    select
        named_accounts.record_key,
        named_accounts.account_key,
        case
            when named_accounts.is_unknown then 'unknown_account'
            when accounts.records > {{ limits.account.records }} then 'too_many_records'
        end as dropped_because
    from named_accounts
    left join accounts
        on named_accounts.account_key = accounts.account_key
    union all
    select
        account_key as record_key,
        account_key,
        case when records > {{ limits.account.records }} then 'too_many_records' end as dropped_because
    from accounts

),

identifiers as (

    select
        compared.record_key,
        'email' as kind,
        'email:' || compared.email as identifier,
        judged_emails.dropped_because
    from compared
    inner join judged_emails
        on compared.email = judged_emails.email
    union all
    select
        record_key,
        'account' as kind,
        'account:' || account_key as identifier,
        dropped_because
    from account_identifiers
    -- an address of several people still says something together with a name
    union all
    select
        compared.record_key,
        'email_name' as kind,
        'email_name:' || compared.email || ' ' || compared.full_name as identifier,
        cast(null as {{ type_text() }}) as dropped_because
    from compared
    inner join judged_emails
        on compared.email = judged_emails.email
    where judged_emails.dropped_because is not null
    union all
    select
        compared.record_key,
        'phone_name' as kind,
        'phone_name:' || compared.phone || ' ' || compared.full_name as identifier,
        judged_phones.dropped_because
    from compared
    inner join judged_phones
        on compared.phone = judged_phones.phone
    union all
    select
        record_key,
        'name_birth_date' as kind,
        'name_birth_date:' || full_name || ' ' || cast(birth_date as {{ type_text() }}) as identifier,
        cast(null as {{ type_text() }}) as dropped_because
    from compared
    union all
    select
        record_key,
        'name_address' as kind,
        'name_address:' || address || ' ' || full_name as identifier,
        dropped_because
    from residences
    union all
    select
        compared.record_key,
        'mailbox_birth_date' as kind,
        'mailbox_birth_date:' || judged_emails.mailbox || ' ' || cast(compared.birth_date as {{ type_text() }})
            as identifier,
        case when judged_emails.dropped_because = 'role_mailbox' then 'role_mailbox' end as dropped_because
    from compared
    inner join judged_emails
        on compared.email = judged_emails.email

),

unique_identifiers as (

    select
        record_key,
        kind,
        identifier,
        min(dropped_because) as dropped_because
    from identifiers
    where identifier is not null
    group by record_key, kind, identifier

),

final as (

    select
        record_key,
        kind,
        case when kind in ('email', 'account') then 'strong' else 'weak' end as strength,
        {{ x_md5('identifier') }} as identifier_hash,
        dropped_because
    from unique_identifiers

)

select * from final
