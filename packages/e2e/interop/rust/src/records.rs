//! A stream's records; ../javascript/records.mjs in Rust.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, Record, ScalingType, Shard, ShardIteratorType, StartingPosition,
    SubscribeToShardEventStream,
};

use crate::{Subject, check};

const FIRST: &str = "shardId-000000000000";
const QUARTER: u128 = 1 << 126;

pub async fn check_records(subject: &Subject) {
    let Subject { client, name } = subject;
    client.create_stream().stream_name(name).shard_count(2).send().await.unwrap();
    subject.wait_active().await;
    check_iterators(subject).await;

    let written = 3 + write_over_reshards(subject).await;
    let shards = shards(subject).await;
    let mut read = Vec::new();
    for shard in &shards {
        let mut next = Some(iterator(subject, shard.shard_id(), ShardIteratorType::TrimHorizon, None, None).await);
        while let Some(from) = next {
            let answer = client.get_records().shard_iterator(from).send().await.unwrap();
            read.extend(answer.records().iter().map(text));
            next = answer.next_shard_iterator.filter(|_| answer.millis_behind_latest != Some(0));
        }
    }
    let distinct: HashSet<&String> = read.iter().collect();
    let is_once = read.len() == written && distinct.len() == written;
    check("every record once over a split, a merge and UpdateShardCount", is_once, read.len());

    let is_open = |shard: &&Shard| shard.sequence_number_range().unwrap().ending_sequence_number().is_none();
    let open = shards.iter().find(is_open).unwrap();
    check_fan_out(subject, open).await;

    let key = open.hash_key_range().unwrap().starting_hash_key();
    let before = iterator(subject, open.shard_id(), ShardIteratorType::Latest, None, None).await;
    put(subject, "before", key).await;
    println!("restart");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    put(subject, "after", key).await;
    let after = texts_from(subject, before).await;
    check("the same client and its iterator go on after a restart of every node", after == "before,after", after);
    client.delete_stream().stream_name(name).enforce_consumer_deletion(true).send().await.unwrap();
}

async fn check_iterators(subject: &Subject) {
    let latest = iterator(subject, FIRST, ShardIteratorType::Latest, None, None).await;
    let mut numbers = vec![put(subject, "a", "0").await, put(subject, "b", "0").await];
    tokio::time::sleep(Duration::from_millis(20)).await;
    let moment = SystemTime::now();
    numbers.push(put(subject, "c", "0").await);
    check("sequence numbers grow", numbers[0] < numbers[1] && numbers[1] < numbers[2], &numbers);
    let number = Some(numbers[1].as_str());
    let starts = [
        iterator(subject, FIRST, ShardIteratorType::TrimHorizon, None, None).await,
        iterator(subject, FIRST, ShardIteratorType::AtSequenceNumber, number, None).await,
        iterator(subject, FIRST, ShardIteratorType::AfterSequenceNumber, number, None).await,
        iterator(subject, FIRST, ShardIteratorType::AtTimestamp, None, Some(moment)).await,
        latest,
    ];
    let mut seen = Vec::new();
    for start in starts {
        seen.push(texts_from(subject, start).await);
    }
    check("every type of iterator", seen == ["a,b,c", "b,c", "c", "c", "a,b,c"], seen);
    let start = iterator(subject, FIRST, ShardIteratorType::TrimHorizon, None, None).await;
    let page = subject.client.get_records().shard_iterator(start).limit(1).send().await.unwrap();
    let rest = texts_from(subject, page.next_shard_iterator().unwrap().to_owned()).await;
    check("a page of one record, and the next", page.records().len() == 1 && rest == "b,c", rest);
}

