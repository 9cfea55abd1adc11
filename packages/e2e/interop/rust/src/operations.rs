//! Everything about a stream but its records; ../javascript/operations.mjs in Rust.

use std::time::Duration;

use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    EncryptionType, MetricsName, MinimumThroughputBillingCommitmentInput,
    MinimumThroughputBillingCommitmentInputStatus, RecordDistributionStrategy, StreamDescriptionSummary, StreamMode,
    StreamModeDetails, StreamStatus, Tag,
};

use crate::{Subject, check, code_of};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

pub async fn check_operations(subject: &Subject) {
    let Subject { client, name } = subject;
    client.create_stream().stream_name(name).shard_count(2).tags("a", "1").send().await.unwrap();
    client.wait_until_stream_exists().stream_name(name).wait(Duration::from_secs(30)).await.unwrap();
    let answer = client.describe_stream().stream_name(name).send().await.unwrap();
    let description = answer.stream_description().unwrap();
    let pages = client.list_streams().limit(1).into_paginator().send();
    let listed: Vec<String> =
        pages.try_collect().await.unwrap().into_iter().flat_map(|page| page.stream_names).collect();
    let shards = client.list_shards().stream_name(name).send().await.unwrap();
    let count = summary(subject).await.open_shard_count;
    let is_there = listed.contains(name) && shards.shards().len() == 2 && count == 2;
    check(
        "a stream is created, described and listed",
        is_there && *description.stream_status() == StreamStatus::Active,
        description,
    );
    let limits = client.describe_limits().send().await.unwrap();
    check("limits of the account", limits.open_shard_count >= 2, limits);

    let arn = summary(subject).await.stream_arn;
    check_tags(subject, &arn).await;
    check_settings(subject, &arn).await;
    check_policy_and_account(subject, &arn).await;
    check_consumer(subject, &arn).await;
    check_modes(subject, &arn).await;

    let codes = [
        code_of(client.describe_stream().stream_name("nowhere").send().await),
        code_of(client.create_stream().stream_name(name).shard_count(1).send().await),
        code_of(client.get_records().shard_iterator("AAAA").send().await),
        code_of(client.list_shards().stream_name("no spaces").send().await),
    ];
    let typed =
        ["ResourceNotFoundException", "ResourceInUseException", "InvalidArgumentException", "ValidationException"];
    check("errors have their types", codes == typed, codes);

    client.delete_stream().stream_name(name).enforce_consumer_deletion(true).send().await.unwrap();
    client.wait_until_stream_not_exists().stream_name(name).wait(Duration::from_secs(30)).await.unwrap();
    check("a stream is deleted", true, ());
}

async fn summary(Subject { client, name }: &Subject) -> StreamDescriptionSummary {
    let answer = client.describe_stream_summary().stream_name(name).send().await.unwrap();
    answer.stream_description_summary.unwrap()
}

async fn check_tags(Subject { client, name }: &Subject, arn: &str) {
    client.add_tags_to_stream().stream_name(name).tags("b", "2").send().await.unwrap();
    client.tag_resource().resource_arn(arn).tags("c", "3").send().await.unwrap();
    client.remove_tags_from_stream().stream_name(name).tag_keys("b").send().await.unwrap();
    client.untag_resource().resource_arn(arn).tag_keys("a").send().await.unwrap();
    let tags = [Tag::builder().key("c").value("3").build().unwrap()];
    let by_stream = client.list_tags_for_stream().stream_name(name).send().await.unwrap();
    let by_resource = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    check("tags by stream and by resource", by_stream.tags() == tags && by_resource.tags() == tags, by_stream);
}

