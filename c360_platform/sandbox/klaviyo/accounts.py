"""Klaviyo accounts: what a key belongs to.

Belongs here: `/api/accounts`. Does not belong here: keys and scopes (`settings`).
"""

from __future__ import annotations

from typing import Any

from c360_platform.sandbox.klaviyo import errors
from c360_platform.sandbox.klaviyo.endpoint import Answer, Call, Endpoint
from c360_platform.sandbox.limits import XS


def endpoints() -> list[Endpoint]:
    return [
        Endpoint("GET", "/api/accounts", get_accounts, XS, ("accounts:read",)),
        Endpoint("GET", "/api/accounts/{id}", get_account, XS, ("accounts:read",)),
    ]


def get_accounts(call: Call) -> Answer:
    links = {"self": call.self_link(), "next": None, "prev": None}
    return Answer(body={"data": [_account(call)], "links": links})


def get_account(call: Call) -> Answer:
    account_id = call.path_params["id"]
    if account_id != call.key.account:
        raise errors.not_found(f"Account with id {account_id} not found.")
    return Answer(body={"data": _account(call), "links": {"self": call.self_link()}})


def _account(call: Call) -> dict[str, Any]:
    account_id = call.key.account
    return {
        "type": "account",
        "id": account_id,
        "attributes": {
            "test_account": True,
            "contact_information": {
                "default_sender_name": "Sandbox Shop",
                "default_sender_email": "hello@shop.example",
                "website_url": "https://shop.example",
                "organization_name": "Sandbox Shop",
                "street_address": {
                    "address1": "Musterweg 1",
                    "address2": None,
                    "city": "Berlin",
                    "region": None,
                    "country": "Germany",
                    "zip": "10115",
                },
            },
            "industry": "Health & Beauty",
            "timezone": "Europe/Berlin",
            "preferred_currency": "EUR",
            "public_api_key": account_id,
            "locale": "de-DE",
        },
        "links": {"self": call.link(f"/api/accounts/{account_id}/")},
    }
