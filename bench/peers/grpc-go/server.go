package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "longsync/bench/longsyncv1"
)

type longSync struct {
	pb.UnimplementedLongSyncServiceServer
}

func (longSync) LongSync(ctx context.Context, request *pb.LongSyncRequest) (*pb.LongSyncResponse, error) {
	start := time.Now()
	if delay := request.GetDelay().AsDuration(); delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	timing := &pb.Timing{Planned: request.GetDelay(), Waited: durationpb.New(time.Since(start))}
	payload := make([]byte, request.GetResponseBytes())
	return &pb.LongSyncResponse{Message: "Done!", Timing: timing, Payload: payload}, nil
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("grpc-go listening on http://%s\n", listener.Addr())
	server := grpc.NewServer()
	pb.RegisterLongSyncServiceServer(server, longSync{})
	return server.Serve(listener)
}
