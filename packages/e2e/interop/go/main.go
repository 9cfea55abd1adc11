// The AWS SDK for Go v2 against a running endpoint: go run . http://127.0.0.1:4567. One line per check; ends with 1 on the first failure.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	parent = "shardId-000000000000"
	middle = "170141183460469231731687303715884105728"
)

func check(name string, ok bool, seen ...any) {
	if ok {
		fmt.Println("ok     " + name)
		return
	}
	fmt.Println("FAILED "+name, seen)
	os.Exit(1)
}

func main() {
	endpoint := os.Args[1]
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	client := kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	stream := aws.String(fmt.Sprintf("go-%d", time.Now().UnixNano()))

	_, err := client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: stream, ShardCount: aws.Int32(1)})
	check("CreateStream", err == nil, err)
	err = kinesis.NewStreamExistsWaiter(client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = time.Second }).
		Wait(ctx, &kinesis.DescribeStreamInput{StreamName: stream}, 30*time.Second)
	check("DescribeStream by the waiter", err == nil, err)
	summary, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: stream})
	check("DescribeStreamSummary", err == nil && *summary.StreamDescriptionSummary.OpenShardCount == 1, err)
	arn := summary.StreamDescriptionSummary.StreamARN

	started := time.Now().Add(-time.Second)
	for i := 0; i < 50; i++ {
		put(ctx, client, stream, i)
	}
	check("PutRecord", true)
	split := &kinesis.SplitShardInput{StreamName: stream, ShardToSplit: aws.String(parent), NewStartingHashKey: aws.String(middle)}
	_, err = client.SplitShard(ctx, split)
	check("SplitShard", err == nil, err)
	entries := []types.PutRecordsRequestEntry{}
	for i := 50; i < 150; i++ {
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte(fmt.Sprint(i))})
	}
	many, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: stream, Records: entries})
	check("PutRecords during a reshard", err == nil && *many.FailedRecordCount == 0, err)

	seen := map[string]int{}
	readLineage(ctx, client, stream, parent, started, seen)
	check("GetRecords from a parent to its children: everything once", len(seen) == 150 && onlyOnes(seen), len(seen))
	check("GetShardIterator AT_TIMESTAMP", seen["0"] == 1)
	count := 0
	for input := (&kinesis.ListShardsInput{StreamName: stream, MaxResults: aws.Int32(1)}); input != nil; {
		page, err := client.ListShards(ctx, input)
		check("ListShards, a page", err == nil, err)
		count += len(page.Shards)
		if page.NextToken == nil {
			break
		}
		input = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(1)}
	}
	check("ListShards by its tokens", count == 3, count)

	subscribe(ctx, client, stream, arn)

	_, err = client.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("nowhere")})
	var notFound *types.ResourceNotFoundException
	check("errors are typed", errors.As(err, &notFound), err)
	_, err = client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: stream, EnforceConsumerDeletion: aws.Bool(true)})
	check("DeleteStream", err == nil, err)
}

func put(ctx context.Context, client *kinesis.Client, stream *string, i int) {
	input := &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String(fmt.Sprint(i)), Data: []byte(fmt.Sprint(i))}
	_, err := client.PutRecord(ctx, input)
	if err != nil {
		check("PutRecord", false, err)
	}
}

func readLineage(ctx context.Context, client *kinesis.Client, stream *string, shard string, from time.Time, seen map[string]int) {
	start := &kinesis.GetShardIteratorInput{StreamName: stream, ShardId: aws.String(shard), ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: aws.Time(from)}
	iterator, err := client.GetShardIterator(ctx, start)
	if err != nil {
		check("GetShardIterator", false, err)
	}
	for next := iterator.ShardIterator; next != nil; {
		page, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			check("GetRecords", false, err)
		}
		for _, record := range page.Records {
			seen[string(record.Data)]++
		}
		for _, child := range page.ChildShards {
			readLineage(ctx, client, stream, *child.ShardId, from, seen)
		}
		next = page.NextShardIterator
		if len(page.Records) == 0 && *page.MillisBehindLatest == 0 && len(page.ChildShards) == 0 && shard != parent {
			return
		}
	}
}

func onlyOnes(seen map[string]int) bool {
	for _, count := range seen {
		if count != 1 {
			return false
		}
	}
	return true
}

func subscribe(ctx context.Context, client *kinesis.Client, stream *string, arn *string) {
	registered, err := client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("go")})
	check("RegisterStreamConsumer", err == nil, err)
	shard := aws.String("shardId-000000000001")
	answer, err := client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: registered.Consumer.ConsumerARN, ShardId: shard,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
	})
	check("SubscribeToShard", err == nil, err)
	events := answer.GetStream()
	defer events.Close()
	sent := time.Now()
	_, err = client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: stream, PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte("pushed")})
	check("PutRecord by explicit hash key", err == nil, err)
	for event := range events.Events() {
		member, ok := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent)
		if !ok || len(member.Value.Records) == 0 {
			continue
		}
		check("an event has the record", bytes.Equal(member.Value.Records[0].Data, []byte("pushed")), member.Value.Records)
		check("within a second", time.Since(sent) < time.Second, time.Since(sent))
		return
	}
	check("an event came", false, events.Err())
}
