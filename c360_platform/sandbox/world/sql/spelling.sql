-- How people write themselves: the e-mail address, names and phone of a person as one source got
-- them. `area` keeps the draws of different sources apart, `id` is the record's own key.

create or replace temp macro email_at(main_email, former_email, changed_at, instant) as
    case
        when former_email is not null and instant < changed_at then former_email
        else main_email
    end;

create or replace temp macro written_email(email, area, id) as case
    when uniform(area || ' email', id) < 0.030 then upper(email)
    when uniform(area || ' email', id) < 0.055 then upper(email[1]) || email[2:]
    when uniform(area || ' email', id) < 0.065 then ' ' || email
    when uniform(area || ' email', id) < 0.075 then email || ' '
    when uniform(area || ' email', id) < 0.085 then replace(email, '@', '+shop@')
    else email
end;

create or replace temp macro plain_umlauts(name) as replace(replace(replace(replace(
    replace(replace(replace(name, 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'),
    'ß', 'ss'), 'Ä', 'Ae'), 'Ö', 'Oe'), 'Ü', 'Ue'
);

create or replace temp macro written_first_name(name, area, id) as case
    when uniform(area || ' name', id) < 0.02 then upper(name)
    when uniform(area || ' name', id) < 0.04 then lower(name)
    when uniform(area || ' name', id) < 0.06 then plain_umlauts(name)
    when uniform(area || ' name', id) < 0.075 then left(name, 1) || '.'
    when uniform(area || ' name', id) < 0.08 then name || ' '
    else name
end;

create or replace temp macro written_last_name(name, area, id) as case
    when uniform(area || ' name', id) < 0.02 then upper(name)
    when uniform(area || ' name', id) < 0.04 then lower(name)
    when uniform(area || ' name', id) < 0.06 then plain_umlauts(name)
    else name
end;

create or replace temp macro address_at(current, former, moved_at, instant) as
    case when former is not null and instant < moved_at then former else current end;

create or replace temp macro written_street(street, area, id) as case
    when uniform(area || ' street', id) < 0.17
        then replace(replace(street, 'straße', 'str.'), 'Straße', 'Str.')
    when uniform(area || ' street', id) < 0.27
        then replace(replace(street, 'straße', 'strasse'), 'Straße', 'Strasse')
    when uniform(area || ' street', id) < 0.30 then upper(street)
    when uniform(area || ' street', id) < 0.33 then lower(street)
    when uniform(area || ' street', id) < 0.37 then plain_umlauts(street)
    when uniform(area || ' street', id) < 0.39 then street || ' '
    -- a typing mistake
    when uniform(area || ' street', id) < 0.40 then street[:3] || street[5:]
    else street
end;

-- A German number is written without its country code only by people who live there.
create or replace temp macro written_phone(phone, country, area, id) as case
    when uniform(area || ' placeholder', id) < 0.012
        then pick(
            ['+49123456789', '0000000000', '0123456789', '+490000000000'], area || ' fake', id
        )
    when uniform(area || ' phone', id) < 0.35 then phone
    when country = 'DE' and uniform(area || ' phone', id) < 0.55
        then '0' || phone[4:7] || ' ' || phone[8:]
    when country = 'DE' and uniform(area || ' phone', id) < 0.70
        then '0' || phone[4:7] || '/' || phone[8:]
    when uniform(area || ' phone', id) < 0.80 then '00' || phone[2:]
    when uniform(area || ' phone', id) < 0.90
        then '+49 ' || phone[4:7] || ' ' || phone[8:10] || ' ' || phone[11:]
    else '+49 (0)' || phone[4:7] || ' ' || phone[8:]
end;

create or replace temp macro is_placeholder_phone(phone) as
    phone in ('+49123456789', '0000000000', '0123456789', '+490000000000');

create or replace temp macro placeholder_email(area, id) as
    pick(['none', 'noemail', 'keine', 'unbekannt', 'test'], area || ' no mailbox', id)
        || '@example.com';

create or replace temp macro is_placeholder_email(email) as
    split_part(email, '@', 1) in ('none', 'noemail', 'keine', 'unbekannt', 'test');
