"""The AWS CLI against a running endpoint: python3 check.py AWS http://127.0.0.1:4567. One line per check, ends with 1 on the first failure."""

import base64
import json
import os
import subprocess
import sys
import uuid

program, endpoint = sys.argv[1:3]
stream = f"cli-{uuid.uuid4().hex[:8]}"
environment = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def aws(*arguments):
    done = subprocess.run(
        [program, "--endpoint-url", endpoint, "--output", "json", "kinesis", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}, done.stderr


def check(name, condition, seen=""):
    print(("ok    " if condition else "FAILED ") + name, seen if not condition else "")
    if not condition:
        sys.exit(1)


def succeeds(name, *arguments):
    status, answer, problem = aws(*arguments)
    check(name, status == 0, problem)
    return answer


succeeds("create-stream", "create-stream", "--stream-name", stream, "--shard-count", "2")
succeeds("wait stream-exists", "wait", "stream-exists", "--stream-name", stream)
shards = succeeds("list-shards", "list-shards", "--stream-name", stream)["Shards"]
check("two shards", len(shards) == 2, shards)
status, put, problem = aws("put-record", "--stream-name", stream, "--partition-key", "k", "--data", "hello")
check("put-record", status == 0 and put["ShardId"] in [s["ShardId"] for s in shards], problem)
records = json.dumps([{"PartitionKey": str(i), "Data": str(i)} for i in range(20)])
many = succeeds("put-records", "put-records", "--stream-name", stream, "--records", records)
check("none failed", many["FailedRecordCount"] == 0 and len(many["Records"]) == 20, many)
iterator = succeeds(
    "get-shard-iterator",
    *("get-shard-iterator", "--stream-name", stream, "--shard-id", put["ShardId"]),
    *("--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"]),
)["ShardIterator"]
page = succeeds("get-records", "get-records", "--shard-iterator", iterator)
check("the record is there", base64.b64decode(page["Records"][0]["Data"]) == b"hello", page["Records"][:1])
succeeds("add-tags-to-stream", "add-tags-to-stream", "--stream-name", stream, "--tags", "team=a,tier=b")
tags = succeeds("list-tags-for-stream", "list-tags-for-stream", "--stream-name", stream)["Tags"]
check("both tags", tags == [{"Key": "team", "Value": "a"}, {"Key": "tier", "Value": "b"}], tags)
hours = ("--stream-name", stream, "--retention-period-hours")
succeeds("increase-stream-retention-period", "increase-stream-retention-period", *hours, "48")
succeeds("split-shard", "split-shard", "--stream-name", stream, "--shard-to-split", "shardId-000000000000", "--new-starting-hash-key", str(2**126))
succeeds("wait stream-exists after a split", "wait", "stream-exists", "--stream-name", stream)
summary = succeeds("describe-stream-summary", "describe-stream-summary", "--stream-name", stream)["StreamDescriptionSummary"]
check("three open shards, two days", summary["OpenShardCount"] == 3 and summary["RetentionPeriodHours"] == 48, summary)
succeeds("describe-limits", "describe-limits")
consumer = succeeds("register-stream-consumer", "register-stream-consumer", "--stream-arn", summary["StreamARN"], "--consumer-name", "cli")
check("a consumer's ARN", consumer["Consumer"]["ConsumerARN"].startswith(summary["StreamARN"] + "/consumer/cli:"), consumer)
listed = succeeds("list-streams by the paginator", "list-streams")["StreamNames"]
check("listed", stream in listed, listed)
status, _, problem = aws("describe-stream", "--stream-name", "nowhere")
check("an unknown stream", status != 0 and "(ResourceNotFoundException)" in problem, problem)
status, _, problem = aws("delete-stream", "--stream-name", stream)
check("a stream with consumers stays", status != 0 and "(ResourceInUseException)" in problem, problem)
succeeds("delete-stream", "delete-stream", "--stream-name", stream, "--enforce-consumer-deletion")
succeeds("wait stream-not-exists", "wait", "stream-not-exists", "--stream-name", stream)
