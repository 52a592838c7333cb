"""The account itself: the settings that clients ask for before they read anything."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from c360_platform.sandbox.zendesk.protocol import get
from c360_platform.sandbox.zendesk.settings import read_settings


def routes() -> list[Route]:
    """`/account/settings` and `/account/subscription`."""
    return [*get("/account/settings", _settings), *get("/account/subscription", _subscription)]


def _settings(_: Request) -> dict[str, Any]:
    features = {
        "organization_access_enabled": True,
        "customer_satisfaction": True,
        "csat_reason_code": True,
        "ticket_forms": True,
        "user_tagging": True,
    }
    return {
        "settings": {
            "active_features": features,
            "api": {"accepted_api_agreement": True, "api_password_access": False, "api_token_access": True},
            "localization": {"locale_ids": [8]},
            "statistics": {"forum": False, "search": True},
        }
    }


def _subscription(request: Request) -> dict[str, Any]:
    settings = read_settings(request.app.state.store)
    return {"subscription": {"plan_type": settings.plan, "is_trial": False, "currency": "EUR"}}
