// A client of grpc-go for the tests of the service: `go-client ADDRESS record` makes the calls that are recorded, and `go-client ADDRESS check` tries what a
// client may do. It prints one line of JSON. While it watches the health of the service, it prints a line `watching`.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	shouldRateLimit = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
	stream          = "/sluice.v1.Limiter/Stream"
)

// wire passes messages on as bytes.
type wire struct{}

func (wire) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (wire) Name() string                        { return "proto" }
func (wire) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = slices.Clone(data)
	return nil
}

func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

func varint(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

// descriptor has the entries `key=value`.
func descriptor(entries ...string) []byte {
	var all []byte
	for _, each := range entries {
		key, value, _ := strings.Cut(each, "=")
		all = append(all, field(1, append(field(1, []byte(key)), field(2, []byte(value))...))...)
	}
	return field(2, all)
}

func request(domain string, hits uint64, descriptors ...[]byte) []byte {
	message := field(1, []byte(domain))
	for _, each := range descriptors {
		message = append(message, each...)
	}
	if hits > 0 {
		message = append(message, varint(3, hits)...)
	}
	return message
}

func call(client *grpc.ClientConn, path string, message []byte, options ...grpc.CallOption) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var answer []byte
	err := client.Invoke(ctx, path, &message, &answer, append(options, grpc.ForceCodec(wire{}))...)
	return answer, err
}

// overall is the first field of an answer: 1 is OK, 2 is OVER_LIMIT.
func overall(answer []byte) int {
	if len(answer) < 2 {
		return 0
	}
	return int(answer[1])
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	client, err := grpc.NewClient("passthrough:///"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	if os.Args[2] == "record" {
		record(client)
	} else {
		check(client)
	}
}

func record(client *grpc.ClientConn) {
	var codes []int
	for _, message := range [][]byte{
		request("shop", 0, descriptor("user=ada")),
		request("shop", 2, descriptor("user=ada", "plan=gold"), descriptor("remote_address=203.0.113.7")),
		request("shop", 0, descriptor("user=ada")),
		request("shop", 0, descriptor("user=ada")),
	} {
		answer, err := call(client, shouldRateLimit, message)
		must(err)
		codes = append(codes, overall(answer))
	}
	must(json.NewEncoder(os.Stdout).Encode(codes))
}

func check(client *grpc.ClientConn) {
	result := map[string]any{}
	ask := func() int {
		answer, err := call(client, shouldRateLimit, request("shop", 0, descriptor("user=go")))
		must(err)
		return overall(answer)
	}
	result["admitted"], result["again"], result["refused"] = ask(), ask(), ask()

	health := grpc_health_v1.NewHealthClient(client)
	found, err := health.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	must(err)
	result["health"] = found.Status.String()

	_, err = call(client, "/envoy.service.ratelimit.v3.RateLimitService/Other", nil)
	result["unknown method"] = status.Code(err).String()
	_, err = call(client, shouldRateLimit, request("nowhere", 0, descriptor("user=go")))
	result["unknown domain"] = status.Code(err).String()
	_, err = call(client, shouldRateLimit, request("shop", 0))
	result["no descriptor"] = status.Code(err).String()
	_, err = call(client, shouldRateLimit, request("shop", 0, descriptor("user="+strings.Repeat("x", 70_000))))
	result["too large"] = status.Code(err).String()
	_, err = call(client, shouldRateLimit, request("shop", 0, descriptor("user=go")), grpc.UseCompressor(gzip.Name))
	result["compressed"] = status.Code(err).String()

	result["deadline"] = deadline(client).String()
	result["cancelled"] = cancelled(health).String()
	result["after these"] = ask()
	result["streamed"] = streamed(client, 3_000)

	states, code := watched(health)
	result["states"], result["end"] = states, code.String()
	must(json.NewEncoder(os.Stdout).Encode(result))
}

func open(client *grpc.ClientConn, ctx context.Context) grpc.ClientStream {
	description := &grpc.StreamDesc{StreamName: "Stream", ServerStreams: true, ClientStreams: true}
	opened, err := client.NewStream(ctx, description, stream, grpc.ForceCodec(wire{}))
	must(err)
	return opened
}

// deadline opens a stream and sends nothing, until its time is over.
func deadline(client *grpc.ClientConn) codes.Code {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var answer []byte
	return status.Code(open(client, ctx).RecvMsg(&answer))
}

// cancelled ends a call that has begun.
func cancelled(health grpc_health_v1.HealthClient) codes.Code {
	ctx, cancel := context.WithCancel(context.Background())
	call, err := health.Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	must(err)
	_, err = call.Recv()
	must(err)
	cancel()
	_, err = call.Recv()
	return status.Code(err)
}

// streamed sends checks on one call, and returns how many were answered in order.
func streamed(client *grpc.ClientConn, count uint64) int {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	opened := open(client, ctx)
	go func() {
		for id := uint64(1); id <= count; id++ {
			value := field(3, []byte("go-"+fmt.Sprint(id%9)))
			attribute := append(field(1, []byte("user")), field(2, value)...)
			message := append(varint(1, id), field(2, append(field(1, []byte("shop")), field(8, attribute)...))...)
			must(opened.SendMsg(&message))
		}
		must(opened.CloseSend())
	}()
	var answered uint64
	for {
		var answer []byte
		err := opened.RecvMsg(&answer)
		if err == io.EOF {
			return int(answered)
		}
		must(err)
		_, _, n := protowire.ConsumeTag(answer)
		if id, _ := protowire.ConsumeVarint(answer[n:]); id != answered+1 {
			return -int(id)
		}
		answered++
	}
}

// watched follows the health of the service until the call ends.
func watched(health grpc_health_v1.HealthClient) ([]string, codes.Code) {
	call, err := health.Watch(context.Background(), &grpc_health_v1.HealthCheckRequest{})
	must(err)
	var states []string
	for {
		answer, err := call.Recv()
		if err != nil {
			return states, status.Code(err)
		}
		if states = append(states, answer.Status.String()); len(states) == 1 {
			fmt.Println("watching")
		}
	}
}
