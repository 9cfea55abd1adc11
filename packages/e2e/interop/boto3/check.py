"""boto3 against a running endpoint: python3 check.py http://127.0.0.1:4567. Prints one line per check, ends with 1 on the first failure."""

import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]
kinesis = boto3.client(
    "kinesis",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
    config=Config(retries={"max_attempts": 3}),
)
stream = f"boto3-{uuid.uuid4().hex[:8]}"
shard = "shardId-000000000000"


def check(name, condition, seen=""):
    print(("ok    " if condition else "FAILED ") + name, seen if not condition else "")
    if not condition:
        sys.exit(1)


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def records_from(**where):
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **where)["ShardIterator"]
    return [record["Data"] for record in kinesis.get_records(ShardIterator=iterator)["Records"]]


kinesis.create_stream(StreamName=stream, ShardCount=2)
kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
description = kinesis.describe_stream(StreamName=stream)["StreamDescription"]
check("DescribeStream", description["StreamStatus"] == "ACTIVE" and len(description["Shards"]) == 2, description)
summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
check("DescribeStreamSummary", summary["OpenShardCount"] == 2, summary)
check("ListStreams", stream in kinesis.list_streams()["StreamNames"])
check("ListStreams by the paginator", stream in [n for p in kinesis.get_paginator("list_streams").paginate() for n in p["StreamNames"]])
check("ListShards", [s["ShardId"] for s in kinesis.list_shards(StreamName=stream)["Shards"]] == [shard, "shardId-000000000001"])
check("DescribeLimits", kinesis.describe_limits()["OpenShardCount"] >= 2)

first = kinesis.put_record(StreamName=stream, PartitionKey="k", ExplicitHashKey="0", Data=b"first")
check("PutRecord by explicit hash key", first["ShardId"] == shard, first)
# botocore sends whole seconds.
before_second = int(time.time()) + 1
time.sleep(before_second + 0.01 - time.time())
second = kinesis.put_record(StreamName=stream, PartitionKey="k", ExplicitHashKey="1", Data=bytes(range(256)))
check("sequence numbers grow", int(second["SequenceNumber"]) > int(first["SequenceNumber"]))
many = kinesis.put_records(
    StreamName=stream, Records=[{"PartitionKey": str(i), "ExplicitHashKey": "2", "Data": str(i)} for i in range(100)]
)
check("PutRecords", many["FailedRecordCount"] == 0 and len({r["SequenceNumber"] for r in many["Records"]}) == 100)

everything = [b"first", bytes(range(256))] + [str(i).encode() for i in range(100)]
check("TRIM_HORIZON", records_from(ShardIteratorType="TRIM_HORIZON") == everything)
number = second["SequenceNumber"]
check("AT_SEQUENCE_NUMBER", records_from(ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=number) == everything[1:])
check("AFTER_SEQUENCE_NUMBER", records_from(ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number) == everything[2:])
check("AT_TIMESTAMP", records_from(ShardIteratorType="AT_TIMESTAMP", Timestamp=before_second) == everything[1:])
check("LATEST", records_from(ShardIteratorType="LATEST") == [])
iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
page = kinesis.get_records(ShardIterator=iterator, Limit=1)
check("a page of one record", len(page["Records"]) == 1 and page["MillisBehindLatest"] > 0, page)
rest = kinesis.get_records(ShardIterator=page["NextShardIterator"])
check("the page after it", [r["Data"] for r in rest["Records"]] == everything[1:])
check("a record's fields", rest["Records"][0]["PartitionKey"] == "k" and rest["Records"][0]["ApproximateArrivalTimestamp"].timestamp() >= before_second - 1)

check("an unknown stream", code_of(kinesis.describe_stream, StreamName="nowhere") == "ResourceNotFoundException")
check("a stream that exists", code_of(kinesis.create_stream, StreamName=stream, ShardCount=1) == "ResourceInUseException")
check("a foreign iterator", code_of(kinesis.get_records, ShardIterator="AAAA") == "InvalidArgumentException")
check("a name that is none", code_of(kinesis.create_stream, StreamName="no spaces", ShardCount=1) == "ValidationException")

kinesis.delete_stream(StreamName=stream)
kinesis.get_waiter("stream_not_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
check("DeleteStream", stream not in kinesis.list_streams()["StreamNames"])
