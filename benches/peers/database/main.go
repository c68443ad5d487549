// A row by its primary key through pgx's pool and through GORM, as the benchmark `database` asks for it.
//
// Usage: peer URL POOL. Reads lines "name times" and answers with nanoseconds:
//
//	pgx-closed, deadline-closed, gorm-closed: that many queries by as many goroutines as connections
//	pgx-burst, deadline-burst, gorm-burst: that many bursts of 10,000 goroutines with one query each
//	latency-permille: the latency below which that many of a thousand queries of the last run were
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"database/sql"

	"github.com/jackc/pgx/v4/pgxpool"
	_ "github.com/jackc/pgx/v4/stdlib"
	"github.com/jinzhu/gorm"
	_ "github.com/jinzhu/gorm/dialects/postgres"
)

const (
	rows  = 100_000
	burst = 10_000
	query = "SELECT id, balance FROM account WHERE id = $1"
)

type account struct {
	ID      int32 `gorm:"primary_key"`
	Balance int64
}

func (account) TableName() string { return "account" }

// A finder returns the balance of an account.
type finder func(id int32) (int64, error)

func main() {
	url := os.Args[1]
	connections, err := strconv.Atoi(os.Args[2])
	check(err)
	finders := map[string]finder{
		"pgx":      pgx(url, connections, false),
		"deadline": pgx(url, connections, true),
		"gorm":     gormOverPgx(url, connections),
	}
	var latencies []time.Duration
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var name string
		var times int
		_, err := fmt.Sscan(lines.Text(), &name, &times)
		check(err)
		if name == "latency-permille" {
			fmt.Println(latencies[(len(latencies)-1)*times/1000].Nanoseconds())
			continue
		}
		contender, shape, _ := strings.Cut(name, "-")
		var took time.Duration
		latencies = latencies[:0]
		switch shape {
		case "closed":
			took, latencies = run(finders[contender], connections, times, latencies)
		case "burst":
			for i := 0; i < times; i++ {
				var once time.Duration
				once, latencies = run(finders[contender], burst, burst, latencies)
				took += once
			}
		default:
			log.Fatalf("%q is not known", name)
		}
		sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
		fmt.Println(took.Nanoseconds())
	}
	check(lines.Err())
}

// With deadlines, each query has one: half a minute, as it has by default in the pool that this is compared with.
func pgx(url string, connections int, deadlines bool) finder {
	config, err := pgxpool.ParseConfig(url)
	check(err)
	config.MaxConns = int32(connections)
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	check(err)
	return func(id int32) (balance int64, err error) {
		ctx := context.Background()
		if deadlines {
			limited, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			ctx = limited
		}
		var same int32
		err = pool.QueryRow(ctx, query, id).Scan(&same, &balance)
		return balance, err
	}
}

// The driver of pgx below, which keeps prepared statements as lib/pq does not.
func gormOverPgx(url string, connections int) finder {
	connector, err := sql.Open("pgx", url)
	check(err)
	connector.SetMaxOpenConns(connections)
	connector.SetMaxIdleConns(connections)
	db, err := gorm.Open("postgres", connector)
	check(err)
	return func(id int32) (int64, error) {
		var found account
		err := db.First(&found, "id = ?", id).Error
		return found.Balance, err
	}
}

// Runs the queries and returns how long they took together, and appends how long each took.
func run(find finder, tasks, queries int, latencies []time.Duration) (time.Duration, []time.Duration) {
	if tasks > queries {
		tasks = queries
	}
	own := make([][]time.Duration, tasks)
	var all sync.WaitGroup
	all.Add(tasks)
	start := time.Now()
	for task := 0; task < tasks; task++ {
		count := queries / tasks
		if task < queries%tasks {
			count++
		}
		go func(task, count int) {
			defer all.Done()
			took := make([]time.Duration, 0, count)
			for turn := 0; turn < count; turn++ {
				id, asked := key(uint64(task), uint64(turn)), time.Now()
				balance, err := find(id)
				check(err)
				took = append(took, time.Since(asked))
				if balance != int64(id)*7 {
					log.Fatalf("the balance of %d is %d", id, balance)
				}
			}
			own[task] = took
		}(task, count)
	}
	all.Wait()
	took := time.Since(start)
	for _, some := range own {
		latencies = append(latencies, some...)
	}
	return took, latencies
}

// Spreads the queries over the table as the other contenders do.
func key(task, turn uint64) int32 {
	return int32((task<<32|turn)*0x9E3779B97F4A7C15>>33%rows + 1)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
