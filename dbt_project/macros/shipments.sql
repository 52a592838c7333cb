{# What carriers say, in one vocabulary: label_created, picked_up, in_transit, out_for_delivery,
   ready_for_pickup, delivered, delivery_failed, delivery_delayed, returned_to_sender, unknown. #}

{#- Event type of a DHL event. The code decides; the status refines what is under way.
    code: lower case; status: upper case, '' when there is none. -#}
{% macro dhl_event_type(code, status) -%}
    case
        when {{ code }} = 'delivered' then 'delivered'
        when {{ code }} = 'pre-transit' then 'label_created'
        when {{ status }} like '%RETURN%' then 'returned_to_sender'
        when {{ code }} = 'failure' then 'delivery_failed'
        when {{ status }} like '%DELAY%' then 'delivery_delayed'
        when {{ status }} like '%OUT_FOR_DELIVERY%' or {{ status }} like '%IN_DELIVERY%'
            then 'out_for_delivery'
        when {{ status }} like '%READY_FOR_PICKUP%' or {{ status }} like '%READY_FOR_COLLECTION%'
            or {{ status }} like '%AVAILABLE_FOR_PICKUP%' then 'ready_for_pickup'
        when {{ status }} like '%PICKED_UP%' then 'picked_up'
        when {{ code }} = 'transit' then 'in_transit'
        else 'unknown'
    end
{%- endmacro %}

{#- Event type of a DPD scan. code: the status in lower case; was_attempted: condition that a
    delivery failed or the parcel lay at a shop before. -#}
{% macro dpd_event_type(code, was_attempted) -%}
    case
        when {{ code }} = 'delivered' then 'delivered'
        when {{ code }} = 'pickedup' and {{ was_attempted }} then 'delivered'
        when {{ code }} = 'pickedup' then 'picked_up'
        when {{ code }} = 'deliveryfailure' then 'delivery_failed'
        when {{ code }} = 'returningfromdelivery' then 'returned_to_sender'
        when {{ code }} = 'parcelshop' then 'ready_for_pickup'
        when {{ code }} = 'courier' then 'out_for_delivery'
        when {{ code }} in ('depot', 'betweendepots') then 'in_transit'
        when {{ code }} in ('announced', 'shipmentordered', 'labelcreated') then 'label_created'
        else 'unknown'
    end
{%- endmacro %}

{#- Instant of ISO 8601 text; without a zone it is the shop's wall clock; null when it is no time. -#}
{% macro shop_instant(text) -%}
    case
        when {{ text }} like '%Z'
            or substr({{ text }}, 11) like '%+%' or substr({{ text }}, 11) like '%-%'
            then {{ iso_instant(x_trim(text)) }}
        else {{ local_to_utc(iso_wall_clock(x_trim(text))) }}
    end
{%- endmacro %}

{#- Instant of a promise: a time as in shop_instant(), a bare day ends at midnight in the shop's
    zone. -#}
{% macro shop_deadline(text) -%}
    case
        when length({{ x_trim(text) }}) = 10
            then {{ local_to_utc(iso_wall_clock(x_trim(text) ~ " || ' 23:59:59'")) }}
        else {{ shop_instant(text) }}
    end
{%- endmacro %}
