// A franz-go producer that says what it does as Apache Kafka's VerifiableProducer does, one JSON object a line.
// Idempotent, acks=all and without an end of retries: the client's defaults.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type event struct {
	Name      string `json:"name"`
	Value     string `json:"value"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Message   string `json:"message"`
}

func main() {
	bootstrap := flag.String("bootstrap-server", "", "")
	topic := flag.String("topic", "", "")
	throughput := flag.Int("throughput", 100, "records per second")
	flag.Parse()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(*bootstrap, ",")...), kgo.DefaultProduceTopic(*topic),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		panic(err)
	}
	var lock sync.Mutex
	out := json.NewEncoder(os.Stdout)
	done := func(record *kgo.Record, err error) {
		said := event{"producer_send_success", string(record.Value), record.Partition, record.Offset, ""}
		if err != nil {
			said.Name, said.Message = "producer_send_error", err.Error()
		}
		lock.Lock()
		defer lock.Unlock()
		_ = out.Encode(said)
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	tick := time.NewTicker(time.Second / time.Duration(*throughput))
	for number := 0; ; number++ {
		select {
		case <-told:
			_ = client.Flush(context.Background())
			return
		case <-tick.C:
			client.Produce(context.Background(), kgo.StringRecord(strconv.Itoa(number)), done)
		}
	}
}
