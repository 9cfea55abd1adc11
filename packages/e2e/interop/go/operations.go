// Everything about a stream but its records; ../javascript/operations.mjs in Go.
package main

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const policy = `{"Version":"2012-10-17","Statement":[]}`

func checkOperations(s subject) {
	s.create(2, map[string]string{"a": "1"})
	description := must(s.client.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: s.name})).StreamDescription
	isListed := false
	for pages := kinesis.NewListStreamsPaginator(s.client, &kinesis.ListStreamsInput{Limit: aws.Int32(1)}); pages.HasMorePages(); {
		for _, name := range must(pages.NextPage(s.ctx)).StreamNames {
			isListed = isListed || name == *s.name
		}
	}
	shards := must(s.client.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: s.name})).Shards
	check("a stream is created, described and listed",
		description.StreamStatus == types.StreamStatusActive && *s.summary().OpenShardCount == 2 && isListed && len(shards) == 2, description)
	limits := must(s.client.DescribeLimits(s.ctx, &kinesis.DescribeLimitsInput{}))
	check("limits of the account", *limits.OpenShardCount >= 2, limits)

	arn := s.summary().StreamARN
	s.checkTags(arn)
	s.checkSettings(arn)
	s.checkConsumer(arn)
	s.checkModes(arn)

	_, unknown := s.client.DescribeStream(s.ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("nowhere")})
	_, again := s.client.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: s.name, ShardCount: aws.Int32(1)})
	_, foreign := s.client.GetRecords(s.ctx, &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAA")})
	_, invalid := s.client.ListShards(s.ctx, &kinesis.ListShardsInput{StreamName: aws.String("no spaces")})
	codes := [4]string{codeOf(unknown), codeOf(again), codeOf(foreign), codeOf(invalid)}
	typed := [4]string{"ResourceNotFoundException", "ResourceInUseException", "InvalidArgumentException", "ValidationException"}
	check("errors have their types", codes == typed, codes)

	must(s.client.DeleteStream(s.ctx, &kinesis.DeleteStreamInput{StreamName: s.name, EnforceConsumerDeletion: aws.Bool(true)}))
	waiter := kinesis.NewStreamNotExistsWaiter(s.client, func(o *kinesis.StreamNotExistsWaiterOptions) { o.MinDelay = time.Second })
	err := waiter.Wait(s.ctx, &kinesis.DescribeStreamInput{StreamName: s.name}, 30*time.Second)
	check("a stream is deleted", err == nil, err)
}

func (s subject) summary() *types.StreamDescriptionSummary {
	return must(s.client.DescribeStreamSummary(s.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: s.name})).StreamDescriptionSummary
}

func (s subject) checkTags(arn *string) {
	must(s.client.AddTagsToStream(s.ctx, &kinesis.AddTagsToStreamInput{StreamName: s.name, Tags: map[string]string{"b": "2"}}))
	must(s.client.TagResource(s.ctx, &kinesis.TagResourceInput{ResourceARN: arn, Tags: map[string]string{"c": "3"}}))
	must(s.client.RemoveTagsFromStream(s.ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: s.name, TagKeys: []string{"b"}}))
	must(s.client.UntagResource(s.ctx, &kinesis.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"a"}}))
	byStream := must(s.client.ListTagsForStream(s.ctx, &kinesis.ListTagsForStreamInput{StreamName: s.name})).Tags
	byResource := must(s.client.ListTagsForResource(s.ctx, &kinesis.ListTagsForResourceInput{ResourceARN: arn})).Tags
	isOne := func(tags []types.Tag) bool { return len(tags) == 1 && *tags[0].Key == "c" && *tags[0].Value == "3" }
	check("tags by stream and by resource", isOne(byStream) && isOne(byResource), byStream, byResource)
}

