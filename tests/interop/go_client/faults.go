package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// What faults/with_command.py compares with docs/faults.md.
type report struct {
	Answers int    `json:"answers"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Attempt int    `json:"attempt"`
}

func (r report) print() error {
	return json.NewEncoder(os.Stdout).Encode(r)
}

// Makes a call of each `RPC@ADDRESS`, and reports how it ended.
func reportCalls(ctx context.Context, calls []string) error {
	for _, asked := range calls {
		rpc, address, _ := strings.Cut(asked, "@")
		c, err := dialAt(ctx, address)
		if err != nil {
			return err
		}
		answers, err := c.fault(ctx, protoreflect.Name(rpc))
		ended := status.Convert(err)
		if err := (report{Answers: answers, Code: ended.Code().String(), Message: ended.Message()}).print(); err != nil {
			return err
		}
	}
	return nil
}

// Makes a call that asks for nothing, and returns how many answers it had.
func (c *client) fault(ctx context.Context, rpc protoreflect.Name) (int, error) {
	ctx, release := context.WithTimeout(ctx, 2*time.Second)
	defer release()
	if rpc == "LongSync" {
		if _, err := c.unary(ctx, request{CallID: "fault"}); err != nil {
			return 0, err
		}
		return 1, nil
	}
	count := 3
	answers, err := c.exchange(ctx, rpc, request{CallID: "fault", Count: &count})
	return len(answers), err
}

const retryPolicy = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 4, "initialBackoff": "0.02s", "maxBackoff": "0.02s", "backoffMultiplier": 1,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// Makes named calls one after the other, each with a retry policy.
func retryCalls(ctx context.Context, address, count, prefix string, ms ...string) error {
	c, err := dialAt(ctx, address, grpc.WithDefaultServiceConfig(retryPolicy))
	if err != nil {
		return err
	}
	calls, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for number := range calls {
		if len(ms) == 1 {
			if err := c.plainCalls(ctx, fmt.Sprintf("plain-%d", number), ms[0]+"ms"); err != nil {
				return err
			}
		}
		answer, err := c.unary(ctx, request{CallID: fmt.Sprintf("%s-%d", prefix, number)})
		ended := report{Code: status.Code(err).String(), Attempt: answer.Timing.Attempt}
		if err := ended.print(); err != nil {
			return err
		}
	}
	return nil
}

// Makes two calls without a fault, the second one this long after the first.
func (c *client) plainCalls(ctx context.Context, name, apart string) error {
	wait, err := time.ParseDuration(apart)
	if err != nil {
		return err
	}
	plain := request{Delay: "0s", CallID: name}
	if _, err := c.unary(ctx, plain); err != nil {
		return err
	}
	time.Sleep(wait)
	_, err = c.unary(ctx, plain)
	return err
}
