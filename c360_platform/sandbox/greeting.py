"""What `c360 sandbox` says when it starts: how any client is pointed at it.

Belongs here: one screen of text. Does not belong here: what the control paths take (`control`, `faults`).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def greeting(url: str, path: Path, *, limits: bool, benchmark: bool) -> str:
    """The text for a sandbox at `url` with its state in `path`."""
    rates = "rate limits as documented" if limits else "no rate limits"
    kept = "; bulk writes are counted, not kept" if benchmark else ""
    return f"""\
Sandbox at {url} (state: {path}); {rates}{kept}. Ctrl-C stops it.

Klaviyo (every key that begins with pk_demo)
  Python     KlaviyoAPI("pk_demo_local", test_host="{url}")
  Node       const api = new ProfilesApi(new ApiKeySession("pk_demo_local")); api.basePath = "{url}"
  curl       curl -g -H 'Authorization: Klaviyo-API-Key pk_demo_local' -H 'revision: 2026-10-15' \\
               '{url}/api/profiles?page[size]=5'
  c360       KLAVIYO_BASE_URL={url} KLAVIYO_API_KEY=pk_demo_local
  dlt        SOURCES__KLAVIYO__API_KEY=pk_demo_local python -m dlt_pipelines.klaviyo \\
               --warehouse sandbox.duckdb --base-url {url}
Zendesk (every e-mail with a token that begins with demo)
  zenpy      ZENPY_FORCE_SCHEME=http ZENPY_FORCE_NETLOC={urlsplit(url).netloc}
             Zenpy(subdomain="demo", email="agent@sandbox.example", token="demo")
  curl       curl -u 'agent@sandbox.example/token:demo' \\
               '{url}/api/v2/incremental/tickets/cursor.json?start_time=0'
  c360       ZENDESK_BASE_URL={url} ZENDESK_EMAIL=agent@sandbox.example ZENDESK_API_TOKEN=demo
Airbyte, Singer and others: this address instead of https://a.klaviyo.com and https://SUBDOMAIN.zendesk.com

Control
  state      curl {url}/sandbox/state ; curl {url}/sandbox/calls
  clock      curl {url}/sandbox/clock -d '{{"advance_seconds": 3600}}'
  faults     curl {url}/sandbox/faults -d '{{"kind": "throttle", "retry_after": 2, "times": 3}}'
             curl {url}/sandbox/faults -d '{{"kind": "drop", "path": "/api/profiles", "skip": 2}}'
             curl -X DELETE {url}/sandbox/faults
             pydoc c360_platform.sandbox.faults.Fault; all paths: pydoc c360_platform.sandbox.control
"""
