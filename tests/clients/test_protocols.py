"""One service in each protocol that it speaks: botocore, made to choose one, and its compressed requests."""

import datetime
import json

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

MODEL = "cloudwatch", "service-2", "2010-08-01"


@pytest.fixture(params=["smithy-rpc-v2-cbor", "json", "query"])
def cloudwatch(request, tmp_path, wharf):
    """A client of CloudWatch whose model knows this protocol alone."""
    model = botocore.session.get_session().get_component("data_loader").load_service_model(*MODEL)
    model["metadata"] |= {"protocol": request.param, "protocols": [request.param]}
    if request.param == "query":
        del model["metadata"]["awsQueryCompatible"]
    path = tmp_path / MODEL[0] / MODEL[2]
    path.mkdir(parents=True)
    (path / "service-2.json").write_text(json.dumps(model))
    session = botocore.session.get_session()
    session.get_component("data_loader").search_paths.insert(0, str(tmp_path))
    return boto3.Session(botocore_session=session).client(
        "cloudwatch",
        endpoint_url=wharf.environment["AWS_ENDPOINT_URL"],
        region_name=wharf.environment["AWS_REGION"],
        aws_access_key_id=wharf.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=wharf.environment["AWS_SECRET_ACCESS_KEY"],
    )


def test_each_protocol_puts_and_reads(cloudwatch):
    protocol = cloudwatch.meta.service_model.metadata["protocol"]
    sent = []
    cloudwatch.meta.events.register("before-send", lambda request, **_: sent.append(request))
    minute = datetime.timedelta(minutes=1)
    start = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - 5 * minute
    end = start + minute
    datum = {"MetricName": protocol, "Timestamp": start, "Value": 0.5, "Unit": "Bytes/Second"}
    # More than 10 KiB: botocore compresses it.
    cloudwatch.put_metric_data(Namespace="Protocols", MetricData=[datum] * 200)
    encoding = sent[0].headers["Content-Encoding"]
    assert encoding in ("gzip", b"gzip")

    asked = {"Namespace": "Protocols", "MetricName": protocol}
    times = {"StartTime": start, "EndTime": end}
    answer = cloudwatch.get_metric_statistics(**asked, **times, Period=60, Statistics=["Sum"], Unit="Bytes/Second")
    assert answer["Label"] == protocol
    assert answer["Datapoints"] == [{"Timestamp": start, "Sum": 100.0, "Unit": "Bytes/Second"}]
    metric = {"Namespace": "Protocols", "MetricName": protocol, "Dimensions": []}
    query = {"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "SampleCount"}}
    [result] = cloudwatch.get_metric_data(**times, MetricDataQueries=[query])["MetricDataResults"]
    assert (result["Timestamps"], result["Values"], result["StatusCode"]) == ([start], [200.0], "Complete")
    assert cloudwatch.list_metrics(**asked)["Metrics"] == [metric]

    # The code is that of the query protocol in each of them; a client matches on the name of the shape too.
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(Namespace=":", MetricData=[datum])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValue"
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_alarm(AlarmName="a", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold")
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"
    paths = {request.url.split("/", 3)[3].split("/")[0] for request in sent}
    assert paths == ({"service"} if protocol == "smithy-rpc-v2-cbor" else {""})