async fn check_settings(subject: &Subject, arn: &str) {
    let Subject { client, name } = subject;
    client.increase_stream_retention_period().stream_name(name).retention_period_hours(48).send().await.unwrap();
    let longer = summary(subject).await.retention_period_hours;
    client.decrease_stream_retention_period().stream_name(name).retention_period_hours(24).send().await.unwrap();
    let shorter = summary(subject).await.retention_period_hours;
    check("retention up and down", longer == 48 && shorter == 24, [longer, shorter]);

    let (kms, key) = (EncryptionType::Kms, "alias/aws/kinesis");
    client.start_stream_encryption().stream_name(name).encryption_type(kms.clone()).key_id(key).send().await.unwrap();
    let put = client.put_record().stream_name(name).partition_key("k").data(Blob::new("x")).send().await.unwrap();
    client.stop_stream_encryption().stream_name(name).encryption_type(kms.clone()).key_id(key).send().await.unwrap();
    let after = summary(subject).await.encryption_type;
    check("encryption on and off", put.encryption_type == Some(kms) && after == Some(EncryptionType::None), after);

    let bytes = MetricsName::IncomingBytes;
    let on =
        client.enable_enhanced_monitoring().stream_name(name).shard_level_metrics(bytes.clone()).send().await.unwrap();
    let off = client.disable_enhanced_monitoring().stream_name(name).shard_level_metrics(bytes).send().await.unwrap();
    let counts = [on.desired_shard_level_metrics().len(), off.desired_shard_level_metrics().len()];
    check("shard-level metrics on and off", counts == [1, 0], counts);

    client.update_max_record_size().stream_arn(arn).max_record_size_in_kib(2_048).send().await.unwrap();
    let large = Blob::new(vec![0; 1_500_000]);
    client.put_record().stream_name(name).partition_key("k").data(large).send().await.unwrap();
    let size = summary(subject).await.max_record_size_in_kib;
    check("a record of 1.5 MB after UpdateMaxRecordSize", size == Some(2_048), size);
}

async fn check_policy_and_account(Subject { client, .. }: &Subject, arn: &str) {
    client.put_resource_policy().resource_arn(arn).policy(POLICY).send().await.unwrap();
    let kept = client.get_resource_policy().resource_arn(arn).send().await.unwrap();
    client.delete_resource_policy().resource_arn(arn).send().await.unwrap();
    check("a resource policy is put, got and deleted", kept.policy() == POLICY, kept);

    let disabled = MinimumThroughputBillingCommitmentInputStatus::Disabled;
    let commitment = MinimumThroughputBillingCommitmentInput::builder().status(disabled).build().unwrap();
    client.update_account_settings().minimum_throughput_billing_commitment(commitment).send().await.unwrap();
    let settings = client.describe_account_settings().send().await.unwrap();
    let status = settings.minimum_throughput_billing_commitment().map(|commitment| commitment.status().as_str());
    check("account settings", status == Some("DISABLED"), status);
}

async fn check_consumer(Subject { client, .. }: &Subject, arn: &str) {
    client.register_stream_consumer().stream_arn(arn).consumer_name("app").send().await.unwrap();
    let described = client.describe_stream_consumer().stream_arn(arn).consumer_name("app").send().await.unwrap();
    let pages = client.list_stream_consumers().stream_arn(arn).into_paginator().send();
    let listed: usize = pages.try_collect().await.unwrap().iter().map(|page| page.consumers().len()).sum();
    client.deregister_stream_consumer().stream_arn(arn).consumer_name("app").send().await.unwrap();
    let gone = code_of(client.describe_stream_consumer().stream_arn(arn).consumer_name("app").send().await);
    let name = described.consumer_description().unwrap().consumer_name();
    check(
        "a consumer is registered, described, listed and gone",
        name == "app" && listed == 1 && gone == "ResourceNotFoundException",
        gone,
    );
}

async fn check_modes(subject: &Subject, arn: &str) {
    let client = &subject.client;
    change(subject, arn, StreamMode::OnDemand).await;
    let answer = client.update_stream_warm_throughput().stream_arn(arn).warm_throughput_mibps(10).send().await.unwrap();
    let target = answer.warm_throughput().unwrap().target_mibps();
    check("on-demand, with warm throughput", target == Some(10), target);
    let auto = RecordDistributionStrategy::Auto;
    let update = client.update_stream_record_distribution_strategy().stream_arn(arn);
    update.record_distribution_strategy(auto.clone()).send().await.unwrap();
    let seen = summary(subject).await.record_distribution_strategy;
    check("the distribution of records", seen == Some(auto), seen);
    change(subject, arn, StreamMode::Provisioned).await;
    let mode = summary(subject).await.stream_mode_details.unwrap().stream_mode;
    check("and provisioned again", mode == StreamMode::Provisioned, mode);
}

async fn change(Subject { client, .. }: &Subject, arn: &str, mode: StreamMode) {
    let details = StreamModeDetails::builder().stream_mode(mode).build().unwrap();
    client.update_stream_mode().stream_arn(arn).stream_mode_details(details).send().await.unwrap();
}
