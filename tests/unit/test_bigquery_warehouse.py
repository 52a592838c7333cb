"""The warehouse protocol on BigQuery's REST API: what goes over the wire, and what faults become."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_platform.failures import is_transient, known_cause
from c360_platform.settings import PROJECT_ROOT
from c360_platform.warehouse import (
    Warehouse,
    WarehouseError,
    WarehouseUnavailable,
    bigquery_jobs,
    open_warehouse,
)
from c360_platform.warehouse.bigquery import BigQueryWarehouse
from c360_platform.warehouse.bigquery_errors import explained_text, without_values
from c360_platform.warehouse.bigquery_jobs import JobOptions, label
from tests.unit.bigquery_stub import PROJECT, Service, running_service, service_account

PERSON = "ann.o'hara@shop.example"
LIMIT = 10**9
# Several attempts, and still a test.
RETRY_SECONDS = 3.0


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture
def warehouse(service: Service) -> BigQueryWarehouse:
    return opened(service)


def opened(service: Service, **options: Any) -> BigQueryWarehouse:
    def make_client() -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        class Unrefreshed(AnonymousCredentials):
            def refresh(self, request: Any) -> None:
                """A refused token is asked for again; this one stays as it is."""

        return bigquery.Client(
            PROJECT,
            credentials=Unrefreshed(),
            location="EU",
            client_options={"api_endpoint": service.url},
        )

    return BigQueryWarehouse(
        JobOptions(
            project=PROJECT,
            location="EU",
            maximum_bytes_billed=LIMIT,
            labels={"asset": "klaviyo/Seg Winback", "run": "4f0c"},
            **{"timeout_seconds": 600, "retry_seconds": RETRY_SECONDS, **options},
        ),
        dataset_prefix="dev_",
        make_client=make_client,
    )


# What goes over the wire ------------------------------------------------------------------------------------


def test_every_job_has_labels_limits_a_time_out_and_the_location(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    warehouse.execute("update t set a = ?", [1])
    warehouse.transaction([("delete from t where a = ?", [1]), ("insert into t values (?, ?)", ["x", None])])
    warehouse.append(warehouse.relation("marts", "t"), pa.table({"a": [1]}))

    for configuration in service.configurations:
        assert configuration["labels"] == {
            "component": "c360", "asset": "klaviyo_seg_winback", "run": "4f0c",
        }  # fmt: skip
        assert configuration["jobTimeoutMs"] == "600000"
    update, transaction, load = service.configurations
    for query in (update, transaction):
        assert query["query"]["maximumBytesBilled"] == str(LIMIT)
    assert {job["jobReference"]["location"] for job in service.jobs.values()} == {"EU"}
    assert load["load"]["writeDisposition"] == "WRITE_APPEND"
    assert load["load"]["destinationTable"] == {
        "projectId": PROJECT, "datasetId": "marts", "tableId": "t",
    }  # fmt: skip


def test_a_transaction_is_one_script_whose_parameters_count_through(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    warehouse.transaction([("delete from t where a = ?", [1]), ("insert into t values (?, ?)", ["x", None])])
    warehouse.transaction([("delete from t where a = ?", [True])])
    warehouse.transaction([])

    both, one = (configuration["query"] for configuration in service.configurations)
    assert both["query"] == (
        "begin transaction;\ndelete from t where a = ?;\ninsert into t values (?, ?);\ncommit transaction;"
    )
    assert [p["parameterType"]["type"] for p in both["queryParameters"]] == ["INT64", "STRING", "STRING"]
    assert [p["parameterValue"].get("value") for p in both["queryParameters"]] == ["1", "x", None]
    assert one["query"] == "delete from t where a = ?"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "BOOL"),
        (7, "INT64"),
        (0.5, "FLOAT64"),
        (Decimal("12.50"), "NUMERIC"),
        (Decimal("0.0000000001"), "BIGNUMERIC"),
        (Decimal(10) ** 30, "BIGNUMERIC"),
        (date(2026, 6, 30), "DATE"),
        (datetime(2026, 6, 30, 12, tzinfo=UTC), "TIMESTAMP"),
        ("text", "STRING"),
    ],
)
def test_a_parameter_has_the_type_of_its_value(
    service: Service, warehouse: BigQueryWarehouse, value: Any, kind: str
) -> None:
    warehouse.execute("select ?", [value])

    [configuration] = service.configurations
    assert configuration["query"]["queryParameters"][0]["parameterType"]["type"] == kind


def test_rows_come_in_bounded_pages_and_keep_their_types(
    service: Service, warehouse: BigQueryWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_jobs, "PAGE_ROWS", 200)
    service.schema = [
        {"name": "key", "type": "STRING"},
        {"name": "amount", "type": "NUMERIC"},
        {"name": "moment", "type": "TIMESTAMP"},
        {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    ]
    # The REST API writes timestamps as microseconds since 1970.
    service.rows = [
        [f"k{number}", "12.34", "1767225600000001", [{"v": "a"}, {"v": "b"}]] for number in range(450)
    ]
    schema = pa.schema(
        {
            "key": pa.string(),
            "amount": pa.decimal128(38, 9),
            "moment": pa.timestamp("us", tz="UTC"),
            "tags": pa.list_(pa.string()),
        }
    )

    batches = list(warehouse.query("select * from t"))
    service.rows = []
    [none] = warehouse.query("select * from t")
    empty = warehouse.table("select * from t")

    assert [batch.num_rows for batch in batches] == [200, 200, 50]
    assert batches[0].to_pylist()[0] == {
        "key": "k0",
        "amount": Decimal("12.34"),
        "moment": datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        "tags": ["a", "b"],
    }
    for found in (batches[0].schema, none.schema, empty.schema):
        assert found.names == schema.names
        assert [field.type for field in found][:3] == [field.type for field in schema][:3]
        assert pa.types.is_list(found.field("tags").type)
    assert (none.num_rows, empty.num_rows) == (0, 0)
    assert max(service.page_sizes) == 200


def test_what_is_there_is_told_by_metadata_and_never_by_a_job(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    service.tables = {
        "marts.t": {
            "type": "TABLE",
            "numRows": "42",
            "lastModifiedTime": "1767225600000",
            "schema": {
                "fields": [
                    {"name": "n", "type": "INTEGER"},
                    {"name": "share", "type": "FLOAT"},
                    {"name": "is_new", "type": "BOOLEAN"},
                    {"name": "tags", "type": "STRING", "mode": "REPEATED"},
                ]
            },
        },
        "marts.v": {"type": "VIEW", "lastModifiedTime": "1767225600000", "schema": {}},
    }
    table, missing = warehouse.relation("marts", "t"), warehouse.relation("marts", "nothing")

    assert warehouse.exists(table)
    assert not warehouse.exists(missing)
    assert not warehouse.exists(warehouse.relation("nowhere", "t"))
    assert warehouse.tables("marts") == {"t": "table", "v": "view"}
    assert warehouse.tables("nowhere") == {}
    assert warehouse.columns("marts", "t") == {
        "n": "INT64", "share": "FLOAT64", "is_new": "BOOL", "tags": "ARRAY<STRING>",
    }  # fmt: skip
    assert warehouse.columns("marts", "nothing") == {}
    assert warehouse.row_counts([table]) == [42]
    assert warehouse.last_changed_at(table) == datetime(2026, 1, 1, tzinfo=UTC)
    assert warehouse.last_changed_at(missing) is None
    with pytest.raises(WarehouseError, match="was it built or loaded"):
        warehouse.row_counts([missing])
    assert warehouse.relation("other-project.raw", "t") == "`other-project.raw.t`"
    assert not service.jobs


def test_an_own_schema_has_the_prefix_and_is_made_once_in_the_location(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    schema = warehouse.own_schema("c360_sync")

    warehouse.create_schema(schema)
    warehouse.create_schema(schema)

    assert service.datasets["dev_c360_sync"] == "EU"
    assert sum(request.startswith("POST") for request in service.requests) == 1


@given(st.text(max_size=80))
def test_any_text_becomes_a_label_that_bigquery_takes(text: str) -> None:
    made = label(text)

    assert len(made) <= 63
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


# Nothing twice, nothing for ever ----------------------------------------------------------------------------


def test_a_lost_answer_to_a_start_does_not_run_the_statement_again(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    service.hangs_up("POST", "/jobs", times=2, late=True)

    warehouse.execute("insert into t values (1)")

    assert service.requests.count(f"POST /bigquery/v2/projects/{PROJECT}/jobs") == 3
    assert len(service.jobs) == 1


def test_a_load_that_loses_its_connection_is_loaded_once(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    service.hangs_up("POST", "/upload/", times=1)
    service.hangs_up("POST", "/upload/", times=1, late=True)

    warehouse.append(warehouse.relation("marts", "t"), pa.table({"a": [1]}))

    assert len(service.jobs) == 1


def test_a_network_that_stays_gone_is_unavailable_after_a_while_and_nothing_is_loaded(
    service: Service,
) -> None:
    warehouse = opened(service, retry_seconds=1.0)
    service.hangs_up("POST", "/upload/", times=1000)
    started = time.monotonic()

    with pytest.raises(WarehouseUnavailable, match="cannot be reached") as caught:
        warehouse.append(warehouse.relation("marts", "t"), pa.table({"a": [1]}))

    assert time.monotonic() - started < 30
    assert not service.jobs
    assert is_transient(caught.value)


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("invalidQuery", "Could not serialize access to table x:marts.t due to concurrent update"),
        ("invalidQuery", "Transaction is aborted due to concurrent update against table x:marts.t"),
        ("rateLimitExceeded", "Exceeded rate limits: too many table update operations for this table"),
        ("backendError", "An internal error occurred"),
        ("jobInternalError", "An internal error occurred"),
    ],
)
def test_a_job_that_failed_of_something_passing_is_started_anew(
    service: Service, warehouse: BigQueryWarehouse, reason: str, message: str
) -> None:
    service.fails(reason, message, times=2)

    warehouse.execute("update t set a = 1")

    assert len(service.jobs) == 3


def test_concurrent_updates_that_do_not_end_are_told_apart_from_mistakes(service: Service) -> None:
    service.fails("invalidQuery", "Could not serialize access due to concurrent update", times=100)

    with pytest.raises(WarehouseUnavailable, match="another job kept changing"):
        opened(service, retry_seconds=0.5).execute("update t set a = 1")


def test_an_error_of_the_statement_fails_at_once_without_its_values(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    service.fails("invalidQuery", f'Could not cast literal "{PERSON}" to type DATE at [1:8]')
    started = time.monotonic()

    with pytest.raises(WarehouseError, match="Could not cast literal '…' to type DATE") as caught:
        warehouse.execute("select cast(? as date)", [PERSON])

    assert time.monotonic() - started < 30
    assert len(service.jobs) == 1
    assert not is_transient(caught.value)
    assert PERSON not in str(caught.value)


def test_a_job_that_takes_long_is_waited_for(service: Service, warehouse: BigQueryWarehouse) -> None:
    service.running_polls = 2

    assert warehouse.table("select 1 as n").to_pylist() == [{"n": 1}]
    warehouse.append(warehouse.relation("marts", "t"), pa.table({"a": [1]}))
    assert len(service.jobs) == 2


# What faults become -----------------------------------------------------------------------------------------

REFUSALS = {
    "wrong project": (
        404, "notFound", "Not found: Project no-such-project-1", ["C360_BIGQUERY_PROJECT"],
    ),
    "API not enabled": (
        403, "accessNotConfigured", f"The project {PROJECT} has not enabled BigQuery.",
        ["enable the BigQuery API", "C360_BIGQUERY_PROJECT"],
    ),
    "permission to run jobs": (
        403, "accessDenied",
        f"Access Denied: Project {PROJECT}: User does not have bigquery.jobs.create permission in project x.",
        ["bigquery.jobs.create", "docs/bigquery.md#permissions"],
    ),
    "permission to write": (
        403, "accessDenied",
        f"Access Denied: Table {PROJECT}:marts.t: Permission bigquery.tables.updateData denied on table "
        f"{PROJECT}:marts.t (or it may not exist).",
        ["bigquery.tables.updateData", "marts.t", "docs/bigquery.md#permissions"],
    ),
    "quota": (
        403, "quotaExceeded", "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
        ["quota", "IAM & Admin"],
    ),
    "too many bytes": (
        400, "bytesBilledLimitExceeded",
        "Query exceeded limit for bytes billed: 1000000000. 53687091200 or higher required.",
        ["53687091200", "C360_BIGQUERY_MAX_BYTES_BILLED"],
    ),
    "time-out": (
        400, "stopped", "Job execution was cancelled: Job timed out after 600s",
        ["C360_BIGQUERY_JOB_TIMEOUT_SECONDS"],
    ),
    "two locations": (
        400, "invalidQuery", "Cannot read and write in different locations: source: US, destination: EU",
        ["C360_BIGQUERY_LOCATION"],
    ),
    "missing dataset": (
        404, "notFound", f"Not found: Dataset {PROJECT}:shopify was not found in location EU",
        ["shopify", "raw_schemas", "C360_BIGQUERY_LOCATION"],
    ),
    "missing table": (
        404, "notFound", f"Not found: Table {PROJECT}:marts.t was not found in location EU",
        ["marts.t", "raw_schemas"],
    ),
    "refused token": (
        401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.",
        ["gcloud auth application-default login", "docs/bigquery.md#credentials"],
    ),
    "no billing": (
        403, "billingNotEnabled", "Billing has not been enabled for this project.",
        ["billing account"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("answer", ["to the start", "of the job"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_lasting_refusal_is_one_line_with_what_to_do_and_is_not_tried_again(
    service: Service, warehouse: BigQueryWarehouse, refusal: str, answer: str
) -> None:
    status, reason, message, expected = REFUSALS[refusal]
    if answer == "to the start":
        service.refuses("POST", "/jobs", status, reason, message, times=100)
    else:
        service.fails(reason, message, times=100)

    with pytest.raises(WarehouseError) as caught:
        warehouse.execute("update t set a = 1")

    said = str(caught.value)
    assert [text for text in expected if text not in said] == []
    assert "\n" not in said
    assert not is_transient(caught.value)
    # google-auth fetches a new token twice when one is refused
    attempts = sum(request.endswith("/jobs") for request in service.requests)
    assert attempts == (3 if refusal == "refused token" and answer == "to the start" else 1)


def test_a_wrong_project_is_no_missing_table(service: Service, warehouse: BigQueryWarehouse) -> None:
    service.refuses("GET", "/tables/", 404, "notFound", "Not found: Project no-such-project-1", times=9)
    service.refuses("GET", "/datasets/", 404, "notFound", "Not found: Project no-such-project-1", times=9)

    for ask in (
        lambda: warehouse.exists(warehouse.relation("marts", "t")),
        lambda: warehouse.tables("marts"),
        lambda: warehouse.create_schema("marts"),
    ):
        with pytest.raises(WarehouseError, match="C360_BIGQUERY_PROJECT"):
            ask()


def test_a_dataset_that_is_elsewhere_is_named_with_its_location(
    service: Service, warehouse: BigQueryWarehouse
) -> None:
    service.datasets["shopify"] = "US"
    service.fails("notFound", f"Not found: Dataset {PROJECT}:shopify was not found in location EU")

    with pytest.raises(WarehouseError, match=r"shopify is in US .* set C360_BIGQUERY_LOCATION=US"):
        warehouse.table("select 1")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_trouble_at_google_is_tried_again_and_then_called_unavailable(service: Service, status: int) -> None:
    service.refuses("POST", "/jobs", status, "", "Service Unavailable", times=1)
    opened(service).execute("select 1")
    service.refuses("POST", "/jobs", status, "", "Service Unavailable", times=1000)

    with pytest.raises(WarehouseUnavailable) as caught:
        opened(service, retry_seconds=0.5).execute("select 1")
    assert is_transient(caught.value)


def test_nobody_listening_is_said_with_the_emulator_in_mind(service: Service) -> None:
    service.url = "http://127.0.0.1:9"

    with pytest.raises(WarehouseUnavailable, match="BIGQUERY_EMULATOR_HOST"):
        opened(service, retry_seconds=0.5).check()


def test_an_error_of_google_below_another_librarys_is_found_and_explained() -> None:
    from google.api_core.exceptions import Forbidden, ServiceUnavailable

    denied = Forbidden("x", errors=[{"reason": "accessDenied", "message": "lacks bigquery.tables.create"}])
    wrapped = RuntimeError("load failed", denied)

    found = known_cause(wrapped)
    assert "docs/bigquery.md#permissions" in str(found)
    caused = RuntimeError("step failed")
    caused.__cause__ = ServiceUnavailable("busy")
    passing = known_cause(caused)
    assert passing is not None
    assert is_transient(passing)
    assert known_cause(RuntimeError("a bug")) is None


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="…"), min_size=3, max_size=40))
def test_no_quoted_value_survives_in_a_message(value: str) -> None:
    secret = f"<{value}>"
    for quote in ("'", '"'):
        assert secret not in without_values(f"Could not parse {quote}{secret}{quote} as DATE")
    assert secret not in explained_text(f"Bad int64 value: {secret}")


# Credentials ------------------------------------------------------------------------------------------------


def by_default_credentials() -> Warehouse:
    return open_warehouse(engine="bigquery", bigquery_project=PROJECT, bigquery_location="EU")


@pytest.fixture
def account(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service account's file of the stub, which is where default credentials are found."""
    file = tmp_path / "account.json"
    file.write_text(json.dumps(service_account(f"{service.url}/token")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
    return file


def test_the_file_of_a_service_account_is_enough(service: Service, account: Path) -> None:
    by_default_credentials().check()

    [configuration] = service.configurations
    assert configuration["query"]["query"] == "select 1"


@pytest.mark.parametrize(
    "description", ["Invalid grant: account not found", "Token has been expired or revoked."]
)
def test_credentials_that_google_refuses_are_no_reason_to_wait(
    service: Service, account: Path, description: str
) -> None:
    service.token_answer = (400, {"error": "invalid_grant", "error_description": description})

    with pytest.raises(WarehouseError, match=r"refused the credentials \(invalid_grant\)") as caught:
        by_default_credentials().check()

    assert "gcloud auth application-default login" in str(caught.value)
    assert not is_transient(caught.value)
    assert not service.jobs


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"type": "service_account"}'])
def test_a_credentials_file_that_is_none_is_named(
    service: Service, account: Path, content: str | None
) -> None:
    if content is None:
        account.unlink()
    else:
        account.write_text(content)

    with pytest.raises(WarehouseError, match=r"GOOGLE_APPLICATION_CREDENTIALS names .*account\.json"):
        by_default_credentials().check()


def test_without_credentials_a_command_says_so_within_seconds(tmp_path: Path) -> None:
    """In a process of its own: google-auth reads the environment once. The prefix is that of another test, so
    that one manifest serves both.
    """
    bare = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    bare |= {
        "C360_ENV": "staging",
        "C360_BIGQUERY_PROJECT": PROJECT,
        "C360_BIGQUERY_DATASET_PREFIX": "dev_anna_",
    }
    started = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("c360")), "plan", "--home", str(tmp_path / "home")],
        cwd=PROJECT_ROOT,
        env=bare,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("error: no Google credentials: run `gcloud auth application-default login`")
    assert time.monotonic() - started < 60


def test_a_project_that_is_not_set_is_said_before_anything_is_asked() -> None:
    with pytest.raises(WarehouseError, match="set C360_BIGQUERY_PROJECT"):
        open_warehouse(engine="bigquery")


def test_parquet_carries_what_is_appended(service: Service, warehouse: BigQueryWarehouse) -> None:
    """The stub does not read the file, so what the client sends is taken from its request."""
    sent: list[bytes] = []
    client = warehouse._jobs.client
    load = client.load_table_from_file

    def recording(content: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(content.getvalue())
        return load(content, *arguments, **options)

    client.load_table_from_file = recording
    rows = pa.table(
        {
            "amount": pa.array([Decimal("1.230000000")], pa.decimal128(38, 9)),
            "moment": pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
            "tags": pa.array([["a"]], pa.list_(pa.string())),
        }
    )

    warehouse.append(warehouse.relation("marts", "t"), rows)

    import pyarrow.parquet as pq

    assert pq.read_table(pa.BufferReader(sent[0])).equals(rows)
    [configuration] = service.configurations
    assert configuration["load"]["parquetOptions"] == {"enableListInference": True}
    assert base64.b64encode(sent[0])[:4] == b"UEFS"  # PAR1
