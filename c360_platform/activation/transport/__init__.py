"""Klaviyo over HTTP: `client` has a method for each call of a sync, `connection` sends within a `budget`.

Belongs here: requests, limits, retries, pages, what an answer says. Does not belong here: bodies
(`activation.payloads`) and what an answer means for a row.
"""
