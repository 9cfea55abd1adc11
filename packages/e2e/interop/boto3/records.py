"""A stream's records; ../javascript/records.mjs in Python."""

import sys
import time

from checks import check, wait_active

FIRST = "shardId-000000000000"
QUARTER = str(2**126)


def check_records(kinesis, stream):
    here = {"StreamName": stream}
    kinesis.create_stream(**here, ShardCount=2)
    wait_active(kinesis, stream)

    def put(data, hash_key="0"):
        return kinesis.put_record(**here, PartitionKey="k", ExplicitHashKey=hash_key, Data=data)

    def iterator(kind, shard=FIRST, **where):
        return kinesis.get_shard_iterator(**here, ShardId=shard, ShardIteratorType=kind, **where)["ShardIterator"]

    def data_from(start):
        return [record["Data"] for record in kinesis.get_records(ShardIterator=start)["Records"]]

    latest = iterator("LATEST")
    numbers = [put(data)["SequenceNumber"] for data in (b"a", b"b")]
    # botocore sends whole seconds.
    second = int(time.time()) + 1
    time.sleep(second + 0.01 - time.time())
    numbers.append(put(bytes(range(256)))["SequenceNumber"])
    check("sequence numbers grow", int(numbers[0]) < int(numbers[1]) < int(numbers[2]), numbers)
    everything = [b"a", b"b", bytes(range(256))]
    seen = [
        data_from(iterator("TRIM_HORIZON")),
        data_from(iterator("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])),
        data_from(iterator("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1])),
        data_from(iterator("AT_TIMESTAMP", Timestamp=second)),
        data_from(latest),
    ]
    check("every type of iterator", seen == [everything, everything[1:], everything[2:], everything[2:], everything], seen)
    page = kinesis.get_records(ShardIterator=iterator("TRIM_HORIZON"), Limit=1)
    rest = data_from(page["NextShardIterator"])
    check("a page of one record, and the next", len(page["Records"]) == 1 and rest == everything[1:], rest)

    written = write_over_reshards(kinesis, stream)
    shards = [shard for page in kinesis.get_paginator("list_shards").paginate(**here) for shard in page["Shards"]]
    read = []
    for shard in shards:
        start, behind = iterator("TRIM_HORIZON", shard["ShardId"]), 1
        while start is not None and behind > 0:
            answer = kinesis.get_records(ShardIterator=start)
            read += [record["Data"] for record in answer["Records"]]
            start, behind = answer.get("NextShardIterator"), answer["MillisBehindLatest"]
    check(
        "every record once over a split, a merge and UpdateShardCount",
        sorted(read) == sorted(everything + written),
        [len(shards), len(read)],
    )

    arn = kinesis.describe_stream_summary(**here)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="app")["Consumer"]["ConsumerARN"]

    def events(shard, kind):
        stream_of_events = kinesis.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": kind})
        return (event["SubscribeToShardEvent"] for event in stream_of_events["EventStream"])

    pushed, children = [], []
    for event in events(FIRST, "TRIM_HORIZON"):
        pushed += [record["Data"] for record in event["Records"]]
        children += event.get("ChildShards", [])
    is_end = pushed[:3] == everything and len(children) == 2
    check("fan-out comes to a parent's end and its children", is_end, children)
    leaf = next(shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"])
    key = leaf["HashKeyRange"]["StartingHashKey"]
    coming = events(leaf["ShardId"], "LATEST")
    sent = time.time()
    put(b"pushed", key)
    next(event for event in coming if [record["Data"] for record in event["Records"]] == [b"pushed"])
    check("fan-out pushes within a second", time.time() - sent < 1, time.time() - sent)

    before = iterator("LATEST", leaf["ShardId"])
    put(b"before", key)
    print("restart", flush=True)
    sys.stdin.readline()
    put(b"after", key)
    after = data_from(before)
    check("the same client and its iterator go on after a restart of every node", after == [b"before", b"after"], after)
    kinesis.delete_stream(**here, EnforceConsumerDeletion=True)


def write_over_reshards(kinesis, stream):
    here = {"StreamName": stream}
    written = []

    def put_many():
        fresh = [str(len(written) + i).encode() for i in range(100)]
        written.extend(fresh)
        records = [{"PartitionKey": data.decode(), "Data": data} for data in fresh]
        while records:
            answers = kinesis.put_records(**here, Records=records)["Records"]
            records = [record for record, answer in zip(records, answers) if "ErrorCode" in answer]

    put_many()
    kinesis.split_shard(**here, ShardToSplit=FIRST, NewStartingHashKey=QUARTER)
    put_many()
    wait_active(kinesis, stream)
    kinesis.merge_shards(**here, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
    put_many()
    wait_active(kinesis, stream)
    kinesis.update_shard_count(**here, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    put_many()
    wait_active(kinesis, stream)
    return written
