"""Everything about a stream but its records; ../javascript/operations.mjs in Python."""

import json

from checks import check, code_of, wait_active

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


def check_operations(kinesis, stream):
    here = {"StreamName": stream}

    def summary():
        return kinesis.describe_stream_summary(**here)["StreamDescriptionSummary"]

    kinesis.create_stream(**here, ShardCount=2, Tags={"a": "1"})
    wait_active(kinesis, stream)
    description = kinesis.describe_stream(**here)["StreamDescription"]
    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1})
    listed = [name for page in pages for name in page["StreamNames"]]
    shards = kinesis.list_shards(**here)["Shards"]
    check(
        "a stream is created, described and listed",
        description["StreamStatus"] == "ACTIVE" and summary()["OpenShardCount"] == 2 and stream in listed and len(shards) == 2,
        description,
    )
    check("limits of the account", kinesis.describe_limits()["OpenShardCount"] >= 2)
    arn = summary()["StreamARN"]

    kinesis.add_tags_to_stream(**here, Tags={"b": "2"})
    kinesis.tag_resource(ResourceARN=arn, Tags={"c": "3"})
    kinesis.remove_tags_from_stream(**here, TagKeys=["b"])
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["a"])
    tags = [kinesis.list_tags_for_stream(**here)["Tags"], kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"]]
    check("tags by stream and by resource", tags == 2 * [[{"Key": "c", "Value": "3"}]], tags)

    kinesis.increase_stream_retention_period(**here, RetentionPeriodHours=48)
    longer = summary()["RetentionPeriodHours"]
    kinesis.decrease_stream_retention_period(**here, RetentionPeriodHours=24)
    check("retention up and down", longer == 48 and summary()["RetentionPeriodHours"] == 24, longer)

    encryption = {**here, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    kinesis.start_stream_encryption(**encryption)
    put = kinesis.put_record(**here, PartitionKey="k", Data=b"x")
    kinesis.stop_stream_encryption(**encryption)
    check("encryption on and off", put["EncryptionType"] == "KMS" and summary()["EncryptionType"] == "NONE", put)

    on = kinesis.enable_enhanced_monitoring(**here, ShardLevelMetrics=["IncomingBytes"])["DesiredShardLevelMetrics"]
    off = kinesis.disable_enhanced_monitoring(**here, ShardLevelMetrics=["IncomingBytes"])["DesiredShardLevelMetrics"]
    check("shard-level metrics on and off", on == ["IncomingBytes"] and off == [], [on, off])

    kinesis.put_resource_policy(ResourceARN=arn, Policy=POLICY)
    policy = kinesis.get_resource_policy(ResourceARN=arn)["Policy"]
    kinesis.delete_resource_policy(ResourceARN=arn)
    check("a resource policy is put, got and deleted", policy == POLICY, policy)

    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    settings = kinesis.describe_account_settings()["MinimumThroughputBillingCommitment"]
    check("account settings", settings["Status"] == "DISABLED", settings)

    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    kinesis.put_record(**here, PartitionKey="k", Data=bytes(1_500_000))
    check("a record of 1.5 MB after UpdateMaxRecordSize", summary()["MaxRecordSizeInKiB"] == 2048)

    consumer = {"StreamARN": arn, "ConsumerName": "app"}
    kinesis.register_stream_consumer(**consumer)
    described = kinesis.describe_stream_consumer(**consumer)["ConsumerDescription"]
    consumers = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    kinesis.deregister_stream_consumer(**consumer)
    check(
        "a consumer is registered, described, listed and gone",
        described["ConsumerName"] == "app"
        and len(consumers) == 1
        and code_of(kinesis.describe_stream_consumer, **consumer) == "ResourceNotFoundException",
        described,
    )

    check_modes(kinesis, arn, summary)

    errors = [
        code_of(kinesis.describe_stream, StreamName="nowhere"),
        code_of(kinesis.create_stream, **here, ShardCount=1),
        code_of(kinesis.get_records, ShardIterator="AAAA"),
        code_of(kinesis.list_shards, StreamName="no spaces"),
    ]
    typed = ["ResourceNotFoundException", "ResourceInUseException", "InvalidArgumentException", "ValidationException"]
    check("errors have their types", errors == typed, errors)

    kinesis.delete_stream(**here, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(**here, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    check("a stream is deleted", True)


def check_modes(kinesis, arn, summary):
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    warm = kinesis.update_stream_warm_throughput(StreamARN=arn, WarmThroughputMiBps=10)["WarmThroughput"]
    check("on-demand, with warm throughput", warm["TargetMiBps"] == 10, warm)
    if hasattr(kinesis, "update_stream_record_distribution_strategy"):
        kinesis.update_stream_record_distribution_strategy(StreamARN=arn, RecordDistributionStrategy="AUTO")
        check("the distribution of records", summary()["RecordDistributionStrategy"] == "AUTO", summary())
    else:
        print("lacks UpdateStreamRecordDistributionStrategy")
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    check("and provisioned again", summary()["StreamModeDetails"]["StreamMode"] == "PROVISIONED")
