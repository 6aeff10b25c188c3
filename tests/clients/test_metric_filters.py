"""Metric filters: what the lines of a task count into CloudWatch metrics, as boto3 sees both ends."""

import datetime
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tasks import GROUP, Tasks
from test_metrics import connect
from wharf import Wharf, eventually

NAMESPACE = "App"


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


@pytest.fixture(scope="module")
def cloudwatch(client):
    return client("cloudwatch")


@pytest.fixture
def group(client, request):
    """A log group with one stream, by the name of its test."""
    logs, name = client("logs"), f"/filters/{request.node.name}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


@pytest.fixture(scope="module")
def logs(client):
    return client("logs")


def filter_on(logs, group, name, pattern, metric, value="1", **members):
    transformation = {"metricName": metric, "metricNamespace": NAMESPACE, "metricValue": value} | members
    logs.put_metric_filter(logGroupName=group, filterName=name, filterPattern=pattern, metricTransformations=[transformation])


def put(logs, group, *messages, at=None):
    at = int((at or time.time()) * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[{"timestamp": at, "message": text} for text in messages])


def seen(cloudwatch, metric, statistics=("Sum", "SampleCount"), **dimensions):
    """The statistics of the last and the next hour, over all data points."""
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    points = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - hour,
        EndTime=now + hour,
        Period=60,
        Statistics=list(statistics),
    )["Datapoints"]
    return tuple(sum(point[statistic] for point in points) for statistic in statistics)


def test_the_lines_of_a_task_count(tasks, cloudwatch):
    tasks.lines("true")  # The group is made by the first task that logs to it.
    filter_on(tasks.logs, GROUP, "errors", "ERROR", "Errors", unit="Count")
    filter_on(tasks.logs, GROUP, "latency", "{ $.ms = * && $.path = * }", "Latency", "$.ms", unit="Milliseconds", dimensions={"Path": "$.path"})
    tasks.lines("""for n in 1 2 3; do echo ERROR $n; echo fine $n; done; echo '{"ms": 30, "path": "/a"}'; echo '{"ms": 12.5, "path": "/b"}'""")
    eventually("the last line counts", 15, lambda: seen(cloudwatch, "Latency", Path="/b") == (12.5, 1))
    assert seen(cloudwatch, "Errors") == (3, 3)
    assert seen(cloudwatch, "Latency", Path="/a") == (30, 1)
    assert seen(cloudwatch, "Latency") == (0, 0)
    listed = cloudwatch.list_metrics(Namespace=NAMESPACE, MetricName="Latency")["Metrics"]
    assert sorted(metric["Dimensions"][0]["Value"] for metric in listed) == ["/a", "/b"]


def test_a_filter_counts_from_its_beginning_to_its_end(logs, cloudwatch, group):
    put(logs, group, "ERROR before")
    filter_on(logs, group, "f", "ERROR", "FromTo")
    put(logs, group, "ERROR one", "fine", "ERROR two")
    assert seen(cloudwatch, "FromTo") == (2, 2)
    filter_on(logs, group, "f", "ERROR", "FromTo", "10")
    put(logs, group, "ERROR three")
    assert seen(cloudwatch, "FromTo") == (12, 3)
    logs.delete_metric_filter(logGroupName=group, filterName="f")
    put(logs, group, "ERROR after")
    assert seen(cloudwatch, "FromTo") == (12, 3)


def test_a_space_delimited_pattern_gives_values_and_dimensions(logs, cloudwatch, group):
    pattern = "[ip, server, user, timestamp, request, status_code, bytes > 1000]"
    filter_on(logs, group, "f", pattern, "Bytes", "$bytes", unit="Bytes", dimensions={"server": "$server"})
    line = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 %d'
    put(logs, group, line % 1534, line % 2000, line % 12)
    assert seen(cloudwatch, "Bytes", server="Prod") == (3534, 2)


