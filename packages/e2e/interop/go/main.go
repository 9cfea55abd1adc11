// The AWS SDK for Go v2 against a running endpoint: go run . http://127.0.0.1:4567. Ends with 1 on the first check that fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
)

// A stream of this run, and what a check of it needs.
type subject struct {
	ctx    context.Context
	client *kinesis.Client
	name   *string
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	client := kinesis.New(kinesis.Options{
		BaseEndpoint: aws.String(os.Args[1]),
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	fmt.Println("version", moduleVersion())
	name := fmt.Sprintf("go-%d", time.Now().UnixNano())
	checkOperations(subject{ctx, client, aws.String(name)})
	checkRecords(subject{ctx, client, aws.String(name + "-records")})
}

func check(name string, ok bool, seen ...any) {
	if ok {
		fmt.Println("ok     " + name)
		return
	}
	fmt.Println("FAILED "+name, seen)
	os.Exit(1)
}

// The answer of a call that must succeed.
func must[T any](answer T, err error) T {
	if err != nil {
		check("a call", false, err)
	}
	return answer
}

func codeOf(err error) string {
	var problem smithy.APIError
	if errors.As(err, &problem) {
		return problem.ErrorCode()
	}
	return fmt.Sprint(err)
}

func (s subject) create(shards int32, tags map[string]string) {
	must(s.client.CreateStream(s.ctx, &kinesis.CreateStreamInput{StreamName: s.name, ShardCount: aws.Int32(shards), Tags: tags}))
	s.waitActive()
}

func (s subject) waitActive() {
	waiter := kinesis.NewStreamExistsWaiter(s.client, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = time.Second })
	if err := waiter.Wait(s.ctx, &kinesis.DescribeStreamInput{StreamName: s.name}, 30*time.Second); err != nil {
		check("the waiter", false, err)
	}
}

func moduleVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if strings.HasSuffix(module.Path, "service/kinesis") {
			return module.Version
		}
	}
	return ""
}
