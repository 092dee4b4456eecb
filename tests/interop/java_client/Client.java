import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A client without generated code: its messages are built from the descriptors in DESCRIPTORS. */
final class Client {
    /** No call may hang a case: much longer than any of them takes. */
    static final long PATIENCE_SECONDS = 15;

    private static final String SERVICE = "longsync.v1.LongSyncService";
    private static final ServiceDescriptor METHODS = described();

    final Server server;
    private final ManagedChannel channel;

    Client(Server server) {
        this(server, Map.of());
    }

    /** A client with this service config. */
    Client(Server server, Map<String, ?> config) {
        this.server = server;
        channel = NettyChannelBuilder.forTarget(server.address)
                .usePlaintext()
                .disableServiceConfigLookUp()
                .defaultServiceConfig(config)
                .build();
    }

    /** A request with the given delay and the fields named, such as {@code "id", 1L}. */
    Message request(String rpc, long delayMs, Object... fields) {
        DynamicMessage.Builder request = with(rpc, fields);
        FieldDescriptor delay = request.getDescriptorForType().findFieldByName("delay");
        Duration duration = Duration.newBuilder()
                .setSeconds(delayMs / 1_000)
                .setNanos((int) (delayMs % 1_000) * 1_000_000)
                .build();
        return request.setField(delay, duration).build();
    }

    /** A request with a call id and the fields named, whose delay the server decides. */
    static Message named(String rpc, String callId, Object... fields) {
        DynamicMessage.Builder request = with(rpc, fields);
        return request.setField(request.getDescriptorForType().findFieldByName("call_id"), callId).build();
    }

    private static DynamicMessage.Builder with(String rpc, Object... fields) {
        DynamicMessage.Builder request = DynamicMessage.newBuilder(METHODS.findMethodByName(rpc).getInputType());
        for (int index = 0; index < fields.length; index += 2) {
            request.setField(request.getDescriptorForType().findFieldByName((String) fields[index]), fields[index + 1]);
        }
        return request;
    }

    static Object field(Message message, String name) {
        return message.getField(message.getDescriptorForType().findFieldByName(name));
    }

    static ByteString zeros(int bytes) {
        return ByteString.copyFrom(new byte[bytes]);
    }

    /** Makes a call with the requests, and waits for its end. */
    List<Message> answers(String rpc, CallOptions options, Message... requests) throws Exception {
        Call call = new Call(rpc, options);
        for (Message request : requests) {
            call.send(request);
        }
        return call.end().answers();
    }

    /** A call of any kind. */
    final class Call {
        private final ClientCall<Message, Message> call;
        private final List<Message> received = new ArrayList<>();
        private final CompletableFuture<Status> ended = new CompletableFuture<>();

        Call(String rpc, CallOptions options) {
            call = channel.newCall(method(rpc), options);
            call.start(new ClientCall.Listener<>() {
                @Override
                public void onMessage(Message answer) {
                    received.add(answer);
                }

                @Override
                public void onClose(Status status, Metadata trailers) {
                    ended.complete(status);
                }
            }, new Metadata());
            call.request(Integer.MAX_VALUE);
        }

        Call send(Message request) {
            call.sendMessage(request);
            return this;
        }

        Call end() {
            call.halfClose();
            return this;
        }

        void cancel() {
            call.cancel("cancelled by the case", null);
        }

        /** How the call ended, once it has. */
        Status status() throws Exception {
            return ended.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        }

        /** The answers so far. */
        List<Message> received() {
            return received;
        }

        /** All answers, once the call has ended well. */
        List<Message> answers() throws Exception {
            Status status = status();
            if (!status.isOk()) {
                throw new StatusRuntimeException(status);
            }
            return received;
        }
    }

    private static MethodDescriptor<Message, Message> method(String rpc) {
        var method = METHODS.findMethodByName(rpc);
        MethodType type = method.isClientStreaming()
                ? (method.isServerStreaming() ? MethodType.BIDI_STREAMING : MethodType.CLIENT_STREAMING)
                : (method.isServerStreaming() ? MethodType.SERVER_STREAMING : MethodType.UNARY);
        return MethodDescriptor.<Message, Message>newBuilder()
                .setType(type)
                .setFullMethodName(SERVICE + "/" + rpc)
                .setRequestMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
                .setResponseMarshaller(ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
                .build();
    }

    private static ServiceDescriptor described() {
        try (var descriptors = Files.newInputStream(Path.of(System.getenv("DESCRIPTORS")))) {
            Map<String, FileDescriptor> known = new HashMap<>();
            // Each file comes after the files that it imports.
            for (FileDescriptorProto file : FileDescriptorSet.parseFrom(descriptors).getFileList()) {
                var imports = file.getDependencyList().stream().map(known::get).toArray(FileDescriptor[]::new);
                known.put(file.getName(), FileDescriptor.buildFrom(file, imports));
            }
            return known.get("longsync/v1/longsync.proto").findServiceByName("LongSyncService");
        } catch (Exception error) {
            throw new IllegalStateException("no descriptors", error);
        }
    }
}
