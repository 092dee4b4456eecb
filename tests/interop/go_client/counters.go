package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"
)

// How many calls of an RPC ended with each outcome.
type outcomes map[string]int

func (o outcomes) since(before outcomes) outcomes {
	since := outcomes{}
	for outcome, count := range o {
		if count != before[outcome] {
			since[outcome] = count - before[outcome]
		}
	}
	return since
}

func metrics() (string, error) {
	answer, err := http.Get(fmt.Sprintf("http://%s/metrics", os.Getenv("ADDR")))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func endedOf(rpc string) (outcomes, error) {
	text, err := metrics()
	if err != nil {
		return nil, err
	}
	line := regexp.MustCompile(`(?m)^longsync_calls_ended_total\{rpc="` + rpc + `",outcome="(\w+)"\} (\d+)$`)
	ended := outcomes{}
	for _, found := range line.FindAllStringSubmatch(text, -1) {
		if ended[found[1]], err = strconv.Atoi(found[2]); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

var inFlight = regexp.MustCompile(`(?m)^longsync_calls_in_flight (\d+)$`)

func untilInFlight(expected int) error {
	return until(func() error {
		text, err := metrics()
		if err != nil {
			return err
		}
		if found := inFlight.FindStringSubmatch(text); found == nil || found[1] != strconv.Itoa(expected) {
			return fmt.Errorf("expected %d calls in flight, found %v", expected, found)
		}
		return nil
	})
}

// Checks that the body ends this many calls of an RPC with each outcome, no others, and leaves none in
// flight.
func counts(rpc string, expected outcomes, body func() error) error {
	if err := untilInFlight(0); err != nil {
		return err
	}
	before, err := endedOf(rpc)
	if err != nil {
		return err
	}
	if err := body(); err != nil {
		return err
	}
	isCounted := func() error {
		now, err := endedOf(rpc)
		if err != nil {
			return err
		}
		if since := now.since(before); !maps.Equal(since, expected) {
			return fmt.Errorf("the server counted %v of %s instead of %v", since, rpc, expected)
		}
		return nil
	}
	if err := until(isCounted); err != nil {
		return err
	}
	if err := untilInFlight(0); err != nil {
		return err
	}
	return isCounted()
}

// Asks until nothing is wrong.
func until(wrong func() error) error {
	end := time.Now().Add(10 * time.Second)
	for {
		err := wrong()
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}
