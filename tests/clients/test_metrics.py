"""CloudWatch metrics with boto3 and the `aws` command: what is put is counted, listed, read, and kept."""

import datetime
import threading

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from wharf import Wharf, eventually

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture(scope="module")
def cloudwatch(client):
    return client("cloudwatch")


@pytest.fixture(scope="module")
def start():
    """The begin of a minute that is over, so that the clock does not matter."""
    return datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0) - 10 * MINUTE


def dimensions(**named):
    return [{"Name": name, "Value": value} for name, value in named.items()]


def statistics(cloudwatch, start, name, period=60, **more):
    """The data points of a metric of the namespace App in the order of time, each without its time."""
    if "ExtendedStatistics" not in more:
        more = {"Statistics": ["SampleCount", "Sum", "Minimum", "Maximum", "Average"]} | more
    answer = cloudwatch.get_metric_statistics(
        Namespace="App", MetricName=name, StartTime=start, EndTime=start + 5 * MINUTE, Period=period, **more
    )
    assert answer["Label"] == name
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return [(point.pop("Timestamp") - start, point) for point in points]


def point(samples, total, low, high, unit="None"):
    return {"SampleCount": samples, "Sum": total, "Minimum": low, "Maximum": high, "Average": total / samples, "Unit": unit}


def test_values_counts_and_statistic_sets_are_counted_in_their_minutes(cloudwatch, start):
    data = [
        {"Value": 1.5},
        {"Values": [1, 2], "Counts": [2, 3]},
        {"StatisticValues": {"SampleCount": 2, "Sum": 30, "Minimum": 10, "Maximum": 20}},
        {"Value": -4, "Timestamp": start + MINUTE},
        {"Value": 8, "Unit": "Milliseconds", "Timestamp": start + 2 * MINUTE},
    ]
    data = [{"MetricName": "counted", "Timestamp": start} | datum for datum in data]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    zero = datetime.timedelta()
    expected = [
        (zero, point(8, 39.5, 1, 20)),
        (MINUTE, point(1, -4, -4, -4)),
        (2 * MINUTE, point(1, 8, 8, 8, "Milliseconds")),
    ]
    assert statistics(cloudwatch, start, "counted") == expected
    assert statistics(cloudwatch, start, "counted", Unit="Milliseconds") == expected[2:]
    assert statistics(cloudwatch, start, "counted", period=300, Unit="None") == [(zero, point(9, 35.5, -4, 20))]


def test_percentiles(cloudwatch, start):
    data = [{"MetricName": "latency", "Timestamp": start, "Values": list(range(first, first + 100))} for first in (1, 101)]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    [(_, found)] = statistics(cloudwatch, start, "latency", ExtendedStatistics=["p0", "p50", "p99.5"])
    assert found["ExtendedStatistics"] == {"p0": 1, "p50": 100, "p99.5": 199}


def test_high_resolution(cloudwatch, start):
    second = datetime.timedelta(seconds=1)
    data = [{"MetricName": "fine", "Timestamp": start + n * second, "Value": 1, "StorageResolution": 1} for n in range(20)]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    found = statistics(cloudwatch, start, "fine", period=5, Statistics=["Sum"])
    assert [(at.seconds, point["Sum"]) for at, point in found] == [(0, 5), (5, 5), (10, 5), (15, 5)]
    assert statistics(cloudwatch, start, "fine", Statistics=["Sum"]) == [(0 * second, {"Sum": 20, "Unit": "None"})]


def test_metrics_are_listed_by_name_and_dimensions_in_their_region(cloudwatch, client, start):
    data = [
        {"MetricName": "listed", "Timestamp": start, "Value": 1, "Dimensions": dimensions(Host=host, Zone="z")}
        for host in ("a", "b")
    ]
    cloudwatch.put_metric_data(Namespace="Listed", MetricData=data)
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace="Listed", Dimensions=[{"Name": "Host", "Value": "b"}])
    listed = [metric for page in pages for metric in page["Metrics"]]
    assert listed == [{"Namespace": "Listed", "MetricName": "listed", "Dimensions": dimensions(Host="b", Zone="z")}]
    assert len(cloudwatch.list_metrics(Namespace="Listed", RecentlyActive="PT3H")["Metrics"]) == 2
    elsewhere = client("cloudwatch", region="eu-west-1")
    assert elsewhere.list_metrics(Namespace="Listed")["Metrics"] == []


