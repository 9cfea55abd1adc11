// The load program for NATS JetStream. The first argument is the mode, the others are key=value; the answer is one line of JSON.
// The same modes as those of the programs for Kafka (../kafka) and Millrace (../../src/load).
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

type options map[string]string

func (o options) number(name string) int {
	value, err := strconv.Atoi(o[name])
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return value
}

func (o options) duration(name string) time.Duration {
	return time.Duration(o.number(name)) * time.Second
}

func main() {
	given := options{}
	for _, argument := range os.Args[2:] {
		name, value, _ := strings.Cut(argument, "=")
		given[name] = value
	}
	var answer any
	switch mode := os.Args[1]; mode {
	case "first":
		answer = first(given)
	case "throughput":
		answer = throughput(given)
	case "paced":
		answer = paced(given)
	case "replicas":
		answer = replicas(given)
	case "gaps":
		answer = gaps(given)
	default:
		log.Fatalf("no mode %s", mode)
	}
	line, err := json.Marshal(answer)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func connect(given options) (jetstream.JetStream, error) {
	connection, err := nats.Connect(given["servers"], nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return nil, err
	}
	// The windows of the modes are what bounds.
	return jetstream.New(connection, jetstream.WithPublishAsyncMaxPending(1<<20))
}

// open makes the streams that take the place of a topic's partitions, unless they are there.
func open(given options) jetstream.JetStream {
	stream, err := connect(given)
	if err != nil {
		log.Fatal(err)
	}
	for partition := range given.number("partitions") {
		if err := create(stream, nameOf(given, partition)); err != nil {
			log.Fatal(err)
		}
	}
	return stream
}

func nameOf(given options, partition int) string {
	return fmt.Sprintf("%s-%d", given["topic"], partition)
}

func create(stream jetstream.JetStream, name string) error {
	context, cancel := within(10 * time.Second)
	defer cancel()
	_, err := stream.CreateOrUpdateStream(context, jetstream.StreamConfig{
		Name:     name,
		Subjects: []string{name},
		Storage:  jetstream.FileStorage,
		Replicas: 3,
	})
	return err
}

// first answers when a record is acknowledged by servers that are just being started.
func first(given options) any {
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		stream, err := connect(given)
		if err != nil {
			continue
		}
		if err := firstRecord(stream, nameOf(given, 0)); err == nil {
			return map[string]bool{"acknowledged": true}
		}
		stream.Conn().Close()
	}
	log.Fatal("no record was acknowledged")
	return nil
}

func firstRecord(stream jetstream.JetStream, name string) error {
	context, cancel := within(time.Second)
	defer cancel()
	config := jetstream.StreamConfig{Name: name, Subjects: []string{name}, Storage: jetstream.FileStorage, Replicas: 3}
	if _, err := stream.CreateOrUpdateStream(context, config); err != nil {
		return err
	}
	_, err := stream.Publish(context, name, []byte("first"))
	return err
}

// replicas tells which server leads the first stream, and how many replicas have all of it.
func replicas(given options) any {
	stream, err := connect(given)
	if err != nil {
		log.Fatal(err)
	}
	context, cancel := within(5 * time.Second)
	defer cancel()
	found, err := stream.Stream(context, nameOf(given, 0))
	if err != nil {
		log.Fatal(err)
	}
	inSync := 1
	for _, peer := range found.CachedInfo().Cluster.Replicas {
		if peer.Current && !peer.Offline {
			inSync++
		}
	}
	return map[string]any{"leader": found.CachedInfo().Cluster.Leader, "inSync": inSync}
}

func gaps(given options) any {
	open(given)
	var worst []float64
	stop := make(chan struct{})
	go func() {
		// Standard input ends when enough has been seen.
		for scanner := bufio.NewScanner(os.Stdin); scanner.Scan(); {
		}
		close(stop)
	}()
	results := make(chan time.Duration)
	for partition := range given.number("partitions") {
		go func() { results <- longestGap(given, nameOf(given, partition), stop) }()
	}
	fmt.Println("writing")
	for range given.number("partitions") {
		worst = append(worst, float64((<-results).Microseconds())/1e3)
	}
	return map[string]any{"worstMs": worst}
}
