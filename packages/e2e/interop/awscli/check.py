"""The AWS CLI against a running endpoint: python3 check.py AWS http://127.0.0.1:4567. Ends with 1 on the first check that fails."""

import base64
import json
import os
import subprocess
import sys
import uuid

program, endpoint = sys.argv[1:3]
stream = f"cli-{uuid.uuid4().hex[:8]}"
first = "shardId-000000000000"
environment = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_PAGER": "",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def run(*arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, timeout=60)
    return done.returncode, done.stdout, done.stderr


def aws(*arguments):
    status, output, problem = run("--endpoint-url", endpoint, "--output", "json", "kinesis", *arguments)
    return status, json.loads(output) if output.strip() else {}, problem


def check(name, condition, seen=""):
    print(("ok    " if condition else "FAILED ") + name, seen if not condition else "", flush=True)
    if not condition:
        sys.exit(1)


def does(*arguments):
    """The answer of a call that must succeed."""
    status, answer, problem = aws(*arguments)
    if status != 0:
        check(arguments[0], False, problem)
    return answer


def lacks(operation, command):
    """Whether this version of the CLI has no such command; the runner is told."""
    status, _, problem = aws(command)
    if "Invalid choice" not in problem and "invalid choice" not in problem:
        return False
    print("lacks", operation)
    return True


def summary():
    return does("describe-stream-summary", *here)["StreamDescriptionSummary"]


here = ("--stream-name", stream)
print("version", run("--version")[1].split()[0].removeprefix("aws-cli/"))
does("create-stream", *here, "--shard-count", "2")
does("wait", "stream-exists", *here)
listed = does("list-streams")["StreamNames"]
shards = does("list-shards", *here)["Shards"]
status = does("describe-stream", *here)["StreamDescription"]["StreamStatus"]
arn = summary()["StreamARN"]
check("a stream is created, described and listed", status == "ACTIVE" and len(shards) == 2 and stream in listed, shards)
check("limits of the account", does("describe-limits")["OpenShardCount"] >= 2)

put = does("put-record", *here, "--partition-key", "k", "--data", "hello")
records = json.dumps([{"PartitionKey": str(i), "Data": str(i)} for i in range(20)])
many = does("put-records", *here, "--records", records)
check("put-records, and none failed", many["FailedRecordCount"] == 0 and len(many["Records"]) == 20, many)
iterator = does(
    *("get-shard-iterator", *here, "--shard-id", put["ShardId"]),
    *("--shard-iterator-type", "AT_SEQUENCE_NUMBER", "--starting-sequence-number", put["SequenceNumber"]),
)["ShardIterator"]
page = does("get-records", "--shard-iterator", iterator)
check("get-records gives what put-record took", base64.b64decode(page["Records"][0]["Data"]) == b"hello", page["Records"][:1])