async fn check_fan_out(Subject { client, name }: &Subject, open: &Shard) {
    let summary = client.describe_stream_summary().stream_name(name).send().await.unwrap();
    let arn = summary.stream_description_summary().unwrap().stream_arn();
    let registered = client.register_stream_consumer().stream_arn(arn).consumer_name("app").send().await.unwrap();
    let consumer = registered.consumer().unwrap().consumer_arn();
    let subscribe = |shard: &str, kind: ShardIteratorType| {
        let position = StartingPosition::builder().r#type(kind).build().unwrap();
        client.subscribe_to_shard().consumer_arn(consumer).shard_id(shard).starting_position(position).send()
    };

    let mut events = subscribe(FIRST, ShardIteratorType::TrimHorizon).await.unwrap().event_stream;
    let (mut read, mut children) = (Vec::new(), 0);
    while let Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) = events.recv().await.unwrap() {
        read.extend(event.records().iter().map(text));
        children += event.child_shards().len();
    }
    let is_end = read.starts_with(&["a".into(), "b".into(), "c".into()]) && children == 2;
    check("fan-out comes to a parent's end and its children", is_end, children);

    let mut events = subscribe(open.shard_id(), ShardIteratorType::Latest).await.unwrap().event_stream;
    let sent = Instant::now();
    put(
        &Subject { client: client.clone(), name: name.clone() },
        "pushed",
        open.hash_key_range().unwrap().starting_hash_key(),
    )
    .await;
    while let Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) = events.recv().await.unwrap() {
        if event.records().iter().any(|record| text(record) == "pushed") {
            break;
        }
    }
    check("fan-out pushes within a second", sent.elapsed() < Duration::from_secs(1), sent.elapsed());
}

async fn put(Subject { client, name }: &Subject, text: &str, hash_key: &str) -> String {
    let record = client.put_record().stream_name(name).partition_key("k").explicit_hash_key(hash_key);
    record.data(Blob::new(text)).send().await.unwrap().sequence_number
}

async fn iterator(
    Subject { client, name }: &Subject,
    shard: &str,
    kind: ShardIteratorType,
    number: Option<&str>,
    at: Option<SystemTime>,
) -> String {
    let request = client.get_shard_iterator().stream_name(name).shard_id(shard).shard_iterator_type(kind);
    let request = request.set_starting_sequence_number(number.map(str::to_owned)).set_timestamp(at.map(DateTime::from));
    request.send().await.unwrap().shard_iterator.unwrap()
}

async fn texts_from(Subject { client, .. }: &Subject, iterator: String) -> String {
    let answer = client.get_records().shard_iterator(iterator).send().await.unwrap();
    answer.records().iter().map(text).collect::<Vec<_>>().join(",")
}

fn text(record: &Record) -> String {
    String::from_utf8(record.data().as_ref().to_vec()).unwrap()
}

async fn shards(Subject { client, name }: &Subject) -> Vec<Shard> {
    let mut page = client.list_shards().stream_name(name).max_results(3).send().await.unwrap();
    let mut shards = page.shards.unwrap_or_default();
    while let Some(token) = page.next_token {
        page = client.list_shards().next_token(token).max_results(3).send().await.unwrap();
        shards.extend(page.shards.unwrap_or_default());
    }
    shards
}

async fn write_over_reshards(subject: &Subject) -> usize {
    let Subject { client, name } = subject;
    put_many(subject, 0).await;
    client
        .split_shard()
        .stream_name(name)
        .shard_to_split(FIRST)
        .new_starting_hash_key(QUARTER.to_string())
        .send()
        .await
        .unwrap();
    put_many(subject, 100).await;
    subject.wait_active().await;
    let merge = client.merge_shards().stream_name(name).shard_to_merge("shardId-000000000002");
    merge.adjacent_shard_to_merge("shardId-000000000003").send().await.unwrap();
    put_many(subject, 200).await;
    subject.wait_active().await;
    let update = client.update_shard_count().stream_name(name).target_shard_count(4);
    update.scaling_type(ScalingType::UniformScaling).send().await.unwrap();
    put_many(subject, 300).await;
    subject.wait_active().await;
    400
}

async fn put_many(Subject { client, name }: &Subject, from: usize) {
    let entry = |i: usize| {
        let text = i.to_string();
        PutRecordsRequestEntry::builder().partition_key(&text).data(Blob::new(text)).build().unwrap()
    };
    let mut entries: Vec<_> = (from..from + 100).map(entry).collect();
    while !entries.is_empty() {
        let answer = client.put_records().stream_name(name).set_records(Some(entries.clone())).send().await.unwrap();
        let results = entries.into_iter().zip(answer.records());
        entries = results.filter(|(_, result)| result.error_code().is_some()).map(|(entry, _)| entry).collect();
    }
}