def test_metric_data_comes_in_pages_newest_first(cloudwatch, start):
    data = [{"MetricName": "paged", "Timestamp": start + n * MINUTE, "Value": n} for n in range(4)]
    cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    metric = {"Namespace": "App", "MetricName": "paged"}
    queries = [
        {"Id": stat.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}} for stat in ("Sum", "Maximum")
    ]
    found, codes = {}, []
    paginator = cloudwatch.get_paginator("get_metric_data")
    pages = paginator.paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=start + 5 * MINUTE, PaginationConfig={"PageSize": 3}
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            found.setdefault(result["Label"], []).extend(zip(result["Timestamps"], result["Values"]))
            codes.append(result["StatusCode"])
    newest_first = [(start + n * MINUTE, n) for n in (3, 2, 1, 0)]
    assert found == {"paged Sum": newest_first, "paged Maximum": newest_first}
    assert codes[0] == "PartialData" and codes[-2:] == ["Complete", "Complete"]


def test_refusals_are_those_of_cloudwatch(cloudwatch, start):
    def refused(operation, **request):
        with pytest.raises(ClientError) as refusal:
            getattr(cloudwatch, operation)(**request)
        return refusal.value.response["Error"]

    old = {"MetricName": "m", "Value": 1, "Timestamp": start - 15 * 1440 * MINUTE}
    refusal = refused("put_metric_data", Namespace="App", MetricData=[old])
    assert (refusal["Type"], refusal["Code"]) == ("Sender", "InvalidParameterValue")
    assert refusal["Message"] == "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks."
    day = {"Namespace": "App", "MetricName": "m", "StartTime": start - 1440 * MINUTE, "EndTime": start, "Period": 1}
    refusal = refused("get_metric_statistics", **day, Statistics=["Sum"])
    assert refusal["Code"] == "InvalidParameterCombination"
    assert refusal["Message"].startswith("You have requested up to 86400 datapoints, which exceeds the limit of 1440.")
    expression = {"Id": "e", "Expression": "1 + 1"}
    refusal = refused("get_metric_data", MetricDataQueries=[expression], StartTime=start, EndTime=start + MINUTE)
    assert "Expression" in refusal["Message"]


def test_the_aws_command(aws, start):
    at = start.isoformat()
    metric = ["--namespace", "Shell", "--metric-name", "shell"]
    aws("cloudwatch", "put-metric-data", *metric, "--value", "42", "--unit", "Count", "--timestamp", at, "--dimensions", "Host=a")
    span = ["--start-time", at, "--end-time", (start + MINUTE).isoformat(), "--period", "60", "--statistics", "Sum"]
    answer = aws("cloudwatch", "get-metric-statistics", *metric, *span, "--dimensions", "Name=Host,Value=a")
    assert [(point["Sum"], point["Unit"]) for point in answer["Datapoints"]] == [(42.0, "Count")]
    assert aws("cloudwatch", "list-metrics", "--namespace", "Shell")["Metrics"][0]["MetricName"] == "shell"


class Puts:
    """Threads that put ones into one metric, one after the other, until their server is gone."""

    THREADS = 4

    def __init__(self, wharf, start):
        self.acknowledged = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.put, args=(connect(wharf), start)) for _ in range(self.THREADS)]
        for thread in self.threads:
            thread.start()

    def put(self, cloudwatch, start):
        while True:
            try:
                cloudwatch.put_metric_data(Namespace="App", MetricData=[{"MetricName": "kept", "Timestamp": start, "Value": 1}])
            except BotoCoreError:
                return
            with self.lock:
                self.acknowledged += 1

    def end(self):
        for thread in self.threads:
            thread.join()
        return self.acknowledged


def connect(wharf, service="cloudwatch"):
    """A client that sends each request once."""
    return boto3.client(
        service,
        endpoint_url=wharf.environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=wharf.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=wharf.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}),
    )


def test_what_was_acknowledged_outlives_kill_9(tmp_path, start):
    part, least, most = ["server"], 0, 0
    with Wharf(tmp_path, part) as wharf:
        for _ in range(3):
            puts = Puts(wharf, start)
            eventually("some data are acknowledged", 30, lambda: puts.acknowledged >= 50)
            wharf.kill("server")
            acknowledged = puts.end()
            # Each thread may have been killed between the disk and the answer.
            least, most = least + acknowledged, most + acknowledged + Puts.THREADS
            wharf.start(part)
            [(_, kept)] = statistics(connect(wharf), start, "kept", Statistics=["Sum"])
            assert least <= kept["Sum"] <= most
