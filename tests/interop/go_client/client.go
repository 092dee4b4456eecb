package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	// Imported by longsync.proto; reflection's answer is resolved with these.
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
)

const service = "longsync.v1.LongSyncService"

// A request of any RPC, in protobuf's JSON form.
type request struct {
	Delay         string `json:"delay,omitempty"`
	Payload       []byte `json:"payload,omitempty"`
	EchoPayload   bool   `json:"echoPayload,omitempty"`
	ResponseBytes int    `json:"responseBytes,omitempty"`
	ID            uint64 `json:"id,omitempty,string"`
	Count         *int   `json:"count,omitempty"`
	CallID        string `json:"callId,omitempty"`
}

// An answer of any RPC, in protobuf's JSON form.
type answer struct {
	Message string `json:"message"`
	Timing  struct {
		Planned      string `json:"planned"`
		Waited       string `json:"waited"`
		DeadlineLeft string `json:"deadlineLeft"`
		Attempt      int    `json:"attempt"`
	} `json:"timing"`
	Payload      []byte `json:"payload"`
	ID           uint64 `json:"id,string"`
	Index        int    `json:"index"`
	Count        int    `json:"count,string"`
	PayloadBytes int    `json:"payloadBytes,string"`
}

// Checks that the wait was planned to take this long, and did.
func (a *answer) took(planned time.Duration) error {
	said, err := time.ParseDuration(a.Timing.Planned)
	if err != nil || said != planned {
		return fmt.Errorf("planned is %q instead of %v", a.Timing.Planned, planned)
	}
	waited, err := time.ParseDuration(a.Timing.Waited)
	// An upper bound that a machine under load still meets, and a mistaken unit does not.
	if err != nil || waited < planned || waited > planned+5*time.Second {
		return fmt.Errorf("waited is %q, planned %v", a.Timing.Waited, planned)
	}
	return nil
}

type client struct {
	conn    *grpc.ClientConn
	methods protoreflect.MethodDescriptors
}

// Connects to the server that the cases share.
func dial(ctx context.Context, options ...grpc.DialOption) (*client, error) {
	return dialAt(ctx, os.Getenv("ADDR"), options...)
}

// Connects, and learns the methods by reflection over the same connection.
func dialAt(ctx context.Context, address string, options ...grpc.DialOption) (*client, error) {
	options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, err
	}
	file, err := reflected(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("reflection: %w", err)
	}
	found := file.Services().ByName(protoreflect.FullName(service).Name())
	if found == nil {
		return nil, fmt.Errorf("reflection knows no %s", service)
	}
	return &client{conn, found.Methods()}, nil
}

func reflected(ctx context.Context, conn *grpc.ClientConn) (protoreflect.FileDescriptor, error) {
	call, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return nil, err
	}
	err = call.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
	})
	if err != nil {
		return nil, err
	}
	said, err := call.Recv()
	if err != nil {
		return nil, err
	}
	files := said.GetFileDescriptorResponse().GetFileDescriptorProto()
	if len(files) == 0 {
		return nil, fmt.Errorf("it answered %v", said)
	}
	var file descriptorpb.FileDescriptorProto
	if err := proto.Unmarshal(files[0], &file); err != nil {
		return nil, err
	}
	if err := call.CloseSend(); err != nil {
		return nil, err
	}
	if _, err := call.Recv(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("its stream ended with %v", err)
	}
	return protodesc.NewFile(&file, protoregistry.GlobalFiles)
}

func (c *client) unary(ctx context.Context, asked request) (answer, error) {
	method := c.methods.ByName("LongSync")
	sent, err := asked.message(method)
	if err != nil {
		return answer{}, err
	}
	got := dynamicpb.NewMessage(method.Output())
	if err := c.conn.Invoke(ctx, path(method), sent, got); err != nil {
		return answer{}, err
	}
	return answerOf(got)
}

// A stream of any of the three kinds.
type call struct {
	grpc.ClientStream
	method protoreflect.MethodDescriptor
}

func (c *client) open(ctx context.Context, name protoreflect.Name) (*call, error) {
	method := c.methods.ByName(name)
	kind := grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer()}
	stream, err := c.conn.NewStream(ctx, &kind, path(method))
	return &call{stream, method}, err
}

// Sends all requests and ends the stream, then receives all answers.
func (c *client) exchange(ctx context.Context, name protoreflect.Name, asked ...request) ([]answer, error) {
	call, err := c.open(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, request := range asked {
		// Once a stream has ended, receiving returns the reason.
		if err := call.send(request); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	if err := call.CloseSend(); err != nil {
		return nil, err
	}
	var answers []answer
	for {
		answer, err := call.receive()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
		if !call.method.IsStreamingServer() {
			return answers, nil
		}
	}
}

func (c *call) send(asked request) error {
	message, err := asked.message(c.method)
	if err != nil {
		return err
	}
	return c.SendMsg(message)
}

func (c *call) receive() (answer, error) {
	got := dynamicpb.NewMessage(c.method.Output())
	if err := c.RecvMsg(got); err != nil {
		return answer{}, err
	}
	return answerOf(got)
}

func path(method protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", service, method.Name())
}

func (r request) message(method protoreflect.MethodDescriptor) (proto.Message, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	message := dynamicpb.NewMessage(method.Input())
	return message, protojson.Unmarshal(text, message)
}

func answerOf(message proto.Message) (answer, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return answer{}, err
	}
	var answer answer
	return answer, json.Unmarshal(text, &answer)
}

// Returns nil if a call failed with the code, and otherwise an error that describes the difference.
func fails(err error, code codes.Code) error {
	if status.Code(err) != code {
		return fmt.Errorf("expected %v, found %v (%w)", code, status.Code(err), err)
	}
	return nil
}
