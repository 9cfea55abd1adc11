package main

import (
	"context"
	"crypto/rand"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const payloadCount = 1_024

// windowRecords is how many records of a stream may wait for their acknowledgement: more made it no faster.
const windowRecords = 2_048

func within(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), limit)
}

func payloads(sizeBytes int) [][]byte {
	all := make([][]byte, payloadCount)
	for index := range all {
		all[index] = make([]byte, sizeBytes)
		_, _ = rand.Read(all[index])
	}
	return all
}

// throughput publishes as fast as acknowledgements come, a connection for each stream.
func throughput(given options) any {
	open(given)
	var acknowledged, failed atomic.Int64
	data := payloads(given.number("recordBytes"))
	end := time.Now().Add(given.duration("warmUp") + given.duration("seconds"))
	var writers sync.WaitGroup
	for partition := range given.number("partitions") {
		stream, err := connect(given)
		if err != nil {
			log.Fatal(err)
		}
		writers.Go(func() { publish(stream, nameOf(given, partition), data, end, &acknowledged, &failed) })
	}
	time.Sleep(given.duration("warmUp"))
	before, startedAt := acknowledged.Load(), time.Now()
	writers.Wait()
	return map[string]any{
		"records": acknowledged.Load() - before,
		"seconds": time.Since(startedAt).Seconds(),
		"failed":  failed.Load(),
	}
}

func publish(
	stream jetstream.JetStream, subject string, data [][]byte, end time.Time, acknowledged, failed *atomic.Int64,
) {
	window := make(chan jetstream.PubAckFuture, windowRecords)
	go func() {
		defer close(window)
		for index := 0; time.Now().Before(end); index++ {
			future, err := stream.PublishAsync(subject, data[index%payloadCount])
			if err != nil {
				failed.Add(1)
				continue
			}
			window <- future
		}
	}()
	for future := range window {
		select {
		case <-future.Ok():
			acknowledged.Add(1)
		case <-future.Err():
			failed.Add(1)
		}
	}
}

// paced publishes one record at a time, each when it is due, and measures from then: a stall counts for all that it delays.
func paced(given options) any {
	stream := open(given)
	data := payloads(given.number("recordBytes"))
	interval := time.Second / time.Duration(given.number("perSecond"))
	warmUp := given.number("warmUp") * given.number("perSecond")
	total := warmUp + given.number("seconds")*given.number("perSecond")
	partitions := given.number("partitions")
	microseconds := make([]int64, 0, total)
	startedAt := time.Now()
	for index := range total {
		due := startedAt.Add(time.Duration(index) * interval)
		time.Sleep(time.Until(due))
		limit, cancel := within(30 * time.Second)
		_, err := stream.Publish(limit, nameOf(given, index%partitions), data[index%payloadCount])
		cancel()
		if err != nil {
			log.Fatal(err)
		}
		if index >= warmUp {
			microseconds = append(microseconds, time.Since(due).Microseconds())
		}
	}
	return map[string]any{"microseconds": microseconds}
}

// longestGap writes to one stream, a record after the other, and tells the longest time without an acknowledgement.
func longestGap(given options, name string, stop <-chan struct{}) time.Duration {
	stream, err := connect(given)
	if err != nil {
		log.Fatal(err)
	}
	data := payloads(given.number("recordBytes"))
	var worst time.Duration
	last := time.Now()
	for index := 0; ; index++ {
		select {
		case <-stop:
			return max(worst, time.Since(last))
		case <-time.After(5 * time.Millisecond):
		}
		limit, cancel := within(250 * time.Millisecond)
		_, err := stream.Publish(limit, name, data[index%payloadCount])
		cancel()
		if err == nil {
			worst = max(worst, time.Since(last))
			last = time.Now()
		}
	}
}