def test_a_minute_without_a_match_has_the_default_value(logs, cloudwatch, group):
    filter_on(logs, group, "f", "ERROR", "WithDefault", defaultValue=0.25)
    minute = time.time() - 600
    put(logs, group, "fine", "fine", at=minute)
    put(logs, group, "fine", at=minute)
    eventually("the default value is reported", 40, lambda: seen(cloudwatch, "WithDefault") == (0.25, 1))
    put(logs, group, "fine", at=minute)
    put(logs, group, "ERROR", at=minute + 300)
    assert seen(cloudwatch, "WithDefault") == (1.25, 2)


def test_filters_go_with_their_group(logs, cloudwatch, group):
    filter_on(logs, group, "f", '{ $.level = "error" }', "Gone")
    put(logs, group, '{"level": "error"}')
    assert seen(cloudwatch, "Gone") == (1, 1)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["metricFilterCount"] == 1
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_metric_filters(metricName="Gone", metricNamespace=NAMESPACE)["metricFilters"] == []
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    put(logs, group, '{"level": "error"}')
    assert seen(cloudwatch, "Gone") == (1, 1)


@pytest.mark.parametrize(
    ("pattern", "members", "message"),
    [
        ("ERROR", {"value": "many"}, "metric value must be a valid number"),
        ("ERROR", {"dimensions": {"A": "$.a"}}, "The specified filter pattern does not support dimensions"),
        ("{ $.a = * }", {"dimensions": {"A": "$.a"}, "defaultValue": 0}, "dimensions and default value are mutually exclusive properties"),
        ("{ $.a = * }", {"dimensions": {"A": "web"}}, "dimension value must be valid selector"),
        ("{ $.a", {}, "Invalid filter pattern"),
    ],
)
def test_what_is_no_filter_is_refused(logs, tasks, pattern, members, message):
    tasks.lines("true")
    with pytest.raises(ClientError) as refused:
        filter_on(logs, GROUP, "refused", pattern, "Refused", **members)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    assert message in refused.value.response["Error"]["Message"]
    assert logs.describe_metric_filters(logGroupName=GROUP, filterNamePrefix="refused")["metricFilters"] == []


class Writers:
    """Threads that put batches of lines that match into one stream, one after the other, until their server is gone."""

    THREADS = 4
    BATCH = 10
    LINES = [f"ERROR {n}" for n in range(BATCH)]

    def __init__(self, wharf, group):
        self.acknowledged = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.write, args=(connect(wharf, "logs"), group)) for _ in range(self.THREADS)]
        for thread in self.threads:
            thread.start()

    def write(self, logs, group):
        while True:
            try:
                put(logs, group, *self.LINES)
            except BotoCoreError:
                return
            with self.lock:
                self.acknowledged += self.BATCH

    def end(self):
        for thread in self.threads:
            thread.join()
        return self.acknowledged


def stored(logs, group):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return sum(len(page["events"]) for page in pages)


def test_every_acknowledged_line_counts_after_kill_9(tmp_path):
    """A batch whose answer the kill cut off is stored or not, and counts or not, but never counts without being stored. Who
    sends such a batch again, as agents do, has its lines twice: they count once or twice, as far as the first got."""
    part, group, acknowledged, cut = ["server"], "/killed", 0, 0
    with Wharf(tmp_path, part) as wharf:
        logs = connect(wharf, "logs")
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        filter_on(logs, group, "f", "ERROR", "Killed")
        for _ in range(3):
            writers = Writers(wharf, group)
            eventually("some lines are acknowledged", 30, lambda: writers.acknowledged >= 20 * Writers.BATCH)
            wharf.kill("server")
            acknowledged += writers.end()
            cut += Writers.THREADS * Writers.BATCH
            wharf.start(part)
            logs = connect(wharf, "logs")
            for _ in range(Writers.THREADS):
                put(logs, group, *Writers.LINES)
                acknowledged += Writers.BATCH
            counted = seen(connect(wharf), "Killed")[0]
            assert acknowledged <= counted <= stored(logs, group) <= acknowledged + cut
