-- Pseudo-random numbers as pure functions of (seed, purpose, id), so that a world depends on
-- nothing else: not on threads, row order, the machine or DuckDB's own hash(). Only the salt costs
-- an md5, once per query; the rest is a 32-bit integer mix. Ids are whole numbers >= 0.

create or replace temp macro mixed(x) as (xor(x, x >> 16) * 73244475) & 4294967295;

create or replace temp macro salt(purpose) as
    md5_number_lower(concat(getvariable('seed'), ':', purpose)) & 4294967295;

-- A number in [0, 1).
create or replace temp macro uniform(purpose, id) as
    mixed(mixed(mixed(xor((id)::ubigint % 4294967291, salt(purpose))))) / 4294967296.0;

create or replace temp macro chance(purpose, id, probability) as uniform(purpose, id) < probability;

-- A whole number from low to high, both included.
create or replace temp macro whole(purpose, id, low, high) as
    (low + floor(uniform(purpose, id) * ((high) - (low) + 1)))::bigint;

create or replace temp macro pick(options, purpose, id) as
    options[1 + floor(uniform(purpose, id) * len(options))::bigint];

-- Times. `as_of` is the midnight (UTC) before which everything in the world happened.
create or replace temp macro world_end() as getvariable('as_of')::timestamptz;

create or replace temp macro shop_time(local_timestamp) as
    timezone('Europe/Berlin', (local_timestamp)::timestamp);

create or replace temp macro local_time(instant)
    as timezone('Europe/Berlin', (instant)::timestamptz);

-- A moment of a shop-local day; people shop in the evening, few at night.
create or replace temp macro moment(day, purpose, id) as shop_time(
    (day)::timestamp
    + to_seconds(
        pick([8, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 23, 1],
            purpose || ' hour', id) * 3600
        + whole(purpose || ' second', id, 0, 3599)
    )
);

-- A length of time between two numbers of hours.
create or replace temp macro hours(purpose, id, low, high) as
    to_seconds(floor(((low) + uniform(purpose, id) * ((high) - (low))) * 3600)::bigint);

-- Times as APIs write them: ISO 8601, and whole seconds since 1970.
create or replace temp macro iso_seconds(instant) as strftime(instant, '%Y-%m-%dT%H:%M:%SZ');

create or replace temp macro seconds(instant) as epoch(instant)::bigint;

-- Money is whole cents while it is computed and decimal when it is stored.
create or replace temp macro euros(cents) as ((cents) * 0.01)::decimal(18, 2);

-- Tax contained in a gross amount of cents at the reduced German rate for food supplements.
create or replace temp macro tax_in(cents) as round((cents) * 7 / 107.0)::bigint;
