"""GoogleSQL's comments and literals, brought to the one spelling that all passes of the emulator understand.

The emulator reads statements with a dozen hand-written scanners. They take an apostrophe in a comment for the
beginning of a string (and then write `2026-06-30 21:59:59.999999e0` into a timestamp), and know neither
triple quotes nor escapes within them. So comments go, and every string becomes a plain one in single quotes.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)
    |(?P<name>`[^`]*`)
    |(?P<prefix>\b(?:[rR][bB]|[bB][rR]|[rR]|[bB]))?
     (?P<string>'{3}(?:\\.|[^\\])*?'{3}|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_NAMED = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def plain(sql: str) -> str:
    """The statement without comments, its strings in single quotes; byte strings stay as they are."""
    return _TOKEN.sub(_plain_token, sql)


def _plain_token(match: re.Match[str]) -> str:
    if match["comment"]:
        return " "
    prefix = (match["prefix"] or "").lower()
    if match["name"] or "b" in prefix:
        return match[0]
    text = match["string"]
    marks = 3 if text[:3] in ("'''", '"""') else 1
    body = text[marks:-marks]
    value = body if prefix == "r" else _ESCAPE.sub(_unescaped, body)
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code.isdigit() and len(code) == 3:
        return chr(int(code, 8))
    return _NAMED.get(code, code)
