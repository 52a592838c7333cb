-- Who exists: invented people with places, mailboxes, phones and shopping habits. One row per
-- person in `person`; how a person is *written* in a source is decided there (`spelling.sql`).

create temp table place_slot as
with places as (
    select *
    from (
        values
        ('DE', 'Berlin', 10115, 14199, 14), ('DE', 'Hamburg', 20095, 22769, 9),
        ('DE', 'München', 80331, 81929, 9), ('DE', 'Köln', 50667, 51149, 7),
        ('DE', 'Frankfurt am Main', 60306, 60599, 5), ('DE', 'Stuttgart', 70173, 70619, 4),
        ('DE', 'Düsseldorf', 40210, 40629, 4), ('DE', 'Leipzig', 4103, 4357, 4),
        ('DE', 'Dresden', 1067, 1328, 3), ('DE', 'Hannover', 30159, 30669, 3),
        ('DE', 'Nürnberg', 90402, 90491, 3), ('DE', 'Bremen', 28195, 28779, 3),
        ('DE', 'Essen', 45127, 45359, 3), ('DE', 'Dortmund', 44135, 44388, 3),
        ('DE', 'Freiburg im Breisgau', 79098, 79117, 2), ('DE', 'Münster', 48143, 48167, 2),
        ('DE', 'Karlsruhe', 76131, 76229, 2), ('DE', 'Augsburg', 86150, 86199, 2),
        ('DE', 'Kiel', 24103, 24159, 2), ('DE', 'Rostock', 18055, 18147, 1),
        ('DE', 'Mainz', 55116, 55131, 1), ('DE', 'Kassel', 34117, 34134, 1),
        ('DE', 'Erfurt', 99084, 99099, 1), ('DE', 'Potsdam', 14467, 14482, 1),
        ('DE', 'Göttingen', 37073, 37085, 1), ('DE', 'Lüneburg', 21335, 21391, 1),
        ('DE', 'Husum', 25813, 25813, 1), ('DE', 'Bad Tölz', 83646, 83646, 1),
        ('AT', 'Wien', 1010, 1230, 4), ('AT', 'Graz', 8010, 8055, 1),
        ('AT', 'Linz', 4020, 4040, 1), ('AT', 'Salzburg', 5020, 5026, 1),
        ('CH', 'Zürich', 8001, 8064, 2), ('CH', 'Basel', 4051, 4059, 1),
        ('LU', 'Luxembourg', 1110, 2999, 1), ('NL', 'Amsterdam', 1011, 1109, 1)
    ) as t (country_code, city, zip_low, zip_high, weight)
)

select
    row_number() over (order by places.city, copies.n) - 1 as slot,
    places.* exclude (weight),
from places
cross join range(14) as copies (n)
where copies.n < places.weight;

set variable place_slots = (select count(*) from place_slot);

