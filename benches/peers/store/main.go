// nats.go's key-value as a contender: get, put, and the initial state of a watch.
//
// usage: peer-store <nats-url> <bucket>; then lines `work times` on standard input, nanoseconds on standard output.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const atOnce = 64

var value = make([]byte, 100)

func main() {
	connection, err := nats.Connect(os.Args[1])
	check(err)
	jetstream, err := connection.JetStream()
	check(err)
	bucket, err := jetstream.KeyValue(os.Args[2])
	check(err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var work string
		var times int
		_, err := fmt.Sscan(lines.Text(), &work, &times)
		check(err)
		start := time.Now()
		switch work {
		case "get":
			for i := 0; i < times; i++ {
				_, err := bucket.Get("a.b")
				check(err)
			}
		case "get-64":
			concurrently(bucket, times)
		case "put":
			for i := 0; i < times; i++ {
				_, err := bucket.Put("a.b", value)
				check(err)
			}
		case "watch":
			for i := 0; i < times; i++ {
				watch(bucket)
			}
		default:
			log.Fatalf("unknown work %q", work)
		}
		fmt.Println(time.Since(start).Nanoseconds())
	}
}

func concurrently(bucket nats.KeyValue, times int) {
	work := make(chan struct{}, times)
	for i := 0; i < times; i++ {
		work <- struct{}{}
	}
	close(work)
	var group sync.WaitGroup
	for i := 0; i < atOnce; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range work {
				_, err := bucket.Get("a.b")
				check(err)
			}
		}()
	}
	group.Wait()
}

func watch(bucket nats.KeyValue) {
	watcher, err := bucket.WatchAll()
	check(err)
	// The end of the initial state is nil.
	for entry := range watcher.Updates() {
		if entry == nil {
			break
		}
	}
	check(watcher.Stop())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
