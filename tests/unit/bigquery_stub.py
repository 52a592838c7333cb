"""As much of BigQuery's REST API as a client needs to start a job and read its rows, with faults on demand.

Belongs here: answering over HTTP on loopback, recording what was asked, refusing and hanging up when told.
Does not belong here: SQL; every query has the rows that the test put in.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "shop-playground"
Json = dict[str, Any]


@dataclass
class Fault:
    """What goes wrong with requests whose method and path begin and end so.

    `status` 0 hangs up without an answer, after the request was carried out if `late`.
    """

    method: str
    path: str
    status: int = 0
    reason: str = ""
    message: str = "no reason given"
    times: int = 1
    late: bool = False


@dataclass
class Service:
    """The service's state: jobs by id, tables, datasets, and faults that wait for their request."""

    url: str = ""
    schema: list[Json] = field(default_factory=lambda: [{"name": "n", "type": "INTEGER"}])
    rows: list[list[Any]] = field(default_factory=lambda: [["1"]])
    datasets: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    outcomes: list[Json] = field(default_factory=list)
    running_polls: int = 0
    page_sizes: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    token_answer: tuple[int, Json] = (
        200,
        {"access_token": "stub", "expires_in": 3600, "token_type": "Bearer"},
    )

    @property
    def configurations(self) -> list[Json]:
        """Configuration of every job, in the order in which they were carried out."""
        return [job["configuration"] for job in self.jobs.values()]

    def fails(self, reason: str, message: str, *, times: int = 1) -> None:
        """The next jobs are taken and then fail."""
        self.outcomes += [{"errorResult": {"reason": reason, "message": message}}] * times

    def refuses(self, method: str, path: str, status: int, reason: str, message: str, times: int = 1) -> None:
        """The next such requests are answered with an error."""
        self.faults.append(Fault(method, path, status, reason, message, times))

    def hangs_up(self, method: str, path: str, *, times: int = 1, late: bool = False) -> None:
        """The next such requests get no answer."""
        self.faults.append(Fault(method, path, times=times, late=late))

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and fault.path in path:
                fault.times -= 1
                return fault
        return None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Json]:
        """What the service does and says; unknown requests are a bug of the test."""
        if path == "/token":
            return self.token_answer
        parts = path.split("/")
        kind = parts[parts.index("projects") + 2]
        rest = parts[parts.index("projects") + 3 :]
        if kind == "jobs" and method == "POST" and not rest:
            return self._start(body)
        if kind == "jobs":
            return (200, self._polled(self.jobs[rest[0]])) if rest[0] in self.jobs else (404, _missing("job"))
        if kind == "queries" and method == "POST":  # a start and a first page in one request
            job_id = body["requestId"]
            query = {name: body[name] for name in ("query", "maximumBytesBilled") if name in body}
            limits = {name: body[name] for name in ("labels", "jobTimeoutMs") if name in body}
            reference = {"jobId": job_id, "location": body.get("location")}
            self._start({"jobReference": reference, "configuration": {"query": query, **limits}})
            return self._rows(self.jobs[job_id], {})
        if kind == "queries":
            return self._rows(self.jobs[rest[0]], query)
        return self._metadata(method, rest, body)

    def _start(self, body: Json) -> tuple[int, Json]:
        job_id = body["jobReference"]["jobId"]
        if job_id in self.jobs:
            return 409, _error("duplicate", f"Already Exists: Job {PROJECT}:EU.{job_id}")
        outcome = self.outcomes.pop(0) if self.outcomes else {}
        self.jobs[job_id] = {
            **body,
            "jobReference": {"projectId": PROJECT, "location": "EU", **body["jobReference"]},
            "status": {"state": "RUNNING" if self.running_polls else "DONE", **outcome},
            "statistics": {"query": {"totalBytesBilled": "0"}},
            "polls": self.running_polls,
        }
        return 200, self.jobs[job_id]

    def _polled(self, job: Json) -> Json:
        job["polls"] -= 1
        if job["polls"] < 0:
            job["status"]["state"] = "DONE"
        return job

    def _rows(self, job: Json, query: dict[str, list[str]]) -> tuple[int, Json]:
        if job["status"]["state"] != "DONE":
            return 200, {"jobComplete": False, "jobReference": job["jobReference"]}
        start = int(query.get("pageToken", ["0"])[0])
        size = int(query.get("maxResults", ["100000"])[0])
        self.page_sizes.append(size)
        page = self.rows[start : start + size]
        answer = {
            "jobComplete": True,
            "jobReference": job["jobReference"],
            "schema": {"fields": self.schema},
            "totalRows": str(len(self.rows)),
            "rows": [{"f": [{"v": value} for value in row]} for row in page],
        }
        if start + size < len(self.rows):
            answer["pageToken"] = str(start + size)
        return 200, answer

    def _metadata(self, method: str, rest: list[str], body: Json) -> tuple[int, Json]:
        if method == "POST":
            name = body["datasetReference"]["datasetId"]
            self.datasets[name] = body.get("location", "US")
            return 200, {**body, "id": f"{PROJECT}:{name}"}
        dataset, *inside = rest
        if dataset not in self.datasets:
            return 404, _error("notFound", f"Not found: Dataset {PROJECT}:{dataset}")
        reference = {"projectId": PROJECT, "datasetId": dataset}
        if not inside:
            return 200, {"datasetReference": reference, "location": self.datasets[dataset]}
        of_dataset = {name: table for name, table in self.tables.items() if name.startswith(f"{dataset}.")}
        if len(inside) == 1:
            listed = [
                {"tableReference": {**reference, "tableId": name.split(".")[1]}, "type": table["type"]}
                for name, table in of_dataset.items()
            ]
            return 200, {"tables": listed, "totalItems": len(listed)}
        table = of_dataset.get(f"{dataset}.{inside[1]}")
        if table is None:
            return 404, _error("notFound", f"Not found: Table {PROJECT}:{dataset}.{inside[1]}")
        return 200, {"tableReference": {**reference, "tableId": inside[1]}, **table}


def _error(reason: str, message: str) -> Json:
    return {"error": {"message": message, "errors": [{"reason": reason, "message": message}]}}


def _missing(what: str) -> Json:
    return _error("notFound", f"Not found: {what}")


@contextmanager
def running_service() -> Iterator[Service]:
    """A service on a free port of 127.0.0.1, with one dataset `marts`."""
    service = Service(datasets={"marts": "EU"})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            parts = urlsplit(self.path)
            asked = f"{self.command} {parts.path}"
            service.requests.append(asked)
            fault = service.fault(self.command, parts.path)
            if fault is not None and fault.status:
                error = _error(fault.reason, fault.message)
                return self._say(fault.status, {"error": {**error["error"], "code": fault.status}})
            if fault is None or fault.late:
                status, answer = service.answer(
                    self.command, parts.path, parse_qs(parts.query), self._body(sent)
                )
                if fault is None:
                    return self._say(status, answer)
            self.close_connection = True
            return None

        def _body(self, sent: bytes) -> Any:
            kind = self.headers.get("Content-Type") or ""
            if "multipart/related" in kind:  # the job's description, then the file
                sent = sent.split(b"\r\n\r\n", 2)[1].split(b"\r\n--", 1)[0]
            return json.loads(sent) if sent[:1] == b"{" else None

        def _say(self, status: int, answer: Json) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _handle  # noqa: N815  (the base class's names)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def service_account(token_url: str) -> Json:
    """A service account's file that is good for nothing but tokens of the stub, with a fresh key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": f"runner@{PROJECT}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_url,
    }
