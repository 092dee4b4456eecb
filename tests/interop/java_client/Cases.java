import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The cases of grpc-java on netty.
 *
 * <p>{@code run} starts each case in a process of its own, with the server's address in ADDR; a case
 * fails with its reason on stderr.
 */
final class Cases {
    private static final CallOptions PATIENT = CallOptions.DEFAULT;

    private interface Body {
        void run() throws Exception;
    }

    public static void main(String[] arguments) {
        try {
            Client client = new Client(Server.shared());
            switch (arguments[0]) {
                case "unary" -> unary(client);
                case "stream" -> stream(client);
                case "collect" -> collect(client);
                case "exchange" -> exchange(client);
                case "deadline" -> deadline(client);
                case "cancel" -> cancel(client, "LongSync");
                case "cancel_stream" -> cancel(client, "LongSyncStream");
                case "cancel_collect" -> cancel(client, "LongSyncCollect");
                case "cancel_exchange" -> cancel(client, "LongSyncExchange");
                case "echo_1_mib" -> echo(client);
                case "drain" -> drain();
                case "restart_under_calls" -> restartUnderCalls();
                default -> throw new IllegalArgumentException("there is no case " + arguments[0]);
            }
            System.exit(0);
        } catch (Throwable thrown) {
            System.err.println(thrown + Arrays.stream(thrown.getStackTrace())
                    .filter(frame -> frame.getClassName().equals("Cases"))
                    .map(frame -> " (line " + frame.getLineNumber() + ")")
                    .findFirst().orElse(""));
            System.exit(1);
        }
    }

    private static void unary(Client client) throws Exception {
        CallOptions options = PATIENT.withDeadlineAfter(Client.PATIENCE_SECONDS, TimeUnit.SECONDS);
        Message request = client.request("LongSync", 50, "payload", Client.zeros(8), "echo_payload", true);
        Message answer = client.answers("LongSync", options, request).get(0);
        check(Client.field(answer, "message").equals("Done!"), answer);
        check(Client.field(answer, "payload").equals(Client.zeros(8)), answer);
        took(answer, 50);
        long left = timing(answer, "deadline_left");
        check(0 < left && left <= Client.PATIENCE_SECONDS * 1_100, answer);
    }

    private static void stream(Client client) throws Exception {
        for (int count : List.of(3, 0)) {
            var answers = client.answers("LongSyncStream", PATIENT, client.request("LongSyncStream", 20, "count", count));
            var indexes = answers.stream().map(answer -> Client.field(answer, "index")).toList();
            check(indexes.equals(List.of(0, 1, 2).subList(0, count)), answers);
            answers.forEach(answer -> took(answer, 20));
        }
    }

    private static void collect(Client client) throws Exception {
        var answers = client.answers("LongSyncCollect", PATIENT,
                client.request("LongSyncCollect", 30, "payload", Client.zeros(2)),
                client.request("LongSyncCollect", 40, "payload", Client.zeros(2)),
                client.request("LongSyncCollect", 50));
        check(answers.size() == 1, answers);
        check(Client.field(answers.get(0), "count").equals(3L), answers);
        check(Client.field(answers.get(0), "payload_bytes").equals(4L), answers);
        took(answers.get(0), 120);
    }

    private static void exchange(Client client) throws Exception {
        Map<Object, Integer> delays = Map.of(1L, 900, 2L, 500, 3L, 100);
        var requests = List.of(1L, 2L, 3L).stream()
                .map(id -> client.request("LongSyncExchange", delays.get(id), "id", id));
        var answers = client.answers("LongSyncExchange", PATIENT, requests.toArray(Message[]::new));
        var ids = answers.stream().map(answer -> Client.field(answer, "id")).toList();
        check(ids.equals(List.of(3L, 2L, 1L)), ids);
        answers.forEach(answer -> took(answer, delays.get(Client.field(answer, "id"))));
    }

    private static void deadline(Client client) throws Exception {
        // While it connects, the client's own deadline is running, but the one that it will send is not.
        client.answers("LongSync", PATIENT, client.request("LongSync", 0));
        var timeouts = List.of(300L, 1_000L, 300L, 300L, 300L);
        Server server = client.server;
        long atServer = server.ended("LongSync", "deadline_exceeded");
        long atClient = server.ended("LongSync", "cancelled");
        for (long timeout : timeouts) {
            long start = System.nanoTime();
            CallOptions options = PATIENT.withDeadlineAfter(timeout, TimeUnit.MILLISECONDS);
            Message request = client.request("LongSync", 20_000);
            fails(Status.Code.DEADLINE_EXCEEDED, () -> client.answers("LongSync", options, request));
            double tookMs = (System.nanoTime() - start) / 1e6;
            check(timeout * 0.9 < tookMs && tookMs < timeout + 1_000, timeout + " ms took " + tookMs + " ms");
        }
        server.untilInFlight(0);
        // The client's own deadline starts first: if the request took long, it cancels before the server's
        // deadline.
        atServer = server.ended("LongSync", "deadline_exceeded") - atServer;
        atClient = server.ended("LongSync", "cancelled") - atClient;
        check(atServer > 0 && atServer + atClient == timeouts.size(), atServer + " and " + atClient);
    }

