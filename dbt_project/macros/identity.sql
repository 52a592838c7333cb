{# How records of one person are found: values in the form in which they are compared, and the parts of a graph. #}

{#- E-mail as it is compared, and only compared: without what stands behind a plus; at providers that ignore dots (var
    dotless_mail_domains) without those. email: normalised. -#}
{% macro email_match_key(email) -%}
    {%- set mailbox = x_split_part(text_before(email, '@'), '+', 1) -%}
    {%- set domain = text_after(email, '@') -%}
    case
        when {{ domain }} in ('{{ var('dotless_mail_domains') | join("', '") }}')
            then replace({{ mailbox }}, '.', '') || '@{{ var('dotless_mail_domains')[0] }}'
        else {{ mailbox }} || '@' || {{ domain }}
    end
{%- endmacro %}

{#- Text in lower case with umlauts as they are written without them. -#}
{% macro without_umlauts(text) -%}
    {%- set spelled = namespace(sql='lower(' ~ x_nfc(text) ~ ')') -%}
    {%- for letter, written in {'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'ß': 'ss', 'ø': 'oe', 'æ': 'ae', 'ı': 'i'}.items() -%}
        {%- set spelled.sql = "replace(" ~ spelled.sql ~ ", '" ~ letter ~ "', '" ~ written ~ "')" -%}
    {%- endfor -%}
    {{- spelled.sql -}}
{%- endmacro %}

{#- Name as it is compared: lower case, letters alone, umlauts as they are written without them, no accents; null when no
    letter is left. -#}
{% macro name_match_key(name) -%}
    nullif({{ x_letters(without_umlauts(name)) }}, '')
{%- endmacro %}

{#- The words of a street, spelled as names are, with a blank before and behind each. -#}
{% macro street_words(street) %}' ' || {{ x_words(without_umlauts(street)) }} || ' '{% endmacro %}

{#- Street and house number as they are compared: letters and digits alone, spelled as names are, the words that are often
    shortened in their short form. Two numbers stay two (12/3 is not 123). Null in care of somebody: nobody lives there
    who is written so. words: as street_words() gives them, in a step of its own because both are deeply nested. -#}
{% macro street_match_key(words) -%}
    {%- set spelled = namespace(sql=words) -%}
    {%- for written, short in {
        ' nr ': ' ', 'strasse': 'str', 'platz ': 'pl ', ' sankt ': ' st ', ' street ': ' st ', ' road ': ' rd ',
        ' avenue ': ' ave ',
    }.items() -%}
        {%- set spelled.sql = "replace(" ~ spelled.sql ~ ", '" ~ written ~ "', '" ~ short ~ "')" -%}
    {%- endfor -%}
    case
        when strpos({{ words }}, ' c o ') = 0
            then nullif(replace({{ x_regex_replace(spelled.sql, '([0-9]) ([0-9])', '\\1-\\2') }}, ' ', ''), '')
    end
{%- endmacro %}

{#- Postal code as it is compared: letters and digits alone, without the country before it (D-10115) and the zeros that
    spreadsheets drop. -#}
{% macro postal_code_match_key(postal_code) -%}
    {%- set code = x_regex_replace('lower(' ~ postal_code ~ ')', '^[a-z]{1,2}[ -]+|[^a-z0-9]', '') -%}
    nullif(ltrim({{ code }}, '0'), '')
{%- endmacro %}

{#- Both names in the order of the alphabet, because forms swap them; null when one is missing. -#}
{% macro full_name_match_key(first_name, last_name) -%}
    {#- DuckDB's least() passes over nulls -#}
    case
        when {{ first_name }} < {{ last_name }} then {{ first_name }} || ' ' || {{ last_name }}
        else {{ last_name }} || ' ' || {{ first_name }}
    end
{%- endmacro %}

{#- Text by whose order records are older and younger, and whose last part is the record's key: created first, then by
    key; records without a time are the youngest. -#}
{% macro record_seniority(created_at, record_key) -%}
    coalesce(lpad({{ epoch_text(created_at) }}, 20, '0'), '{{ '9' * 20 }}') || ' ' || {{ record_key }}
{%- endmacro %}

{#- The record that a seniority names. -#}
{% macro senior_record(seniority) %}substr({{ seniority }}, 22){% endmacro %}

{#- Names of CTEs that bring every node of a graph closer to the smallest node of its part, as text of a with clause
    without its last comma; the last CTE is <prefix>_<rounds>.
    source: CTE of the edges (node, parent), node above parent. A round halves the longest way, whatever the order of the
    nodes: first all greater neighbours of a node are tied to its smallest neighbour, then all smaller ones (the
    large-star and small-star of Kiveris et al., 2014). Edges stay as many or become fewer, and every CTE is read once:
    BigQuery computes a CTE again for each reader. -#}
{% macro star_rounds(source, rounds, prefix='round') -%}
    {%- set edges = namespace(cte=source) -%}
    {%- for round in range(1, rounds + 1) -%}
    {{ prefix }}_{{ round }}_both_ways as (

        select
            case when direction = 0 then node else parent end as node,
            case when direction = 0 then parent else node end as neighbour
        from {{ edges.cte }}
        cross join {{ x_unnest('[0, 1]', 'direction') }}

    ),

    {{ prefix }}_{{ round }}_smallest as (

        select
            *,
            min(neighbour) over (partition by node) as smallest
        from {{ prefix }}_{{ round }}_both_ways

    ),

    {{ prefix }}_{{ round }}_large as (

        select distinct
            neighbour as node,
            least(node, smallest) as parent
        from {{ prefix }}_{{ round }}_smallest
        where neighbour > node

    ),

    {{ prefix }}_{{ round }}_parents as (

        select
            *,
            min(parent) over (partition by node) as smallest
        from {{ prefix }}_{{ round }}_large

    ),

    {{ prefix }}_{{ round }} as (

        select distinct
            case when side = 0 then node else parent end as node,
            smallest as parent
        from {{ prefix }}_{{ round }}_parents
        cross join {{ x_unnest('[0, 1]', 'side') }}
        where side = 0 or parent != smallest

    )
    {%- set edges.cte = prefix ~ '_' ~ round -%}
    {{ ',' if not loop.last }}

    {% endfor -%}
{%- endmacro %}

{#- A further model of rounds over the edges of the one before: parts that are stars already stay as they are. -#}
{% macro more_star_rounds(relation, rounds) -%}
with

edges as (

    select * from {{ relation }}

),

children as (

    select
        node,
        count(*) as parents
    from edges
    group by node

),

parents as (

    select distinct parent from edges

),

-- A part is a star when its smallest record is nobody's child and everybody else is only that one's.
unfinished_parents as (

    select distinct edges.parent
    from edges
    inner join children
        on edges.node = children.node
    left join parents
        on edges.node = parents.parent
    left join children as elders
        on edges.parent = elders.node
    where children.parents > 1
        or parents.parent is not null
        or elders.node is not null

),

marked as (

    select
        edges.node,
        edges.parent,
        unfinished_parents.parent is not null as is_unfinished
    from edges
    left join unfinished_parents
        on edges.parent = unfinished_parents.parent

),

unfinished as (

    select
        node,
        parent
    from marked
    where is_unfinished

),

{{ star_rounds('unfinished', rounds) }},

final as (

    select
        node,
        parent
    from marked
    where not is_unfinished
    union all
    select
        node,
        parent
    from round_{{ rounds }}

)

select * from final
{%- endmacro %}