func (s subject) checkSettings(arn *string) {
	must(s.client.IncreaseStreamRetentionPeriod(s.ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: s.name, RetentionPeriodHours: aws.Int32(48)}))
	longer := *s.summary().RetentionPeriodHours
	must(s.client.DecreaseStreamRetentionPeriod(s.ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: s.name, RetentionPeriodHours: aws.Int32(24)}))
	check("retention up and down", longer == 48 && *s.summary().RetentionPeriodHours == 24, longer)

	key := aws.String("alias/aws/kinesis")
	must(s.client.StartStreamEncryption(s.ctx, &kinesis.StartStreamEncryptionInput{StreamName: s.name, EncryptionType: types.EncryptionTypeKms, KeyId: key}))
	put := must(s.client.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: s.name, PartitionKey: aws.String("k"), Data: []byte("x")}))
	must(s.client.StopStreamEncryption(s.ctx, &kinesis.StopStreamEncryptionInput{StreamName: s.name, EncryptionType: types.EncryptionTypeKms, KeyId: key}))
	check("encryption on and off", put.EncryptionType == types.EncryptionTypeKms && s.summary().EncryptionType == types.EncryptionTypeNone, put)

	names := []types.MetricsName{types.MetricsNameIncomingBytes}
	on := must(s.client.EnableEnhancedMonitoring(s.ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: s.name, ShardLevelMetrics: names}))
	off := must(s.client.DisableEnhancedMonitoring(s.ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: s.name, ShardLevelMetrics: names}))
	check("shard-level metrics on and off", len(on.DesiredShardLevelMetrics) == 1 && len(off.DesiredShardLevelMetrics) == 0, on, off)

	must(s.client.PutResourcePolicy(s.ctx, &kinesis.PutResourcePolicyInput{ResourceARN: arn, Policy: aws.String(policy)}))
	kept := must(s.client.GetResourcePolicy(s.ctx, &kinesis.GetResourcePolicyInput{ResourceARN: arn})).Policy
	must(s.client.DeleteResourcePolicy(s.ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: arn}))
	check("a resource policy is put, got and deleted", *kept == policy, *kept)

	disabled := types.MinimumThroughputBillingCommitmentInputStatusDisabled
	must(s.client.UpdateAccountSettings(s.ctx, &kinesis.UpdateAccountSettingsInput{
		MinimumThroughputBillingCommitment: &types.MinimumThroughputBillingCommitmentInput{Status: disabled},
	}))
	settings := must(s.client.DescribeAccountSettings(s.ctx, &kinesis.DescribeAccountSettingsInput{})).MinimumThroughputBillingCommitment
	check("account settings", string(settings.Status) == string(disabled), settings)

	must(s.client.UpdateMaxRecordSize(s.ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: arn, MaxRecordSizeInKiB: aws.Int32(2048)}))
	must(s.client.PutRecord(s.ctx, &kinesis.PutRecordInput{StreamName: s.name, PartitionKey: aws.String("k"), Data: make([]byte, 1_500_000)}))
	check("a record of 1.5 MB after UpdateMaxRecordSize", *s.summary().MaxRecordSizeInKiB == 2048)
}

func (s subject) checkConsumer(arn *string) {
	name := aws.String("app")
	must(s.client.RegisterStreamConsumer(s.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: name}))
	query := &kinesis.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: name}
	described := must(s.client.DescribeStreamConsumer(s.ctx, query)).ConsumerDescription
	count := 0
	for pages := kinesis.NewListStreamConsumersPaginator(s.client, &kinesis.ListStreamConsumersInput{StreamARN: arn}); pages.HasMorePages(); {
		count += len(must(pages.NextPage(s.ctx)).Consumers)
	}
	must(s.client.DeregisterStreamConsumer(s.ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: arn, ConsumerName: name}))
	_, gone := s.client.DescribeStreamConsumer(s.ctx, query)
	check("a consumer is registered, described, listed and gone",
		*described.ConsumerName == "app" && count == 1 && codeOf(gone) == "ResourceNotFoundException", described)
}

func (s subject) checkModes(arn *string) {
	change := func(mode types.StreamMode) {
		details := &types.StreamModeDetails{StreamMode: mode}
		must(s.client.UpdateStreamMode(s.ctx, &kinesis.UpdateStreamModeInput{StreamARN: arn, StreamModeDetails: details}))
	}
	change(types.StreamModeOnDemand)
	warm := must(s.client.UpdateStreamWarmThroughput(s.ctx, &kinesis.UpdateStreamWarmThroughputInput{StreamARN: arn, WarmThroughputMiBps: aws.Int32(10)}))
	check("on-demand, with warm throughput", *warm.WarmThroughput.TargetMiBps == 10, warm)
	must(s.client.UpdateStreamRecordDistributionStrategy(s.ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{
		StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto,
	}))
	check("the distribution of records", s.summary().RecordDistributionStrategy == types.RecordDistributionStrategyAuto)
	change(types.StreamModeProvisioned)
	check("and provisioned again", s.summary().StreamModeDetails.StreamMode == types.StreamModeProvisioned)
}