    /** Of several calls that are cancelled while they wait, the server notices at least half within 100 ms. */
    private static void cancel(Client client, String rpc) throws Exception {
        int times = 5;
        List<Double> seenMs = new ArrayList<>();
        counts(client.server, rpc, "cancelled", times, () -> {
            for (int count = 0; count < times; count++) {
                Client.Call call = client.new Call(rpc, PATIENT).send(client.request(rpc, 20_000));
                // A single request is only sent at the end of its stream.
                if (rpc.equals("LongSync") || rpc.equals("LongSyncStream")) {
                    call.end();
                }
                client.server.untilInFlight(1);
                long start = System.nanoTime();
                call.cancel();
                client.server.untilInFlight(0);
                seenMs.add((System.nanoTime() - start) / 1e6);
                fails(Status.Code.CANCELLED, call::answers);
            }
        });
        check(seenMs.stream().sorted().toList().get(times / 2) < 100, "the server noticed the cancellations after " + seenMs + " ms");
    }

    private static void echo(Client client) throws Exception {
        var payload = Client.zeros(1 << 20);
        Message request = client.request("LongSync", 0, "payload", payload, "echo_payload", true);
        Message answer = client.answers("LongSync", PATIENT, request).get(0);
        check(Client.field(answer, "payload").equals(payload), "the payload came back changed");
    }

    /** A call that is waiting when the server receives SIGTERM is answered. */
    private static void drain() throws Exception {
        try (Server server = Server.start("127.0.0.1:0", "--drain", "10s")) {
            Client client = new Client(server);
            Client.Call call = client.new Call("LongSync", PATIENT).send(client.request("LongSync", 2_000)).end();
            server.untilInFlight(1);
            server.process.destroy();
            took(call.answers().get(0), 2_000);
            ends(server);
        }
    }

    /** Wait-for-ready calls are made while the server stops and starts again: none is lost. */
    private static void restartUnderCalls() throws Exception {
        Server before = Server.start("127.0.0.1:0");
        Client client = new Client(before);
        AtomicInteger made = new AtomicInteger();
        AtomicBoolean restarted = new AtomicBoolean();
        List<CompletableFuture<Void>> callers = new ArrayList<>();
        for (int caller = 0; caller < 10; caller++) {
            callers.add(CompletableFuture.runAsync(() -> {
                while (made.get() < 300 || !restarted.get()) {
                    CallOptions options = PATIENT.withWaitForReady();
                    try {
                        took(client.answers("LongSync", options, client.request("LongSync", 20)).get(0), 20);
                    } catch (Exception error) {
                        throw new IllegalStateException(error.toString(), error);
                    }
                    made.incrementAndGet();
                }
            }, task -> new Thread(task).start()));
        }
        Server.until("enough calls before", () -> made.get() > 50, true);
        before.process.destroy();
        ends(before);
        try (var after = Server.start(before.address)) {
            int already = made.get();
            Server.until("enough calls after", () -> made.get() > already + 50, true);
            restarted.set(true);
            for (CompletableFuture<Void> caller : callers) {
                caller.get(Client.PATIENCE_SECONDS, TimeUnit.SECONDS);
            }
        } finally {
            restarted.set(true);
        }
    }

    private static void ends(Server server) throws Exception {
        check(server.process.waitFor(Client.PATIENCE_SECONDS, TimeUnit.SECONDS), "the server did not end");
        check(server.process.exitValue() == 0, "the server ended with " + server.process.exitValue());
    }

    /** Checks that the body ends this many calls of an RPC with this outcome, and leaves none in flight. */
    private static void counts(Server server, String rpc, String outcome, long expected, Body body) throws Exception {
        server.untilInFlight(0);
        long before = server.ended(rpc, outcome);
        body.run();
        Server.until(outcome + " calls of " + rpc, () -> server.ended(rpc, outcome) - before, expected);
        server.untilInFlight(0);
    }

    private static void fails(Status.Code code, Body body) throws Exception {
        try {
            body.run();
        } catch (StatusRuntimeException error) {
            check(error.getStatus().getCode() == code, error);
            return;
        }
        throw new AssertionError("the call was answered");
    }

    /** A duration of an answer's timing, in milliseconds. */
    private static long timing(Message answer, String name) throws Exception {
        Message said = (Message) Client.field((Message) Client.field(answer, "timing"), name);
        Duration duration = Duration.parseFrom(said.toByteString());
        return duration.getSeconds() * 1_000 + duration.getNanos() / 1_000_000;
    }

    /** Checks that the wait was planned to take this long, and did. */
    private static void took(Message answer, long plannedMs) {
        try {
            long waitedMs = timing(answer, "waited");
            check(timing(answer, "planned") == plannedMs, answer);
            // An upper bound that a machine under load still meets, and a mistaken unit does not.
            check(plannedMs <= waitedMs && waitedMs < plannedMs + 5_000, answer);
        } catch (Exception error) {
            throw new AssertionError(error);
        }
    }

    private static void check(boolean holds, Object otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }
}
