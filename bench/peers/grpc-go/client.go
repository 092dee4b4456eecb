package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "longsync/bench/longsyncv1"
)

type work struct {
	address     string
	calls       int64
	delayNs     int64
	connections int
	inFlight    int64
}

func call(w work) error {
	rssBefore, err := rssBytes()
	if err != nil {
		return err
	}
	clients := make([]pb.LongSyncServiceClient, w.connections)
	for index := range clients {
		connection, err := grpc.NewClient(w.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		defer connection.Close()
		clients[index] = pb.NewLongSyncServiceClient(connection)
	}
	delay := durationpb.New(time.Duration(w.delayNs))
	var begun, ok atomic.Int64
	var callers sync.WaitGroup
	start := time.Now()
	for caller := range w.inFlight {
		client := clients[caller%int64(w.connections)]
		callers.Go(func() {
			for begun.Add(1) <= w.calls {
				request := &pb.LongSyncRequest{Delay: delay}
				if _, err := client.LongSync(context.Background(), request); err == nil {
					ok.Add(1)
				}
			}
		})
	}
	if w.inFlight == w.calls {
		// Halfway through the delay, all of them are waiting.
		time.Sleep(time.Until(start.Add(time.Duration(w.delayNs / 2))))
		rss, err := rssBytes()
		if err != nil {
			return err
		}
		fmt.Printf("{\"in_flight\":%d,\"rss_before_bytes\":%d,\"rss_bytes\":%d}\n", w.calls-ok.Load(), rssBefore, rss)
	}
	callers.Wait()
	took := time.Since(start).Nanoseconds()
	fmt.Printf("{\"ok\":%d,\"failed\":%d,\"took_ns\":%d}\n", ok.Load(), w.calls-ok.Load(), took)
	return nil
}

func rssBytes() (int64, error) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "VmRSS:"); found {
			var kib int64
			_, err := fmt.Sscan(value, &kib)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no VmRSS: %w", lines.Err())
}
