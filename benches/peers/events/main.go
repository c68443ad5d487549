// nats.go as a contender: publishes to JetStream with message ids, and consumes with plain or confirmed acknowledgements.
//
// usage: peer-events <nats-url> <subject> [<stream>]; then lines `work times` on standard input, nanoseconds on standard output.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	window        = 1024
	batch         = 1024
	confirmations = 256
	// What one event of the Rust contenders looks like.
	head = `{"specversion":"1.0","id":"`
	tail = `","source":"/orders","type":"order.placed","subject":"o-1","time":"2026-11-20T14:30:15.250123456Z","datacontenttype":"application/json","data":{"customer":"ada","items":[{"sku":"tea","quantity":2,"unit_price_cents":350},{"sku":"coffee","quantity":2,"unit_price_cents":350},{"sku":"sugar","quantity":2,"unit_price_cents":350}],"total_cents":2100}}`
)

var next = 2000000000

func main() {
	connection, err := nats.Connect(os.Args[1])
	check(err)
	jetstream, err := connection.JetStream(nats.PublishAsyncMaxPending(2 * window))
	check(err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var work string
		var times int
		_, err := fmt.Sscan(lines.Text(), &work, &times)
		check(err)
		switch work {
		case "publish":
			fmt.Println(publish(jetstream, times).Nanoseconds())
		case "consume":
			fmt.Println(consume(jetstream, times, false).Nanoseconds())
		case "consume-confirmed":
			fmt.Println(consume(jetstream, times, true).Nanoseconds())
		default:
			log.Fatalf("unknown work %q", work)
		}
	}
}

// Sends, and awaits the oldest acknowledgement when the window is full.
func publish(jetstream nats.JetStreamContext, times int) time.Duration {
	messages := make([]*nats.Msg, times)
	for i := range messages {
		id := strconv.Itoa(next)
		next++
		messages[i] = &nats.Msg{
			Subject: os.Args[2],
			Header:  nats.Header{"Nats-Msg-Id": {"7:/orders:" + id}, "Content-Type": {"application/cloudevents+json"}},
			Data:    []byte(head + id + tail),
		}
	}
	pending := make(chan nats.PubAckFuture, window)
	start := time.Now()
	for _, message := range messages {
		if len(pending) == window {
			await(<-pending)
		}
		ack, err := jetstream.PublishMsgAsync(message)
		check(err)
		pending <- ack
	}
	close(pending)
	for ack := range pending {
		await(ack)
	}
	return time.Since(start)
}

func await(ack nats.PubAckFuture) {
	select {
	case <-ack.Ok():
	case err := <-ack.Err():
		log.Fatal(err)
	}
}

func consume(jetstream nats.JetStreamContext, times int, confirmed bool) time.Duration {
	stream := os.Args[3]
	start := time.Now()
	_, err := jetstream.AddConsumer(stream, &nats.ConsumerConfig{
		Durable: "go", AckPolicy: nats.AckExplicitPolicy, MaxAckPending: 8192, FilterSubject: os.Args[2],
	})
	check(err)
	subscription, err := jetstream.PullSubscribe(os.Args[2], "go", nats.Bind(stream, "go"))
	check(err)
	for left := times; left > 0; {
		size := batch
		if left < batch {
			size = left
		}
		messages, err := subscription.Fetch(size)
		check(err)
		left -= len(messages)
		if confirmed {
			confirm(messages)
			continue
		}
		for _, message := range messages {
			check(message.Ack())
		}
	}
	for {
		info, err := jetstream.ConsumerInfo(stream, "go")
		check(err)
		if info.AckFloor.Stream >= uint64(times) {
			break
		}
	}
	took := time.Since(start)
	check(subscription.Unsubscribe())
	check(jetstream.DeleteConsumer(stream, "go"))
	return took
}

func confirm(messages []*nats.Msg) {
	work := make(chan *nats.Msg)
	var done sync.WaitGroup
	for i := 0; i < confirmations; i++ {
		done.Add(1)
		go func() {
			defer done.Done()
			for message := range work {
				check(message.AckSync())
			}
		}()
	}
	for _, message := range messages {
		work <- message
	}
	close(work)
	done.Wait()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