does("add-tags-to-stream", *here, "--tags", "a=1,b=2")
does("tag-resource", "--resource-arn", arn, "--tags", "c=3")
does("remove-tags-from-stream", *here, "--tag-keys", "b")
does("untag-resource", "--resource-arn", arn, "--tag-keys", "a")
tags = [does("list-tags-for-stream", *here)["Tags"], does("list-tags-for-resource", "--resource-arn", arn)["Tags"]]
check("tags by stream and by resource", tags == 2 * [[{"Key": "c", "Value": "3"}]], tags)
does("increase-stream-retention-period", *here, "--retention-period-hours", "48")
longer = summary()["RetentionPeriodHours"]
does("decrease-stream-retention-period", *here, "--retention-period-hours", "24")
check("retention up and down", longer == 48 and summary()["RetentionPeriodHours"] == 24, longer)
encryption = (*here, "--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
does("start-stream-encryption", *encryption)
marked = summary()["EncryptionType"]
does("stop-stream-encryption", *encryption)
check("encryption on and off", marked == "KMS" and summary()["EncryptionType"] == "NONE", marked)
on = does("enable-enhanced-monitoring", *here, "--shard-level-metrics", "IncomingBytes")["DesiredShardLevelMetrics"]
off = does("disable-enhanced-monitoring", *here, "--shard-level-metrics", "IncomingBytes")["DesiredShardLevelMetrics"]
check("shard-level metrics on and off", on == ["IncomingBytes"] and off == [], [on, off])
policy = json.dumps({"Version": "2012-10-17", "Statement": []})
does("put-resource-policy", "--resource-arn", arn, "--policy", policy)
kept = does("get-resource-policy", "--resource-arn", arn)["Policy"]
does("delete-resource-policy", "--resource-arn", arn)
check("a resource policy is put, got and deleted", kept == policy, kept)
does("update-account-settings", "--minimum-throughput-billing-commitment", "Status=DISABLED")
settings = does("describe-account-settings")["MinimumThroughputBillingCommitment"]
check("account settings", settings["Status"] == "DISABLED", settings)
does("update-max-record-size", "--stream-arn", arn, "--max-record-size-in-ki-b", "2048")
check("the greatest size of a record", summary()["MaxRecordSizeInKiB"] == 2048)

does("split-shard", *here, "--shard-to-split", first, "--new-starting-hash-key", str(2**126))
does("wait", "stream-exists", *here)
does("merge-shards", *here, "--shard-to-merge", "shardId-000000000002", "--adjacent-shard-to-merge", "shardId-000000000003")
does("wait", "stream-exists", *here)
does("update-shard-count", *here, "--target-shard-count", "4", "--scaling-type", "UNIFORM_SCALING")
does("wait", "stream-exists", *here)
check("a split, a merge and update-shard-count", summary()["OpenShardCount"] == 4, summary())

consumer = ("--stream-arn", arn, "--consumer-name", "app")
made = does("register-stream-consumer", *consumer)["Consumer"]
check("a consumer's ARN", made["ConsumerARN"].startswith(f"{arn}/consumer/app:"), made)
described = does("describe-stream-consumer", *consumer)["ConsumerDescription"]["ConsumerStatus"]
consumers = does("list-stream-consumers", "--stream-arn", arn)["Consumers"]
status, _, problem = aws("delete-stream", *here)
check("a stream with consumers stays", status != 0 and "(ResourceInUseException)" in problem, problem)
does("deregister-stream-consumer", *consumer)
status, _, problem = aws("describe-stream-consumer", *consumer)
is_gone = status != 0 and "(ResourceNotFoundException)" in problem
check("a consumer is registered, described, listed and gone", described == "ACTIVE" and len(consumers) == 1 and is_gone, problem)
lacks("SubscribeToShard", "subscribe-to-shard")

does("update-stream-mode", "--stream-arn", arn, "--stream-mode-details", "StreamMode=ON_DEMAND")
warm = does("update-stream-warm-throughput", "--stream-arn", arn, "--warm-throughput-mi-bps", "10")["WarmThroughput"]
check("on-demand, with warm throughput", warm["TargetMiBps"] == 10, warm)
distribution = "update-stream-record-distribution-strategy"
if not lacks("UpdateStreamRecordDistributionStrategy", distribution):
    does(distribution, "--stream-arn", arn, "--record-distribution-strategy", "AUTO")
    check("the distribution of records", summary()["RecordDistributionStrategy"] == "AUTO", summary())
does("update-stream-mode", "--stream-arn", arn, "--stream-mode-details", "StreamMode=PROVISIONED")
check("and provisioned again", summary()["StreamModeDetails"]["StreamMode"] == "PROVISIONED")

status, _, problem = aws("describe-stream", "--stream-name", "nowhere")
check("errors have their types", status != 0 and "(ResourceNotFoundException)" in problem, problem)
does("delete-stream", *here, "--enforce-consumer-deletion")
does("wait", "stream-not-exists", *here)
check("a stream is deleted", True)
