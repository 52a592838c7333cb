"""What Google's clients expect of the service around the statements: tokens, result pages, a quick start.

Belongs here: HTTP. Does not belong here: SQL.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import bqemulator.api.app as api
from bqemulator import server
from bqemulator.api.routes import upload
from bqemulator.storage.engine import DuckDBEngine
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from launcher import journal

_JOBS_PATH = re.compile(r"/bigquery/v2/projects/[^/]+/(jobs|queries)")


def install() -> None:
    make = api.create_app

    def create_app(context):
        app = make(context)
        _give_tokens(app)
        _never_an_empty_first_page(app)
        _write_down_queries(app)
        return app

    api.create_app = server.create_app = create_app
    # Google's client sends small uploads as */*.
    upload._PERMITTED_MEDIA_CONTENT_TYPES += ("*/*",)
    _start_without_geography()


def _give_tokens(app: FastAPI) -> None:
    """A service-account file whose `token_uri` is here works unchanged, and so does production code."""

    @app.post("/token")
    async def token(request: Request) -> dict[str, Any]:
        return {"access_token": "emulator", "expires_in": 3600, "token_type": "Bearer"}


def _never_an_empty_first_page(app: FastAPI) -> None:
    """`getQueryResults?maxResults=0` asks for the state; rows in the answer pass for an empty first page."""

    @app.middleware("http")
    async def state_only(request: Request, call_next):
        response = await call_next(request)
        asked_for_state = "/queries/" in request.url.path and request.query_params.get("maxResults") == "0"
        if not asked_for_state or response.status_code != 200:
            return response
        body = json.loads(b"".join([chunk async for chunk in response.body_iterator]))
        body.pop("rows", None)
        body.pop("pageToken", None)
        return JSONResponse(body)


def _write_down_queries(app: FastAPI) -> None:
    """Loads write themselves down, because Google's client uploads them in parts."""

    @app.middleware("http")
    async def write_down(request: Request, call_next):
        if request.method == "POST" and _JOBS_PATH.fullmatch(request.url.path):
            body = await request.json()
            configuration = body.get("configuration") or {**body, "query": body}  # jobs.query has no envelope
            if "load" not in configuration:
                journal.write(configuration)
        return await call_next(request)


def _start_without_geography() -> None:
    """`spatial` is an extra of its own; without it only the ST_ functions are missing."""
    load = DuckDBEngine._load_spatial

    def load_spatial(self):
        try:
            load(self)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with it, nothing here needs it)
            sys.stderr.write(f"geography functions are missing: {str(error).splitlines()[0]}\n")

    DuckDBEngine._load_spatial = load_spatial
