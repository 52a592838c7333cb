"""Loads into BigQuery over its REST API: what a job carries, and what a load says when Google refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dlt
import pytest

from dlt_pipelines.bigquery import BigQuery
from dlt_pipelines.errors import WarehouseError, WarehouseUnavailable, find_ingestion_error, plain_errors
from dlt_pipelines.klaviyo import klaviyo_source
from dlt_pipelines.pipeline import make_pipeline
from tests.unit.bigquery_stub import PROJECT, Service, running_service, service_account


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A stub that default credentials lead to."""
    with running_service() as running:
        file = tmp_path / "account.json"
        file.write_text(json.dumps(service_account(f"{running.url}/token")))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", running.url)
        yield running


def test_a_job_of_a_load_has_labels_and_limits_and_goes_where_it_is_told(
    service: Service, tmp_path: Path
) -> None:
    place = BigQuery(
        PROJECT,
        "europe-west3",
        maximum_bytes_billed=10**9,
        timeout_seconds=600,
        labels={"component": "c360", "asset": "load_zendesk"},
    )
    pipeline = make_pipeline("zendesk", place, tmp_path, dataset="Dev_Zendesk")

    loader, _staging = pipeline._get_destination_clients(dlt.Schema("zendesk"))
    with loader.sql_client as client:
        client.execute_sql("select 1")

    assert pipeline.dataset_name == "Dev_Zendesk"
    [job] = service.jobs.values()
    assert job["jobReference"]["location"] == "europe-west3"
    configuration = job["configuration"]
    assert configuration["labels"] == {"component": "c360", "asset": "load_zendesk"}
    assert configuration["jobTimeoutMs"] == "600000"
    assert configuration["query"]["maximumBytesBilled"] == str(10**9)


@pytest.mark.parametrize(
    ("path", "permission"), [("/jobs", "bigquery.jobs.create"), ("/datasets", "bigquery.datasets.create")]
)
def test_a_right_that_is_missing_ends_a_load_within_seconds_in_one_line(
    service: Service, tmp_path: Path, capfd: pytest.CaptureFixture[str], path: str, permission: str
) -> None:
    refusal = f"Access Denied: Project p: User does not have {permission} permission in project p."
    service.rows = []
    service.refuses("POST", path, 403, "accessDenied", refusal, times=1000)
    pipeline = make_pipeline("zendesk", BigQuery(PROJECT), tmp_path)

    with pytest.raises(WarehouseError) as refused, plain_errors():
        pipeline.run([{"id": 1}], table_name="tickets")

    assert permission in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "Traceback" not in capfd.readouterr().err
    # dlt takes a refused load job for one that may pass, and starts each of the two a few times
    assert len([request for request in service.requests if "/upload/" in request]) <= 10


def test_the_big_table_is_cut_by_time_and_sorted_by_what_is_asked_for() -> None:
    events = klaviyo_source("http://127.0.0.1:9", "pk_demo").resources["events"].compute_table_schema()

    assert [name for name, column in events["columns"].items() if column.get("partition")] == ["datetime"]
    assert events["x-bigquery-cluster-columns"] == ["metric_name", "profile_id"]


def test_errors_of_google_below_dlts_are_told_apart() -> None:
    from google.api_core.exceptions import BadRequest, RetryError, ServiceUnavailable
    from google.auth.exceptions import RefreshError

    def below(error: Exception) -> Exception | None:
        wrapped = RuntimeError("step load failed")
        wrapped.__cause__ = error
        return find_ingestion_error(wrapped)

    assert isinstance(below(ServiceUnavailable("busy")), WarehouseUnavailable)
    assert isinstance(below(RetryError("gave up", ServiceUnavailable("busy"))), WarehouseUnavailable)
    refused = below(RefreshError("invalid_grant: Bad Request", {"error": "invalid_grant"}))
    assert isinstance(refused, WarehouseError)
    assert "gcloud auth application-default login" in str(refused)
    wrong = below(BadRequest("x", errors=[{"reason": "invalid", "message": "Bad value 'ann@shop.example'."}]))
    assert str(wrong) == "BigQuery refused: Bad value '…'"
