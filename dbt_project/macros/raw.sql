{# The tolerant reader of raw tables. What a raw table should look like stands in the source
   YAML; what it does look like is asked of the warehouse while the model compiles. #}

{#- A raw table with exactly the columns, types and order of its source YAML, as a table
    expression. A column is found under its name or the first alias that is there, cast to the
    declared type (null when a value does not fit); a missing column is null, a missing table is
    empty. What is required and missing stops the model, unless none of the source's tables is
    there: a shop need not have every source. With var offline_compile the warehouse is not asked
    and everything counts as present; a unit test's rows are taken as they are. -#}
{% macro raw(source_name, table_name) %}
    {%- set declared = source(source_name, table_name) -%}
    {%- if not execute or declared.is_cte -%}{{- return(declared) -}}{%- endif -%}
    {%- do check_raw_schemas() -%}
    {%- set node = raw_node(source_name, table_name) -%}
    {%- if var('offline_compile', false) -%}
        {%- set relation, present = declared, raw_declared_columns(node) -%}
    {%- else -%}
        {%- set relation = raw_relation(node) -%}
        {%- if relation is none -%}{{- return(raw_missing(node)) -}}{%- endif -%}
        {%- set present = raw_present_columns(relation) -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- set found = ([column.name] + column.config.meta.get('aliases', []))
            | map('lower') | select('in', present) | list -%}
        {%- if found -%}
            {%- set value = raw_cast(present[found[0]], column.data_type) -%}
            {%- do columns.append(value ~ ' as ' ~ column.name) -%}
        {%- elif column.config.meta.get('required') -%}
            {%- do raise_missing_column(node, relation, column) -%}
        {%- else -%}
            {%- do columns.append(raw_null(column)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set selected = columns | join(',\n        ') -%}
    {{- return('(\n    select\n        ' ~ selected ~ '\n    from ' ~ relation ~ '\n)') -}}
{% endmacro %}

{#- Stops the model when var raw_schemas names no source or no dataset. -#}
{% macro check_raw_schemas() %}
    {%- for source_name, schema in var('raw_schemas', {}).items() -%}
        {%- set sources = graph.sources.values() | map(attribute='source_name') | unique | sort -%}
        {%- if source_name not in sources -%}
            {{- exceptions.raise_compiler_error(
                "Variable raw_schemas has a name for " ~ source_name ~ ", which is no source: those are "
                ~ sources | join(', ') ~ "."
            ) -}}
        {%- elif not modules.re.match('^([A-Za-z][A-Za-z0-9_-]*[.])?[A-Za-z0-9_]+$', schema | string) -%}
            {{- exceptions.raise_compiler_error(
                "Variable raw_schemas has '" ~ schema ~ "' for " ~ source_name ~ ". Give a dataset, such as my_"
                ~ source_name ~ ", or one of another project, such as my-project.my_" ~ source_name ~ "."
            ) -}}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#- The source's node in the project graph. -#}
{% macro raw_node(source_name, table_name) %}
    {%- for node in graph.sources.values()
        if node.source_name == source_name and node.name == table_name -%}
        {{- return(node) -}}
    {%- endfor -%}
{% endmacro %}

{#- The relation that holds a raw table, or none: its own name first, then the aliases of the
    table and of the schema. A schema named in var raw_schemas is meant as given and has no
    aliases. -#}
{% macro raw_relation(node) %}
    {%- set schemas = [node.schema] -%}
    {%- if node.source_name not in var('raw_schemas', {}) -%}
        {%- set schemas = schemas + node.source_meta.get('aliases', []) -%}
    {%- endif -%}
    {%- for schema in schemas -%}
        {%- for identifier in [node.identifier] + node.config.meta.get('aliases', []) -%}
            {%- set relation = adapter.get_relation(node.database, schema, identifier) -%}
            {%- if relation is not none -%}{{- return(relation) -}}{%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{#- Columns of a relation by lower-case name: {name: {quoted, type}}. -#}
{% macro raw_present_columns(relation) %}
    {%- set columns = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do columns.update({
            column.name | lower: {
                'quoted': adapter.quote(column.name), 'type': column.data_type | lower
            }
        }) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{#- The declared columns in the form of raw_present_columns(). -#}
{% macro raw_declared_columns(node) %}
    {%- set columns = {} -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.update({
            column.name | lower: {
                'quoted': adapter.quote(column.name), 'type': raw_declared_type(column.data_type)
            }
        }) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{#- The type of a declared column whose table is not looked at. BigQuery has a type for JSON, and a loader
    uses it; in DuckDB it comes as text. -#}
{% macro raw_declared_type(data_type) -%}
    {{ return(adapter.dispatch('raw_declared_type')(data_type)) }}
{%- endmacro %}
{% macro default__raw_declared_type(data_type) %}{{ return(raw_type(data_type)) }}{% endmacro %}
{% macro bigquery__raw_declared_type(data_type) %}{{ return(data_type | lower) }}{% endmacro %}

{#- A present column cast to a declared data_type, null where a value does not fit. Empty text is null; whole
    numbers that a loader left as floats are ids again; numbers are epoch seconds, or milliseconds when large,
    where an instant is due; what is nested is JSON text where text is due. -#}
{% macro raw_cast(column, data_type) %}
    {%- set name, type = column.quoted, column.type -%}
    {%- set wanted = data_type | lower -%}
    {%- set is_nested = type.endswith((']', '>')) or type.startswith(('struct', 'map', 'json')) -%}
    {%- set is_text = type.startswith(('varchar', 'string', 'text', 'char')) and not is_nested -%}
    {%- set is_integer = type.endswith(('int', 'integer', 'int64')) and not type.endswith('hugeint') -%}
    {%- set is_number = is_integer or type.startswith((
        'double', 'float', 'real', 'decimal', 'numeric', 'bignumeric', 'hugeint'
    )) and not is_nested -%}
    {%- if wanted in ('json', 'string') and is_nested -%}
        {{- return(raw_json_text(name, type)) -}}
    {%- elif wanted == 'json' -%}
        {{- return(name if is_text else raw_json_text(name, type)) -}}
    {%- elif wanted == 'string' and is_text -%}
        {{- return("nullif(" ~ name ~ ", '')") -}}
    {%- elif wanted == 'string' and is_number and not is_integer -%}
        {{- return(whole_number_text(name)) -}}
    {%- elif is_text -%}
        {{- return(raw_parsed(name, wanted)) -}}
    {%- elif wanted == 'string' -%}
        {{- return('cast(' ~ name ~ ' as ' ~ type_text() ~ ')') -}}
    {%- elif wanted == 'numeric' -%}
        {{- return(to_money_or_null(name)) -}}
    {%- elif wanted == 'timestamp' and is_number -%}
        {%- set epoch = name if is_integer else dbt.safe_cast('round(' ~ name ~ ')', type_integer()) -%}
        {%- set unit = 'case when abs(' ~ name ~ ') < 100000000000 then 1000 else 1 end' -%}
        {{- return(x_from_epoch_ms('cast(' ~ epoch ~ ' as ' ~ type_integer() ~ ') * ' ~ unit)) -}}
    {%- elif type == raw_type(wanted) -%}
        {#- as it is, so that a filter on it can skip partitions -#}
        {{- return(name) -}}
    {%- elif wanted == 'int64' and is_number -%}
        {{- return(dbt.safe_cast('round(' ~ name ~ ')', type_integer())) -}}
    {%- elif wanted == 'bool' and is_number -%}
        {{- return('(' ~ name ~ ' != 0)') -}}
    {%- else -%}
        {{- return(dbt.safe_cast(name, raw_type(wanted))) -}}
    {%- endif -%}
{% endmacro %}

{#- Text as a declared type other than text; null when it does not fit. -#}
{% macro raw_parsed(text, wanted) -%}
    {%- if wanted == 'numeric' -%}{{- return(money(text)) -}}{%- endif -%}
    {%- set trimmed = x_trim(text) -%}
    {%- if wanted == 'timestamp' -%}
        {{- return(iso_instant(trimmed)) -}}
    {%- elif wanted == 'date' -%}
        {{- return(dbt.safe_cast('substr(' ~ trimmed ~ ', 1, 10)', 'date')) -}}
    {%- elif wanted == 'int64' -%}
        {{- return(x_parse_int(trimmed)) -}}
    {%- elif wanted == 'bool' -%}
        {{- return(
            'case when lower(' ~ trimmed ~ ") in ('true', 't', 'yes', 'y', '1') then true "
            ~ 'when lower(' ~ trimmed ~ ") in ('false', 'f', 'no', 'n', '0') then false end"
        ) -}}
    {%- else -%}
        {#- 1_000 is a number to DuckDB -#}
        {{- return(dbt.safe_cast('replace(' ~ trimmed ~ ", '_', 'x')", raw_type(wanted))) -}}
    {%- endif -%}
{%- endmacro %}

{#- JSON text of a nested value (struct, list, JSON type). -#}
{% macro raw_json_text(expr, type) -%}
    {{ return(adapter.dispatch('raw_json_text')(expr, type)) }}
{%- endmacro %}
{% macro default__raw_json_text(expr, type) %}cast(to_json({{ expr }}) as varchar){% endmacro %}
{% macro bigquery__raw_json_text(expr, type) -%}
    case when {{ expr }} is not null then to_json_string({{ expr }}) end
{%- endmacro %}

{#- Text of a number, without decimals when it has none: 123.0 is '123', 1.50 is '1.5'. -#}
{% macro whole_number_text(expr) -%}
    case when {{ expr }} = floor({{ expr }}) and abs({{ expr }}) < 9e15
        then cast(cast({{ expr }} as {{ type_integer() }}) as {{ type_text() }})
        else cast(cast({{ expr }} as {{ type_double() }}) as {{ type_text() }}) end
{%- endmacro %}

{#- A number as money; null when it does not fit. -#}
{% macro to_money_or_null(expr) -%}
    {{ return(adapter.dispatch('to_money_or_null')(expr)) }}
{%- endmacro %}
{% macro default__to_money_or_null(expr) -%}
    try_cast(try_cast({{ expr }} as decimal(38, 9)) as {{ type_money() }})
{%- endmacro %}
{% macro bigquery__to_money_or_null(expr) %}round(safe_cast({{ expr }} as numeric), 2){% endmacro %}

{#- A missing column: null of the declared type. -#}
{% macro raw_null(column) -%}
    cast(null as {{ raw_type(column.data_type) }}) as {{ column.name }}
{%- endmacro %}

{#- An empty table of the declared columns, or the error when the table is required and its source
    is there. -#}
{% macro raw_missing(node) %}
    {%- if node.config.meta.get('required') -%}
        {%- for other in graph.sources.values()
            if other.source_name == node.source_name and raw_relation(other) is not none -%}
            {{- exceptions.raise_compiler_error(
                "Source " ~ node.source_name ~ " has no table " ~ node.schema ~ "." ~ node.identifier
                ~ ". Load it (also known as " ~ node.config.meta.get('aliases', []) | join(', ')
                ~ "), or name another schema in the variable raw_schemas."
            ) -}}
        {%- endfor -%}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in node.columns.values() -%}
        {%- do columns.append(raw_null(column)) -%}
    {%- endfor -%}
    {{- return('(\n    select\n        ' ~ columns | join(',\n        ') ~ '\n    limit 0\n)') -}}
{% endmacro %}

{#- Stops the model for a required column that a raw table lacks. -#}
{% macro raise_missing_column(node, relation, column) %}
    {%- set aliases = column.config.meta.get('aliases', []) -%}
    {{- exceptions.raise_compiler_error(
        "Source " ~ node.source_name ~ ": table " ~ relation.schema ~ "." ~ relation.identifier
        ~ " has no column " ~ column.name
        ~ (" (also known as " ~ aliases | join(', ') ~ ")" if aliases else "")
        ~ ", which is required: " ~ column.description
        ~ " Add or rename the column where the table is loaded."
    ) -}}
{% endmacro %}
