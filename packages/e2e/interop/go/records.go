// A stream's records; ../javascript/records.mjs in Go.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	first   = "shardId-000000000000"
	quarter = "85070591730234615865843651857942052864"
)

func checkRecords(s subject) {
	s.create(2, nil)
	latest := s.iterator(types.ShardIteratorTypeLatest, first, nil, nil)
	numbers := []string{s.put("a", "0"), s.put("b", "0")}
	time.Sleep(20 * time.Millisecond)
	moment := time.Now()
	numbers = append(numbers, s.put("c", "0"))
	isGrowing := numbers[0] < numbers[1] && numbers[1] < numbers[2]
	check("sequence numbers grow", isGrowing, numbers)
	horizon := types.ShardIteratorTypeTrimHorizon
	seen := strings.Join([]string{
		s.textsFrom(s.iterator(horizon, first, nil, nil)),
		s.textsFrom(s.iterator(types.ShardIteratorTypeAtSequenceNumber, first, &numbers[1], nil)),
		s.textsFrom(s.iterator(types.ShardIteratorTypeAfterSequenceNumber, first, &numbers[1], nil)),
		s.textsFrom(s.iterator(types.ShardIteratorTypeAtTimestamp, first, nil, &moment)),
		s.textsFrom(latest),
	}, " ")
	check("every type of iterator", seen == "abc bc c c abc", seen)
	page := must(s.client.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: s.iterator(horizon, first, nil, nil), Limit: aws.Int32(1)}))
	rest := s.textsFrom(page.NextShardIterator)
	check("a page of one record, and the next", len(page.Records) == 1 && rest == "bc", rest)

	written := s.writeOverReshards() + 3
	shards := s.shards()
	read := map[string]int{}
	total := 0
	for _, shard := range shards {
		for next, behind := s.iterator(horizon, *shard.ShardId, nil, nil), int64(1); next != nil && behind > 0; {
			answer := must(s.client.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: next}))
			for _, record := range answer.Records {
				read[string(record.Data)]++
				total++
			}
			next, behind = answer.NextShardIterator, *answer.MillisBehindLatest
		}
	}
	check("every record once over a split, a merge and UpdateShardCount", total == written && len(read) == written, len(shards), total)

	s.checkFanOut(shards)
	leaf := openOf(shards)
	key := *leaf.HashKeyRange.StartingHashKey
	before := s.iterator(types.ShardIteratorTypeLatest, *leaf.ShardId, nil, nil)
	s.put("before", key)
	fmt.Println("restart")
	bufio.NewReader(os.Stdin).ReadString('\n')
	s.put("after", key)
	after := s.textsFrom(before)
	check("the same client and its iterator go on after a restart of every node", after == "beforeafter", after)
	must(s.client.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: s.name, EnforceConsumerDeletion: aws.Bool(true)}))
}

func (s subject) put(text string, hashKey string) string {
	return *must(s.client.PutRecord(s.ctx, &kinesis.PutRecordInput{
		StreamName: s.name, PartitionKey: aws.String("k"), ExplicitHashKey: aws.String(hashKey), Data: []byte(text),
	})).SequenceNumber
}

func (s subject) iterator(kind types.ShardIteratorType, shard string, number *string, at *time.Time) *string {
	return must(s.client.GetShardIterator(s.ctx, &kinesis.GetShardIteratorInput{
		StreamName: s.name, ShardId: aws.String(shard), ShardIteratorType: kind, StartingSequenceNumber: number, Timestamp: at,
	})).ShardIterator
}

func (s subject) textsFrom(iterator *string) string {
	return texts(must(s.client.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: iterator})).Records)
}

func texts(records []types.Record) string {
	all := ""
	for _, record := range records {
		all += string(record.Data)
	}
	return all
}

func (s subject) writeOverReshards() int {
	written := 0
	putMany := func() {
		entries := []types.PutRecordsRequestEntry{}
		for range 100 {
			text := fmt.Sprint(written)
			entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(text), Data: []byte(text)})
			written++
		}
		for len(entries) > 0 {
			answer := must(s.client.PutRecords(s.ctx, &kinesis.PutRecordsInput{StreamName: s.name, Records: entries}))
			failed := []types.PutRecordsRequestEntry{}
			for i, result := range answer.Records {
				if result.ErrorCode != nil {
					failed = append(failed, entries[i])
				}
			}
			entries = failed
		}
	}
	putMany()
	must(s.client.SplitShard(s.ctx, &kinesis.SplitShardInput{StreamName: s.name, ShardToSplit: aws.String(first), NewStartingHashKey: aws.String(quarter)}))
	putMany()
	s.waitActive()
	must(s.client.MergeShards(s.ctx, &kinesis.MergeShardsInput{
		StreamName: s.name, ShardToMerge: aws.String("shardId-000000000002"), AdjacentShardToMerge: aws.String("shardId-000000000003"),
	}))
	putMany()
	s.waitActive()
	must(s.client.UpdateShardCount(s.ctx, &kinesis.UpdateShardCountInput{
		StreamName: s.name, TargetShardCount: aws.Int32(4), ScalingType: types.ScalingTypeUniformScaling,
	}))
	putMany()
	s.waitActive()
	return written
}

func (s subject) shards() []types.Shard {
	shards := []types.Shard{}
	for input := (&kinesis.ListShardsInput{StreamName: s.name, MaxResults: aws.Int32(3)}); input != nil; {
		page := must(s.client.ListShards(s.ctx, input))
		shards = append(shards, page.Shards...)
		input = nil
		if page.NextToken != nil {
			input = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(3)}
		}
	}
	return shards
}

func openOf(shards []types.Shard) types.Shard {
	for _, shard := range shards {
		if shard.SequenceNumberRange.EndingSequenceNumber == nil {
			return shard
		}
	}
	panic("a stream has an open shard")
}

func (s subject) checkFanOut(shards []types.Shard) {
	registered := must(s.client.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: s.summary().StreamARN, ConsumerName: aws.String("app")}))
	subscribe := func(shard string, kind types.ShardIteratorType) *kinesis.SubscribeToShardEventStream {
		return must(s.client.SubscribeToShard(s.ctx, &kinesis.SubscribeToShardInput{
			ConsumerARN: registered.Consumer.ConsumerARN, ShardId: aws.String(shard), StartingPosition: &types.StartingPosition{Type: kind},
		})).GetStream()
	}
	parent := subscribe(first, types.ShardIteratorTypeTrimHorizon)
	defer parent.Close()
	pushed, children := "", 0
	for event := range parent.Events() {
		if member, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
			pushed += texts(member.Value.Records)
			children += len(member.Value.ChildShards)
		}
	}
	check("fan-out comes to a parent's end and its children", strings.HasPrefix(pushed, "abc") && children == 2, pushed, children)

	leaf := openOf(shards)
	coming := subscribe(*leaf.ShardId, types.ShardIteratorTypeLatest)
	defer coming.Close()
	sent := time.Now()
	s.put("pushed", *leaf.HashKeyRange.StartingHashKey)
	for event := range coming.Events() {
		if member, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok && texts(member.Value.Records) == "pushed" {
			break
		}
	}
	check("fan-out pushes within a second", time.Since(sent) < time.Second && coming.Err() == nil, time.Since(sent), coming.Err())
}
