// A load generator for rate limit services. It sends bytes that are made once, so that it takes little of the processors that it shares with the
// server. It runs for a time, with calls in flight or at fixed times, and prints one line of JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

var (
	protocol    = flag.String("protocol", "envoy", "envoy, gubernator, throttlecrab, get or post")
	address     = flag.String("address", "", "of the server")
	domain      = flag.String("domain", "bench", "")
	limit       = flag.Uint64("limit", 1_000_000, "of a minute, where the caller says it")
	duration    = flag.Duration("for", time.Second, "")
	rate        = flag.Float64("rate", 0, "calls a second, at fixed times. 0: as many as the server answers")
	inFlight    = flag.Int("in-flight", 64, "calls at a time")
	connections = flag.Int("connections", 4, "")
	parts       = flag.Int("parts", 1, "descriptors or checks of each call")
	users       = flag.Int("users", 1000, "")
	decision    = flag.Bool("decision", false, "ask for decisions that can be settled")
	over        = flag.Bool("over", false, "expect a refusal")
)

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

func varint(number byte, value uint64) []byte {
	all := []byte{number << 3}
	for ; value >= 0x80; value >>= 7 {
		all = append(all, byte(value)|0x80)
	}
	return append(all, byte(value))
}

func name(user int) []byte { return fmt.Appendf(nil, "v%05d", user) }

func key(part int) string { return []string{"user", "tenant", "route"}[part%3] }

func message(user int) []byte {
	var all []byte
	switch *protocol {
	case "envoy":
		all = field(1, []byte(*domain))
		for i := range *parts {
			all = append(all, field(2, field(1, append(field(1, []byte(key(i))), field(2, name(user))...)))...)
		}
	case "gubernator":
		for i := range *parts {
			one := append(field(1, []byte(key(i%3))), field(2, name(user+i/3))...)
			one = append(append(append(one, varint(3, 1)...), varint(4, *limit)...), varint(5, 60_000)...)
			all = append(all, field(1, one)...)
		}
	case "throttlecrab":
		all = append(field(1, name(user)), varint(2, *limit)...)
		all = append(append(append(all, varint(3, *limit)...), varint(4, 60)...), varint(5, 1)...)
	case "post":
		checks := make([]string, *parts)
		for i := range checks {
			checks[i] = fmt.Sprintf(`{"namespace":%q,"attributes":{"user":%q},"decision":%t}`, *domain, name(user+i), *decision)
		}
		all = []byte("[" + strings.Join(checks, ",") + "]")
	}
	return all
}

var errAnswer = errors.New("another answer than expected")

// caller makes one call. lane says which connection it is sent on.
type caller func(lane, user int) error

func byGrpc(path string, isRight func(answer []byte) bool, messages [][]byte) caller {
	clients := make([]*grpc.ClientConn, *connections)
	for i := range clients {
		client, err := grpc.NewClient("passthrough:///"+*address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(wire{})))
		must(err)
		clients[i] = client
	}
	return func(lane, user int) error {
		var answer []byte
		if err := clients[lane%*connections].Invoke(context.Background(), path, &messages[user], &answer); err != nil {
			return err
		}
		if !isRight(answer) {
			return errAnswer
		}
		return nil
	}
}

func byHttp(method, path string, messages [][]byte) caller {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *inFlight, MaxConnsPerHost: *inFlight}}
	return func(_, user int) error {
		target := "http://" + *address + path
		if method == http.MethodGet {
			target += fmt.Sprintf("?namespace=%s&user=%s", *domain, name(user))
		}
		request, err := http.NewRequest(method, target, bytes.NewReader(messages[user]))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err = io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return errAnswer
		}
		return nil
	}
}

func newCaller() caller {
	messages := make([][]byte, *users)
	for i := range messages {
		messages[i] = message(i)
	}
	// The first field is the overall code: 1 is OK, 2 is OVER_LIMIT.
	code := byte(1)
	if *over {
		code = 2
	}
	switch *protocol {
	case "envoy":
		right := func(answer []byte) bool { return len(answer) > 1 && answer[1] == code }
		return byGrpc("/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit", right, messages)
	case "gubernator":
		// The first field of each response is its status, which is left out for UNDER_LIMIT. Field 2 is the limit.
		right := func(answer []byte) bool { return len(answer) > 2 && answer[2] == 0x10 }
		return byGrpc("/pb.gubernator.V1/GetRateLimits", right, messages)
	case "throttlecrab":
		right := func(answer []byte) bool { return len(answer) > 1 && answer[0] == 0x08 && answer[1] == 1 }
		return byGrpc("/throttlecrab.RateLimiter/Throttle", right, messages)
	case "get":
		return byHttp(http.MethodGet, "/check", messages)
	case "post":
		return byHttp(http.MethodPost, "/v1/check", messages)
	}
	must(fmt.Errorf("unknown protocol %s", *protocol))
	return nil
}

func main() {
	flag.Parse()
	call := newCaller()
	var begun, failed atomic.Int64
	var group sync.WaitGroup
	times := make([][]time.Duration, *inFlight)
	from := time.Now()
	for lane := range *inFlight {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Since(from) < *duration {
				i := begun.Add(1) - 1
				at := time.Now()
				if *rate > 0 {
					// A latency counts from the time at which the call was due.
					at = from.Add(time.Duration(float64(i) / *rate * float64(time.Second)))
					if at.Sub(from) >= *duration {
						begun.Add(-1)
						return
					}
					time.Sleep(time.Until(at))
				}
				if err := call(lane, int(i)%*users); err != nil && failed.Add(1) == 1 {
					fmt.Fprintln(os.Stderr, *protocol, err)
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
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"calls": len(all), "rate": float64(len(all)) / seconds, "p50": part(0.5), "p99": part(0.99), "failed": failed.Load(),
	}))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
