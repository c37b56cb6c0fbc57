// A load generator for envoy.service.ratelimit.v3: it sends bytes that are made once, so that it takes little of the processors that it
// shares with the server. It prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const method = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"

// wire passes messages on as bytes.
type wire struct{}

func (wire) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (wire) Name() string                        { return "proto" }
func (wire) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = slices.Clone(data)
	return nil
}

// field is a field of protobuf that has a length below 128.
func field(number byte, value []byte) []byte {
	return append([]byte{number<<3 | 2, byte(len(value))}, value...)
}

func request(user, descriptors int) []byte {
	message := field(1, []byte("bench"))
	for i := range descriptors {
		key := []string{"user", "tenant", "route"}[i%3]
		entry := append(field(1, []byte(key)), field(2, fmt.Appendf(nil, "v%05d", user))...)
		message = append(message, field(2, field(1, entry))...)
	}
	return message
}

func main() {
	address := flag.String("address", "", "of the server")
	calls := flag.Int64("calls", 20000, "")
	inFlight := flag.Int("in-flight", 64, "calls at a time")
	connections := flag.Int("connections", 4, "")
	descriptors := flag.Int("descriptors", 1, "of each call")
	users := flag.Int("users", 1000, "")
	flag.Parse()

	messages := make([][]byte, *users)
	for i := range messages {
		messages[i] = request(i, *descriptors)
	}
	clients := make([]*grpc.ClientConn, *connections)
	for i := range clients {
		client, err := grpc.NewClient("passthrough:///"+*address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(wire{})))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		clients[i] = client
	}
	var begun, failed atomic.Int64
	var group sync.WaitGroup
	times := make([][]time.Duration, *inFlight)
	from := time.Now()
	for lane := range *inFlight {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := begun.Add(1); i <= *calls; i = begun.Add(1) {
				var answer []byte
				at := time.Now()
				err := clients[lane%*connections].Invoke(context.Background(), method, &messages[int(i)%*users], &answer)
				// The first field is the overall code, and 1 is OK.
				if err != nil || len(answer) < 2 || answer[1] != 1 {
					failed.Add(1)
				}
				times[lane] = append(times[lane], time.Since(at))
			}
		}()
	}
	group.Wait()
	seconds := time.Since(from).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	part := func(share float64) float64 { return all[int(float64(len(all))*share)].Seconds() * 1000 }
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"perSecond": float64(*calls) / seconds, "p50": part(0.5), "p99": part(0.99), "failed": failed.Load(),
	})
}