create or replace temp macro ascii_name(name) as translate(
    strip_accents(replace(replace(replace(replace(
        lower(name), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'
    )),
    'ı -',
    'i'
);

-- Street and house number as they are written where the country is.
create or replace temp macro home_street(country, purpose, id) as case country
    when 'NL' then pick([
        'Keizersgracht', 'Prinsengracht', 'Overtoom', 'Kinkerstraat', 'Linnaeusstraat', 'Ceintuurbaan'
    ], purpose, id) || ' ' || whole(purpose || ' number', id, 1, 190)
    when 'LU' then whole(purpose || ' number', id, 1, 90) || ', ' || pick([
        'rue de la Gare', 'avenue de la Liberté', 'rue Notre-Dame', 'rue du Fort', 'route de Thionville'
    ], purpose, id)
    else pick([
        'Hauptstraße', 'Schulstraße', 'Gartenstraße', 'Bahnhofstraße', 'Dorfstraße', 'Bergstraße',
        'Birkenweg', 'Lindenstraße', 'Kirchstraße', 'Waldstraße', 'Ringstraße', 'Schillerstraße',
        'Goethestraße', 'Jahnstraße', 'Mühlenweg', 'Wiesenweg', 'Amselweg', 'Mozartstraße',
        'Beethovenstraße', 'Rosenstraße', 'Marktplatz', 'Berliner Straße', 'Münchner Straße',
        'Friedrich-Ebert-Straße', 'Große Bleichen', 'Straße des 17. Juni', 'Am Mühlbach', 'Königsallee',
        'Sankt-Anna-Platz', 'Feldstraße', 'Ahornweg', 'Blumenstraße', 'Rathausplatz', 'Parkallee'
    ], purpose, id) || ' ' || whole(purpose || ' number', id, 1, 140)
    || case when chance(purpose || ' letter', id, 0.08) then pick(['a', ' a', 'b', ' c'], purpose || ' letter', id)
        else '' end
end;

-- Households: every 40th person lives with the one before: same surname, address and phone. Role
-- mailboxes: two colleagues out of 300 people share the address of their firm.
create temp table person_basis as
select
    person_id,
    person_id - (person_id % 40 = 0)::int as head_id,
    person_id - (person_id % 300 = 8)::int as firm_id,
    person_id % 40 in (0, 39) as is_in_household,
    person_id % 300 in (7, 8) as is_at_firm,
    case when chance('gender', person_id, 0.58) then 'f' else 'm' end as gender,
    -- Three years of a growing shop: more people are new than old.
    1 + floor(1094 * pow(uniform('since', person_id), 1.6))::bigint
        as since_days,
from (select unnest(range(1, getvariable('customers')::bigint + 1)) as person_id);

create temp table person_named as
select
    person_basis.*,
    case
        when gender = 'f' then pick([
            'Anna', 'Lena', 'Julia', 'Laura', 'Lea', 'Sarah', 'Katharina', 'Johanna',
            'Marie', 'Sophie', 'Clara', 'Emilia', 'Mia', 'Hannah', 'Paula', 'Greta',
            'Frieda', 'Ida', 'Charlotte', 'Luise', 'Helene', 'Franziska', 'Theresa',
            'Magdalena', 'Sabine', 'Petra', 'Monika', 'Claudia', 'Birgit', 'Heike',
            'Susanne', 'Andrea', 'Karin', 'Ursula', 'Renate', 'Ingrid', 'Brigitte',
            'Jördis', 'Käthe', 'Änne', 'Zoé', 'Renée', 'Ayşe', 'Elif', 'Zeynep', 'Olga',
            'Nadine', 'Melanie', 'Stefanie', 'Nicole', 'Anja', 'Kerstin', 'Silke',
            'Tanja', 'Yvonne', 'Anna-Lena', 'Eva-Maria', 'Marlene', 'Ronja', 'Svenja'
        ], 'first name', person_id)
        else pick([
            'Lukas', 'Leon', 'Finn', 'Jonas', 'Paul', 'Felix', 'Maximilian', 'Emil',
            'Anton', 'Jakob', 'Moritz', 'Ben', 'Elias', 'Noah', 'Theo', 'Oskar', 'Karl',
            'Friedrich', 'Johannes', 'Matthias', 'Andreas', 'Thomas', 'Michael',
            'Stefan', 'Christian', 'Markus', 'Frank', 'Jürgen', 'Jörg', 'Günther',
            'Uwe', 'Klaus', 'Wolfgang', 'Dieter', 'Heinz', 'Bernd', 'Ralf', 'Torsten',
            'Sven', 'Jan', 'Tim', 'Tobias', 'Sebastian', 'Daniel', 'Björn', 'Sören',
            'Mehmet', 'Emre', 'Can', 'René', 'André', 'Henrik', 'Malte', 'Nils', 'Ole',
            'Karl-Heinz', 'Hans-Peter', 'Philipp', 'Simon', 'Vincent'
        ], 'first name', person_id)
    end as first_name,
    pick([
        'Müller', 'Schmidt', 'Schneider', 'Fischer', 'Weber', 'Meyer', 'Wagner',
        'Becker', 'Schulz', 'Hoffmann', 'Schäfer', 'Koch', 'Bauer', 'Richter',
        'Klein', 'Wolf', 'Schröder', 'Neumann', 'Schwarz', 'Zimmermann', 'Braun',
        'Krüger', 'Hofmann', 'Hartmann', 'Lange', 'Schmitt', 'Werner', 'Krause',
        'Meier', 'Lehmann', 'Köhler', 'Herrmann', 'König', 'Walter', 'Mayer',
        'Huber', 'Kaiser', 'Fuchs', 'Peters', 'Lang', 'Scholz', 'Möller', 'Weiß',
        'Jung', 'Hahn', 'Schubert', 'Vogel', 'Friedrich', 'Keller', 'Günther',
        'Frank', 'Berger', 'Winkler', 'Roth', 'Beck', 'Lorenz', 'Baumann', 'Franke',
        'Albrecht', 'Schuster', 'Simon', 'Ludwig', 'Böhm', 'Winter', 'Kraus',
        'Martin', 'Schumacher', 'Krämer', 'Vogt', 'Stein', 'Jäger', 'Otto',
        'Sommer', 'Groß', 'Seidel', 'Heinrich', 'Brandt', 'Haas', 'Schreiber',
        'Graf', 'Dietrich', 'Ziegler', 'Kuhn', 'Kühn', 'Pohl', 'Engel', 'Horn',
        'Busch', 'Bergmann', 'Thomas', 'Voigt', 'Sauer', 'Arnold', 'Wolff',
        'Pfeiffer', 'Yılmaz', 'Kaya', 'Öztürk', 'Demir', 'Çelik', 'Nowak',
        'Kowalski', 'Rossi', 'von Ahlen', 'von der Heide', 'Meyer-Lüdke',
        'Groß-Bölting', 'Süß', 'Thiele', 'Büttner', 'Nyström'
    ], 'surname', head_id) as last_name,
from person_basis;

-- Mailbox names repeat, so the second anna.schmidt of a domain becomes anna.schmidt.2.
create temp table person_mailbox as
with written as (
    select
        person_id,
        ascii_name(first_name) as first_part,
        ascii_name(last_name) as last_part,
        pick([
            'mail.example.com', 'post.example.org', 'web.example.net', 'inbox.example.com',
            'example.org', 'home.example.net', 'example.net', 'mail.example.org'
        ], 'mail domain', person_id) as domain,
        uniform('mailbox form', person_id) as form,
        right(cast(1950 + whole('birth year', person_id, 0, 54) as varchar), 2) as year,
    from person_named
),

named as (
    select
        person_id,
        domain,
        case
            when form < 0.5 then first_part || '.' || last_part
            when form < 0.65 then left(first_part, 1) || '.' || last_part
            when form < 0.75 then first_part || last_part
            when form < 0.85 then first_part || '_' || last_part
            else first_part || year
        end as mailbox,
    from written
),

numbered as (
    select
        *,
        row_number() over (partition by mailbox, domain order by person_id) as copy,
    from named
)

select
    person_id,
    case when copy = 1 then mailbox else mailbox || '.' || copy end || '@' || domain as email,
    mailbox,
from numbered;

create temp table person as
with drawn as (
    select
        person_named.*,
        person_mailbox.email as own_email,
        person_mailbox.mailbox,
        place_slot.country_code,
        place_slot.city,
        lpad(
            whole('zip', head_id, place_slot.zip_low, place_slot.zip_high)::varchar,
            case when place_slot.country_code = 'DE' then 5 else 4 end,
            '0'
        ) as postal_code,
        lpad(
            whole('former zip', person_id, place_slot.zip_low, place_slot.zip_high)::varchar,
            case when place_slot.country_code = 'DE' then 5 else 4 end,
            '0'
        ) as former_postal_code,
        home_street(place_slot.country_code, 'street', head_id) as street,
        home_street(place_slot.country_code, 'former street', person_id) as former_street,
        -- Households stay together, and no two people move on one day.
        chance('moved', person_id, 0.08) and not is_in_household as has_moved,
        chance('buyer', person_id, 0.65) as is_buyer,
        uniform('home channel', person_id) as home_draw,
        uniform('more channels', person_id) as more_draw,
        uniform('language', person_id) as language_draw,
        -- Fictitious ranges: +49 1522 555xxxx; larger worlds go on in a block without an operator.
        case
            when head_id <= 10000 then '+491522555' || lpad((head_id - 1)::varchar, 4, '0')
            else '+491583' || lpad((head_id % 10000000)::varchar, 7, '0')
        end as number,
        chance('has phone', head_id, 0.72) or is_in_household as has_phone,
    from person_named
    inner join person_mailbox using (person_id)
    inner join place_slot
        on whole('place', person_named.head_id, 0, getvariable('place_slots') - 1) = place_slot.slot
)

select
    person_id,
    head_id,
    first_name,
    last_name,
    make_date(
        1950 + whole('birth year', person_id, 0, 54),
        whole('birth month', person_id, 1, 12),
        whole('birth day', person_id, 1, 28)
    ) as birth_date,
    country_code,
    city,
    postal_code,
    street,
    case when has_moved then former_postal_code end as former_postal_code,
    case when has_moved then former_street end as former_street,
    world_end() - to_days(whole('move', person_id, 30, 700)) as moved_at,
    -- Where parcels go to of somebody who is never at home.
    case
        when country_code = 'DE' and chance('parcel locker', person_id, 0.03)
            then 'Packstation ' || whole('parcel locker', head_id, 101, 160)
    end as parcel_locker,
    case
        when language_draw < 0.06 then 'en'
        when language_draw < 0.08 then 'tr'
        when country_code = 'NL' then 'nl'
        when country_code = 'LU' then 'fr'
        else 'de'
    end as language,
    case
        when is_at_firm
            then pick(['info', 'office', 'kontakt', 'team', 'praxis'], 'role', firm_id)
            || '@praxis-' || firm_id // 300 || '.example.org'
        else own_email
    end as email,
    -- A second mailbox, used in the web shop; an earlier one, used until it changed.
    case
        when chance('second mailbox', person_id, 0.12) and not is_at_firm
            then mailbox || '.' || person_id || '@zweit.example.com'
    end as second_email,
    case
        when chance('changed mailbox', person_id, 0.05) and not is_at_firm
            then mailbox || person_id || '@alt.example.net'
    end as former_email,
    world_end() - to_days(whole('mailbox change', person_id, 30, 700)) as email_changed_at,
    case when has_phone then number end as phone,
    case when is_at_firm then 'Praxis ' || firm_id // 300 end as company,
    is_in_household,
    is_at_firm,
    since_days,
    is_buyer,
    case when home_draw < 0.60 then 'shopify' when home_draw < 0.82 then 'amazon' else 'webshop' end
        as home_channel,
    case
        when more_draw < 0.11 then case when home_draw < 0.60 then 'amazon' else 'shopify' end
        when more_draw < 0.29 then case when home_draw >= 0.82 then 'shopify' else 'webshop' end
    end as second_channel,
    case when is_buyer
        then least(40, floor(pow(1 - uniform('loyalty', person_id), -1 / 1.1)))::bigint
        else 0
    end as order_goal,
    pick([28, 32, 45, 60, 75, 95, 120], 'pace', person_id) as usual_gap_days,
    demand.product_no as favourite_no,
    -- How readily a person opens and answers mail; opens of privacy proxies say nothing.
    uniform('mail interest', person_id) as mail_interest,
from drawn
inner join demand
    on whole('favourite', drawn.person_id, 0, getvariable('demand_slots') - 1) = demand.slot;
