"""The normal form of keys as SQL: a phone as digits, and which values are keys at all.

Belongs here: expressions over one key. Does not belong here: reading a column as text (columns.py) and what
two equal keys mean (identity_sql.py).
"""

from __future__ import annotations

import re

from c360_platform.components.columns import literal
from c360_platform.components.contract import Key
from c360_platform.components.plan import Plan


def phone_text(phone: str, country_code: str | None) -> str:
    """Digits behind a plus, as E.164 writes them, when the country is known; otherwise the digits alone."""
    typed_digits = f"regexp_replace(replace({phone}, '(0)', ''), '[^0-9+]', '', 'g')"
    digits = f"regexp_replace({phone}, '[^0-9]', '', 'g')"
    national = digits
    if country_code is not None:
        local = f"'+{country_code}' || ltrim({digits}, '0')"
        has_code = f"{digits} like '{country_code}%' and length({digits}) > 10"
        national = f"case when {has_code} then '+' || {digits} else {local} end"
    return (
        f"case when {typed_digits} like '+%' then '+' || regexp_replace({typed_digits}, '[^0-9]', '', 'g') "
        f"when {typed_digits} like '00%' then '+' || substr({typed_digits}, 3) "
        f"when {typed_digits} <> '' then {national} end"
    )


def is_usable(key: Key, plan: Plan) -> str:
    conditions = []
    if plan.ignored_key_values:
        pattern = "|".join(
            ".*".join(re.escape(part) for part in value.lower().split("*"))
            for value in plan.ignored_key_values
        )
        conditions.append(f"not regexp_full_match({key}, {literal(pattern)}, 'i')")
    if key == "email":
        conditions.append("regexp_full_match(email, '[^@\\s]+@[^@\\s]+')")
    if key == "phone":
        conditions.append("regexp_full_match(phone, '[+]?[0-9]{7,15}')")
        conditions.append("replace(ltrim(phone, '+'), right(phone, 1), '') <> ''")
    return " and ".join(conditions) or "true"
