-- The truth that the channels' files fill while they write: who is who, what is broken on purpose,
-- and what every order is worth under the definitions of the conformed layer.

create schema if not exists world;

create table world.parameters (
    customers bigint not null,
    seed bigint not null,
    as_of date not null,
    version integer not null,
);

-- table_name 'buyer' of amazon is a relay alias, 'device' of ga4 a user_pseudo_id: no row of their
-- own.
create table world.records (
    source varchar not null,
    table_name varchar not null,
    source_id varchar not null,
    person_id bigint,
);

create table world.defects (
    source varchar not null,
    table_name varchar not null,
    source_id varchar not null,
    defect varchar not null,
);

create table world.orders (
    channel varchar not null,
    order_id varchar not null,
    order_number varchar not null,
    person_id bigint not null,
    ordered_at timestamptz not null,
    is_counted boolean not null,
    gross_amount decimal(18, 2) not null,
    refunded_amount decimal(18, 2) not null,
    net_amount decimal(18, 2) not null,
);

create table world.shipments (
    tracking_number varchar not null,
    carrier varchar not null,
    channel varchar not null,
    order_id varchar not null,
    shipped_at timestamptz,
    first_failed_at timestamptz,
    delivered_at timestamptz,
    returned_at timestamptz,
);
