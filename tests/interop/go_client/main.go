// The cases of grpc-go, without generated code: the messages of longsync are built from the answers of the
// server's reflection.
//
// `run` starts each case in a process of its own, with the server's address in ADDR; a case fails with its
// reason on stderr. `report` and `retry` are for ../faults.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/types/known/emptypb"
)

var cases = map[string]func(context.Context, *client) error{
	"unary":      unary,
	"stream":     stream,
	"collect":    collect,
	"exchange":   exchange,
	"deadline":   deadline,
	"cancel":     cancel,
	"keep_alive": keepAlive,
	// From gRPC's own catalog, doc/interop-test-descriptions.md, with our messages.
	"cancel_after_begin":          cancelAfterBegin,
	"cancel_after_first_response": cancelAfterFirstResponse,
	"timeout_on_sleeping_server":  timeoutOnSleepingServer,
	"empty_stream":                emptyStream,
	"ping_pong":                   pingPong,
	"large_unary":                 largeUnary,
	"unimplemented_method":        unimplementedMethod,
	"unimplemented_service":       unimplementedService,
}

func unary(ctx context.Context, c *client) error {
	answer, err := c.unary(ctx, request{Delay: "0.05s", Payload: []byte("longsync"), EchoPayload: true})
	if err != nil {
		return err
	}
	if answer.Message != "Done!" || string(answer.Payload) != "longsync" {
		return fmt.Errorf("the answer is %+v", answer)
	}
	left, err := time.ParseDuration(answer.Timing.DeadlineLeft)
	if err != nil || left <= 0 || left > 2*patience {
		return fmt.Errorf("deadlineLeft is %q", answer.Timing.DeadlineLeft)
	}
	return answer.took(50 * time.Millisecond)
}

