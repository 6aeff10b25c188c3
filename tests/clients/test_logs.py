"""Where a container's output goes: each log driver and option, and CloudWatch Logs as its own clients see it."""

import json
import socket
import struct
import threading
import time

import pytest
from botocore.exceptions import ClientError
from tasks import GROUP, Tasks, container, runtime
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


def awslogs(**options):
    base = {"awslogs-group": GROUP, "awslogs-create-group": "true", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t"}
    more = {name.replace("_", "-"): value for name, value in options.items()}
    return {"logConfiguration": {"logDriver": "awslogs", "options": base | more}}


def test_a_multiline_pattern_makes_events_of_several_lines(tasks):
    script = "printf 'INFO one\\n  more\\n  and more\\nINFO two\\n'"
    assert tasks.lines(script, **awslogs(awslogs_multiline_pattern="^INFO")) == ["INFO one\n  more\n  and more\n", "INFO two\n"]


def test_a_datetime_format_makes_events_of_several_lines(tasks):
    script = "printf '[2026-11-21 10:00:00] one\\nmore\\n[2026-11-21 10:00:01] two\\n'"
    seen = tasks.lines(script, **awslogs(awslogs_datetime_format="\\[%Y-%m-%d %H:%M:%S\\]"))
    assert seen == ["[2026-11-21 10:00:00] one\nmore\n", "[2026-11-21 10:00:01] two\n"]


@pytest.mark.parametrize("mode", ["blocking", "non-blocking"])
def test_every_line_arrives_in_order(tasks, mode):
    task = tasks.run(container("seq 2000", **awslogs(mode=mode, max_buffer_size="4m")), networkMode="none")
    task.stopped()
    paginator, lines = tasks.logs.get_paginator("filter_log_events"), []
    for page in paginator.paginate(logGroupName=GROUP, logStreamNames=[f"t/main/{task.id}"]):
        lines += [event["message"] for event in page["events"]]
    assert lines == [str(n) for n in range(1, 2001)]


def test_output_can_be_thrown_away(tasks):
    task = tasks.run(container("echo unseen", logConfiguration={"logDriver": "none"}), networkMode="none")
    assert task.stopped()["containers"][0]["exitCode"] == 0
    assert task.lines() == []


@pytest.mark.skipif(runtime() != "embedded", reason="Docker keeps its own json-file")
def test_json_file_is_dockers_and_rotates(tasks, wharf):
    log = {"logDriver": "json-file", "options": {"max-size": "2k", "max-file": "2"}}
    task = tasks.run(container("seq 100; exec sleep 300", logConfiguration=log), networkMode="none")
    task.running()

    def kept():
        files = wharf.find(f"{task.id}-0-json.log*")
        try:
            lines = [json.loads(line) for path in reversed(files) for line in path.read_text().splitlines()]
        except (FileNotFoundError, json.JSONDecodeError):
            return None  # one was renamed, or is being written
        return (files, lines) if lines and lines[-1]["log"] == "100\n" else None

    files, lines = eventually("the last line is there", 10, kept)
    assert len(files) == 2 and all(path.stat().st_size <= 2048 + 100 for path in files)
    assert set(lines[-1]) == {"log", "stream", "time"} and lines[-1]["stream"] == "stdout"
    task.stop()
    eventually("the files go with the container", 10, lambda: not wharf.find(f"{task.id}-0-json.log*"))


class Collector:
    """What Fluentd is to a client: takes messages of the forward protocol and keeps their bytes."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.server.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self.server.accept()
            self.connections.append(bytearray())
            threading.Thread(target=self._read, args=(connection, self.connections[-1]), daemon=True).start()

    def _read(self, connection, received):
        while data := connection.recv(65536):
            received += data

    @property
    def received(self):
        """What came so far, one connection after the other."""
        return b"".join(map(bytes, self.connections))


def packed(text):
    """A short text as MessagePack writes it."""
    data = text.encode()
    return (bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xd9" + struct.pack("B", len(data))) + data


@pytest.mark.skipif(runtime() != "embedded", reason="Docker's own driver would be tested")
def test_fluentd_gets_every_line(tasks):
    collector = Collector()
    options = {"fluentd-address": collector.address, "tag": "wharf.test"}
    script = "echo for-fluentd; echo wrong >&2"
    task = tasks.run(container(script, logConfiguration={"logDriver": "fluentd", "options": options}), networkMode="none")
    assert task.stopped()["containers"][0]["exitCode"] == 0
    for text in ("wharf.test", "log", "for-fluentd", "source", "stdout", "wrong", "stderr", "container_name", "container_id"):
        # All was sent when the task stopped; whether the thread has read it is another question.
        eventually(f"{text} was read", 5, lambda: packed(text) in collector.received)


@pytest.mark.skipif(runtime() != "embedded", reason="Docker's own driver would be tested")
def test_fluentd_that_is_not_there_stops_the_task(tasks):
    options = {"fluentd-address": "127.0.0.1:9"}
    stopped = tasks.run(container("true", logConfiguration={"logDriver": "fluentd", "options": options}), networkMode="none").stopped()
    assert stopped["stopCode"] == "TaskFailedToStart"


@pytest.fixture(scope="module")
def lines_to_filter(client):
    logs = client("logs")
    logs.create_log_group(logGroupName="/filter")
    logs.create_log_stream(logGroupName="/filter", logStreamName="s")
    now = int(time.time() * 1000)
    messages = ["ERROR one", "WARN two", "INFO three", '{"level": "error", "code": 500}', '{"level": "info", "code": 200}', "10.0.0.1 - GET /x 404"]
    events = [{"timestamp": now - 1000 + n, "message": text} for n, text in enumerate(messages)]
    logs.put_log_events(logGroupName="/filter", logStreamName="s", logEvents=events)
    return logs


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ERROR", ["ERROR one"]),
        ("?ERROR ?WARN", ["ERROR one", "WARN two"]),
        ('-ERROR -WARN -INFO -"level"', ["10.0.0.1 - GET /x 404"]),
        ('{ $.code >= 500 && $.level = "err*" }', ['{"level": "error", "code": 500}']),
        ("[ip, user, method=GET, path, status=4*]", ["10.0.0.1 - GET /x 404"]),
        ("%ERR|WA[A-Z]+%", ["ERROR one", "WARN two"]),
    ],
)
def test_filter_patterns(lines_to_filter, pattern, found):
    answer = lines_to_filter.filter_log_events(logGroupName="/filter", filterPattern=pattern)
    assert [event["message"] for event in answer["events"]] == found


def test_a_pattern_that_is_none_is_refused(lines_to_filter):
    with pytest.raises(ClientError) as refused:
        lines_to_filter.filter_log_events(logGroupName="/filter", filterPattern="{ $.a = ")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_retention_can_be_set_and_seen(lines_to_filter):
    lines_to_filter.put_retention_policy(logGroupName="/filter", retentionInDays=7)
    (group,) = lines_to_filter.describe_log_groups(logGroupNamePrefix="/filter")["logGroups"]
    assert group["retentionInDays"] == 7
    lines_to_filter.delete_retention_policy(logGroupName="/filter")
    assert "retentionInDays" not in lines_to_filter.describe_log_groups(logGroupNamePrefix="/filter")["logGroups"][0]


def test_subscription_filters_are_refused_clearly(lines_to_filter):
    with pytest.raises(ClientError) as refused:
        lines_to_filter.put_subscription_filter(logGroupName="/filter", filterName="f", filterPattern="", destinationArn="arn:aws:lambda:us-east-1:000000000000:function:f")
    assert "ubscription" in refused.value.response["Error"]["Message"]


def test_following_a_group_as_aws_logs_tail_does(tasks):
    """`aws logs tail --follow` is of the AWS CLI's second version, which is in no package: these are its calls."""
    task = tasks.run(container("echo before; while :; do echo tick; sleep 1; done"), networkMode="none")
    request = {"logGroupName": GROUP, "logStreamNames": [f"t/main/{task.id}"], "startTime": int(time.time() * 1000) - 60_000, "interleaved": True}
    task.line("before")
    seen, messages = set(), []

    def four():
        page = tasks.logs.filter_log_events(**request)
        for event in page["events"]:
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                messages.append(event["message"])
        if "nextToken" in page:
            request["nextToken"] = page["nextToken"]
        else:
            request.pop("nextToken", None)
            request["startTime"] = max((event["timestamp"] for event in page["events"]), default=request["startTime"])
        return len(messages) >= 4

    eventually("four lines", 15, four)
    assert messages[:4] == ["before", "tick", "tick", "tick"]
    task.stop()


def test_live_tail_streams_events(tasks, client):
    task = tasks.run(container("while :; do echo alive; sleep 1; done"), networkMode="none")
    task.line("alive")
    logs = client("logs", inject_host_prefix=False)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    stream = logs.start_live_tail(logGroupIdentifiers=[group["logGroupArn"]], logStreamNames=[f"t/main/{task.id}"])["responseStream"]
    results = []
    for event in stream:
        if "sessionStart" in event:
            assert event["sessionStart"]["logGroupIdentifiers"]
        else:
            results += event["sessionUpdate"]["sessionResults"]
        if results:
            break
    stream.close()
    assert results[0]["message"] == "alive"
    task.stop()
