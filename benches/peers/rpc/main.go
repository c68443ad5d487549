// nats.go's micro package as a contender: an echo service, and calls to it, one after the other or 256 in flight.
//
// usage: peer-rpc <nats-url>; then lines `work times` on standard input, nanoseconds on standard output.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const inFlight = 256

var body = make([]byte, 100)

func main() {
	server, err := nats.Connect(os.Args[1])
	check(err)
	_, err = micro.AddService(server, micro.Config{
		Name:    "go",
		Version: "1.0.0",
		Endpoint: micro.Endpoint{
			Subject: "go.echo",
			Handler: func(request *micro.Request) { check(request.Respond(request.Data())) },
		},
	})
	check(err)
	check(server.Flush())
	client, err := nats.Connect(os.Args[1])
	check(err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var work string
		var times int
		_, err := fmt.Sscan(lines.Text(), &work, &times)
		check(err)
		switch work {
		case "serial":
			fmt.Println(calls(client, times, 1).Nanoseconds())
		case "concurrent":
			fmt.Println(calls(client, times, inFlight).Nanoseconds())
		default:
			log.Fatalf("unknown work %q", work)
		}
	}
}

func calls(client *nats.Conn, times, atOnce int) time.Duration {
	work := make(chan struct{}, times)
	for i := 0; i < times; i++ {
		work <- struct{}{}
	}
	close(work)
	var group sync.WaitGroup
	start := time.Now()
	for i := 0; i < atOnce; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range work {
				_, err := client.Request("go.echo", body, 10*time.Second)
				check(err)
			}
		}()
	}
	group.Wait()
	return time.Since(start)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
