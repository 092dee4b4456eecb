import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The calls that {@code ../faults/with_command.py} asks for: {@code report RPC@ADDRESS...} and
 * {@code retry ADDRESS COUNT PREFIX [MS]}. Prints a line of JSON per call.
 */
final class Faults {
    private static final int WARMING_CALLS = 300;
    private static final Map<String, ?> POLICY = Map.of("methodConfig", List.of(Map.of(
            "name", List.of(Map.of()),
            "retryPolicy", Map.of(
                    "maxAttempts", 4.0,
                    "initialBackoff", "0.02s",
                    "maxBackoff", "0.02s",
                    "backoffMultiplier", 1.0,
                    "retryableStatusCodes", List.of("UNAVAILABLE")))));

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("report")) {
            List<String> calls = Arrays.asList(arguments).subList(1, arguments.length);
            load(calls.get(0));
            for (String asked : calls) {
                report(asked);
            }
        } else {
            Client client = new Client(Server.at(arguments[1]), POLICY);
            int count = Integer.parseInt(arguments[2]);
            if (arguments.length == 4) {
                retry(client, count, arguments[3], 0);
            } else {
                warmUp(client);
                retry(client, count, arguments[3], Long.parseLong(arguments[4]));
            }
        }
        System.exit(0);
    }

    private static void report(String asked) throws Exception {
        int at = asked.indexOf('@');
        String rpc = asked.substring(0, at);
        Client client = new Client(Server.at(asked.substring(at + 1)));
        Message request = rpc.equals("LongSync") ? Client.named(rpc, "fault") : Client.named(rpc, "fault", "count", 3);
        Client.Call call = client.new Call(rpc, within(2)).send(request).end();
        Status status = call.status();
        System.out.printf("{\"answers\": %d, \"code\": \"%s\", \"message\": %s}%n",
                call.received().size(), status.getCode(), quoted(status.getDescription()));
    }

    /**
     * Makes a call without a fault and of a kind that nobody counts: on a machine under load, loading classes alone
     * can take longer than the deadline of the first call.
     */
    private static void load(String asked) throws Exception {
        Client client = new Client(Server.at(asked.substring(asked.indexOf('@') + 1)));
        String rpc = "LongSyncCollect";
        client.new Call(rpc, within(15)).send(client.request(rpc, 0)).end().answers();
    }

    /** Retries many times, so that what retries is compiled: as bytecode it adds milliseconds to each retry. */
    private static void warmUp(Client client) throws Exception {
        List<Client.Call> calls = new ArrayList<>();
        for (int number = 0; number < WARMING_CALLS; number++) {
            Message request = Client.named("LongSync", "warming-" + number);
            calls.add(client.new Call("LongSync", within(15)).send(request).end());
        }
        for (Client.Call call : calls) {
            call.status();
        }
    }

    private static void retry(Client client, int count, String prefix, long ms) throws Exception {
        for (int number = 0; number < count; number++) {
            if (ms > 0) {
                Message plain = client.request("LongSync", 0, "call_id", "plain-" + number);
                client.new Call("LongSync", within(15)).send(plain).end().status();
                Thread.sleep(ms);
                client.new Call("LongSync", within(15)).send(plain).end().status();
            }
            Message request = Client.named("LongSync", prefix + "-" + number);
            Client.Call call = client.new Call("LongSync", within(15)).send(request).end();
            Status status = call.status();
            Object attempt = status.isOk()
                    ? Client.field((Message) Client.field(call.received().get(0), "timing"), "attempt")
                    : 0;
            System.out.printf("{\"code\": \"%s\", \"attempt\": %s}%n", status.getCode(), attempt);
        }
    }

    private static CallOptions within(long seconds) {
        return CallOptions.DEFAULT.withDeadlineAfter(seconds, TimeUnit.SECONDS);
    }

    /** As a string of JSON. */
    private static String quoted(String text) {
        String said = text == null ? "" : text;
        return "\"" + said.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
    }
}
