// The record of benches/benches/logger.rs, logged with zerolog and zap.
//
// It answers each line "LIBRARY-SINK-THREADS times" of its standard input with the nanoseconds that so many records took,
// and a line "LIBRARY-bytes 1" with the size of one record. With two threads each of them logs that many records through
// the same logger, and the slower one counts. The argument is the folder for the files; each run starts with an empty one.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	requestID = "0192f0c1-2b3c-7d4e-8f90-123456789abc"
	traceID   = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID    = "00f067aa0ba902b7"
	micros    = "2006-01-02T15:04:05.000000Z07:00"
)

// The values of the record, as variables: nobody may put them into the code.
var (
	items    = 3
	total    = 17.25
	customer = "ada"
	express  = true
	took     = 1250 * time.Microsecond
)

func main() {
	time.Local = time.UTC
	zerolog.TimeFieldFormat = micros
	zerolog.TimestampFieldName = "ts"
	zerolog.MessageFieldName = "msg"
	works := map[string]work{}
	for _, name := range []string{"nothing", "null", "file", "buffered"} {
		sink, empty := open("zerolog-" + name)
		works["zerolog-"+name] = work{zerologRecord(zerologOf(sink)), empty}
		sink, empty = open("zap-" + name)
		works["zap-"+name] = work{zapRecord(zapOf(sink)), empty}
	}
	works["zerolog-off"] = work{zerologDebug(zerologOf(io.Discard)), func() {}}
	works["zap-off"] = work{zapDebug(zapOf(io.Discard)), func() {}}

	questions := bufio.NewScanner(os.Stdin)
	for questions.Scan() {
		var name string
		var times int
		if _, err := fmt.Sscan(questions.Text(), &name, &times); err != nil {
			fail(err)
		}
		fmt.Println(answer(works, name, times))
	}
}

// work is one record, and what empties its file.
type work struct{ record, empty func() }

func answer(works map[string]work, name string, times int) int64 {
	switch name {
	case "zerolog-bytes":
		var record bytes.Buffer
		zerologRecord(zerologOf(&record))()
		return int64(record.Len())
	case "zap-bytes":
		var record bytes.Buffer
		zapRecord(zapOf(&record))()
		return int64(record.Len())
	}
	work, known := works[strings.TrimRight(name, "-12")]
	if !known {
		fail(fmt.Errorf("there is no work called %s", name))
	}
	work.empty()
	if strings.HasSuffix(name, "-2") {
		return both(work.record, times)
	}
	return timed(work.record, times)
}

func timed(record func(), times int) int64 {
	start := time.Now()
	for i := 0; i < times; i++ {
		record()
	}
	return time.Since(start).Nanoseconds()
}

// both lets two threads log at once, and returns what the slower one took.
func both(record func(), times int) int64 {
	var took [2]int64
	var ready, done sync.WaitGroup
	ready.Add(len(took))
	done.Add(len(took))
	for i := range took {
		go func(took *int64) {
			defer done.Done()
			ready.Done()
			ready.Wait()
			*took = timed(record, times)
		}(&took[i])
	}
	done.Wait()
	if took[0] > took[1] {
		return took[0]
	}
	return took[1]
}

func zerologOf(writer io.Writer) zerolog.Logger {
	context := zerolog.New(writer).Level(zerolog.InfoLevel).With().Timestamp()
	return context.Str("service", "bench").Str("request_id", requestID).Str("trace_id", traceID).Str("span_id", spanID).Logger()
}

func zerologRecord(log zerolog.Logger) func() {
	return func() {
		log.Info().Int("items", items).Float64("total", total).Str("customer", customer).Bool("express", express).
			Dur("took", took).Msg("order accepted")
	}
}

func zerologDebug(log zerolog.Logger) func() {
	return func() { log.Debug().Int("items", items).Msg("order accepted") }
}

func zapOf(writer io.Writer) *zap.Logger {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:     "ts",
		LevelKey:    "level",
		MessageKey:  "msg",
		EncodeTime:  zapcore.TimeEncoderOfLayout(micros),
		EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeDuration: func(span time.Duration, array zapcore.PrimitiveArrayEncoder) {
			array.AppendFloat64(float64(span) / float64(time.Millisecond))
		},
	})
	log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(writer), zap.InfoLevel))
	return log.With(zap.String("service", "bench"), zap.String("request_id", requestID), zap.String("trace_id", traceID),
		zap.String("span_id", spanID))
}

func zapRecord(log *zap.Logger) func() {
	return func() {
		log.Info("order accepted", zap.Int("items", items), zap.Float64("total", total), zap.String("customer", customer),
			zap.Bool("express", express), zap.Duration("took", took))
	}
}

func zapDebug(log *zap.Logger) func() {
	return func() { log.Debug("order accepted", zap.Int("items", items)) }
}

// open opens a sink (nothing, /dev/null, a file with one write a record, or a file behind 64 KiB) and says how to empty it.
func open(name string) (io.Writer, func()) {
	path := filepath.Join(os.Args[1], name+".log")
	switch {
	case strings.HasSuffix(name, "-nothing"):
		return io.Discard, func() {}
	case strings.HasSuffix(name, "-null"):
		path = os.DevNull
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		fail(err)
	}
	empty := func() {
		if path != os.DevNull {
			if err := file.Truncate(0); err != nil {
				fail(err)
			}
		}
	}
	if strings.HasSuffix(name, "-buffered") {
		// What zap offers: 64 KiB under a lock, flushed by a clock. zerolog takes any writer, so it gets the same.
		return &zapcore.BufferedWriteSyncer{WS: file, Size: 64 * 1024, FlushInterval: 50 * time.Millisecond}, empty
	}
	return file, empty
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