func stream(ctx context.Context, c *client) error {
	for _, count := range []int{3, 0} {
		answers, err := c.exchange(ctx, "LongSyncStream", request{Delay: "0.02s", Count: &count})
		if err != nil {
			return err
		}
		if len(answers) != count {
			return fmt.Errorf("%d answers to a count of %d", len(answers), count)
		}
		for index, answer := range answers {
			if answer.Index != index {
				return fmt.Errorf("the answer at %d says %d", index, answer.Index)
			}
			if err := answer.took(20 * time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

func collect(ctx context.Context, c *client) error {
	answers, err := c.exchange(ctx, "LongSyncCollect",
		request{Delay: "0.03s", Payload: []byte("..")},
		request{Delay: "0.04s", Payload: []byte("..")},
		request{Delay: "0.05s"})
	if err != nil {
		return err
	}
	if len(answers) != 1 || answers[0].Count != 3 || answers[0].PayloadBytes != 4 {
		return fmt.Errorf("the answers are %+v", answers)
	}
	return answers[0].took(120 * time.Millisecond)
}

func exchange(ctx context.Context, c *client) error {
	answers, err := c.exchange(ctx, "LongSyncExchange",
		request{Delay: "0.9s", ID: 1}, request{Delay: "0.5s", ID: 2}, request{Delay: "0.1s", ID: 3})
	if err != nil {
		return err
	}
	var ids []uint64
	for _, answer := range answers {
		ids = append(ids, answer.ID)
	}
	if !slices.Equal(ids, []uint64{3, 2, 1}) {
		return fmt.Errorf("the order of the ids is %v", ids)
	}
	return answers[0].took(100 * time.Millisecond)
}

func deadline(ctx context.Context, c *client) error {
	return counts("LongSync", outcomes{"deadline_exceeded": 2}, func() error {
		for _, timeout := range []time.Duration{300 * time.Millisecond, time.Second} {
			ctx, release := context.WithTimeout(ctx, timeout)
			defer release()
			start := time.Now()
			_, err := c.unary(ctx, request{Delay: "20s"})
			if err := fails(err, codes.DeadlineExceeded); err != nil {
				return err
			}
			if took := time.Since(start); took < timeout*9/10 || took > timeout+time.Second {
				return fmt.Errorf("a deadline of %v took %v", timeout, took)
			}
		}
		return nil
	})
}

func cancel(ctx context.Context, c *client) error {
	return counts("LongSync", outcomes{"cancelled": 1}, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		ended := make(chan error)
		go func() {
			_, err := c.unary(ctx, request{Delay: "20s"})
			ended <- err
		}()
		if err := untilInFlight(1); err != nil {
			return err
		}
		cancel()
		return fails(<-ended, codes.Canceled)
	})
}

// grpc-go pings after at least 10 s without a frame from the server, and closes a connection if no answer
// arrives in time. A call that waits longer than both, and a connection without any call, stay up only if
// each ping was answered; the pings are counted, in case there were none.
func keepAlive(ctx context.Context, c *client) error {
	const unanswered = 4 * time.Second
	params := keepalive.ClientParameters{Time: 10 * time.Second, Timeout: unanswered, PermitWithoutStream: true}
	var waiting, idle pings
	calling, err := dial(ctx, grpc.WithKeepaliveParams(params), grpc.WithContextDialer(waiting.dial))
	if err != nil {
		return err
	}
	resting, err := dial(ctx, grpc.WithKeepaliveParams(params), grpc.WithContextDialer(idle.dial))
	if err != nil {
		return err
	}
	delay := params.Time + unanswered + time.Second
	answer, err := calling.unary(ctx, request{Delay: fmt.Sprintf("%gs", delay.Seconds())})
	if err != nil {
		return fmt.Errorf("a call of %v: %w", delay, err)
	}
	if err := answer.took(delay); err != nil {
		return err
	}
	if state := resting.conn.GetState(); state != connectivity.Ready {
		return fmt.Errorf("the idle connection is %v", state)
	}
	if _, err := resting.unary(ctx, request{Delay: "0s"}); err != nil {
		return fmt.Errorf("a call after a time without any: %w", err)
	}
	for name, pings := range map[string]*pings{"waiting": &waiting, "idle": &idle} {
		if connections, answered := pings.seen(); connections != 1 || answered == 0 {
			return fmt.Errorf("the %s client: %d connections, %d pings answered", name, connections, answered)
		}
	}
	return nil
}

func cancelAfterBegin(ctx context.Context, c *client) error {
	return counts("LongSyncCollect", outcomes{"cancelled": 1}, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		call, err := c.open(ctx, "LongSyncCollect")
		if err != nil {
			return err
		}
		cancel()
		_, err = call.receive()
		return fails(err, codes.Canceled)
	})
}

func cancelAfterFirstResponse(ctx context.Context, c *client) error {
	return counts("LongSyncExchange", outcomes{"cancelled": 1}, func() error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		call, err := c.open(ctx, "LongSyncExchange")
		if err != nil {
			return err
		}
		if err := call.send(request{Delay: "0s", Payload: make([]byte, 27182), ResponseBytes: 31415}); err != nil {
			return err
		}
		if _, err := call.receive(); err != nil {
			return err
		}
		cancel()
		_, err = call.receive()
		return fails(err, codes.Canceled)
	})
}

// A deadline this short may pass before the call has left the client, so the server counts it once or not at
// all. With several calls, the timing varies.
func timeoutOnSleepingServer(ctx context.Context, c *client) error {
	before, err := endedOf("LongSyncExchange")
	if err != nil {
		return err
	}
	const times = 20
	for range times {
		ctx, release := context.WithTimeout(ctx, time.Millisecond)
		defer release()
		_, err := c.exchange(ctx, "LongSyncExchange", request{Delay: "20s", Payload: make([]byte, 27182)})
		if err := fails(err, codes.DeadlineExceeded); err != nil {
			return err
		}
	}
	if err := untilInFlight(0); err != nil {
		return err
	}
	after, err := endedOf("LongSyncExchange")
	if err != nil {
		return err
	}
	since := after.since(before)
	if exceeded := since["deadline_exceeded"]; exceeded > times || len(since) > 1 || len(since) == 1 && exceeded == 0 {
		return fmt.Errorf("of %d calls past their deadline the server counted %v", times, since)
	}
	return nil
}

func emptyStream(ctx context.Context, c *client) error {
	return counts("LongSyncExchange", outcomes{"answered": 1}, func() error {
		answers, err := c.exchange(ctx, "LongSyncExchange")
		if len(answers) != 0 {
			return fmt.Errorf("%d answers to no request", len(answers))
		}
		return err
	})
}

func pingPong(ctx context.Context, c *client) error {
	return counts("LongSyncExchange", outcomes{"answered": 1}, func() error {
		call, err := c.open(ctx, "LongSyncExchange")
		if err != nil {
			return err
		}
		for _, size := range []struct{ request, response int }{{27182, 31415}, {8, 9}, {1828, 2653}, {45904, 58979}} {
			err := call.send(request{Delay: "0s", Payload: make([]byte, size.request), ResponseBytes: size.response})
			if err != nil {
				return err
			}
			answer, err := call.receive()
			if err != nil {
				return err
			}
			if len(answer.Payload) != size.response {
				return fmt.Errorf("%d bytes instead of %d", len(answer.Payload), size.response)
			}
		}
		if err := call.CloseSend(); err != nil {
			return err
		}
		if _, err := call.receive(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("the stream ended with %v", err)
		}
		return nil
	})
}

func largeUnary(ctx context.Context, c *client) error {
	answer, err := c.unary(ctx, request{Delay: "0s", Payload: make([]byte, 271828), ResponseBytes: 314159})
	if err != nil {
		return err
	}
	if !slices.Equal(answer.Payload, make([]byte, 314159)) {
		return fmt.Errorf("the answer has %d bytes, or not all are zero", len(answer.Payload))
	}
	return nil
}

func unimplementedMethod(ctx context.Context, c *client) error {
	return unimplemented(ctx, c, "/longsync.v1.LongSyncService/UnimplementedCall")
}

func unimplementedService(ctx context.Context, c *client) error {
	return unimplemented(ctx, c, "/longsync.v1.UnimplementedService/UnimplementedCall")
}

func unimplemented(ctx context.Context, c *client, path string) error {
	err := c.conn.Invoke(ctx, path, &emptypb.Empty{}, &emptypb.Empty{})
	return fails(err, codes.Unimplemented)
}

// Much longer than any case takes.
const patience = 25 * time.Second

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string, arguments []string) error {
	// No call may hang a case.
	ctx, release := context.WithTimeout(context.Background(), patience)
	defer release()
	switch {
	case name == "report":
		return reportCalls(ctx, arguments)
	case name == "retry" && len(arguments) >= 3:
		return retryCalls(ctx, arguments[0], arguments[1], arguments[2], arguments[3:]...)
	}
	body, ok := cases[name]
	if !ok {
		return fmt.Errorf("there is no case %q", name)
	}
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	return body(ctx, c)
}
