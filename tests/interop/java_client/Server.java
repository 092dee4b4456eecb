import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server and its counters. */
final class Server implements AutoCloseable {
    final String address;
    /** Null if the case must not stop it. */
    final Process process;

    private final HttpClient http = HttpClient.newHttpClient();

    private Server(String address, Process process) {
        this.address = address;
        this.process = process;
    }

    /** The server that all cases share. */
    static Server shared() {
        return at(System.getenv("ADDR"));
    }

    /** A server that somebody else has started. */
    static Server at(String address) {
        return new Server(address, null);
    }

    /** A server that the case may stop. */
    static Server start(String listen, String... flags) throws IOException {
        List<String> command = new ArrayList<>(List.of(System.getenv("SERVER"), "--listen", listen, "--log", "off"));
        Collections.addAll(command, flags);
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String first = Objects.toString(process.inputReader().readLine());
        String before = "longsync-server listening on http://";
        if (!first.startsWith(before)) {
            process.destroyForcibly();
            throw new AssertionError("the server's first line was " + first);
        }
        return new Server(first.substring(before.length()), process);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    /** How many calls of an RPC ended with this outcome. */
    long ended(String rpc, String outcome) throws Exception {
        return metric("longsync_calls_ended_total{rpc=\"" + rpc + "\",outcome=\"" + outcome + "\"}");
    }

    void untilInFlight(long expected) throws Exception {
        until("calls in flight", () -> metric("longsync_calls_in_flight"), expected);
    }

    static <T> void until(String what, Callable<T> value, T expected) throws Exception {
        long start = System.nanoTime();
        T found;
        while (!(found = value.call()).equals(expected)) {
            if (System.nanoTime() - start > 10_000_000_000L) {
                throw new AssertionError("expected " + what + " to become " + expected + ", found " + found + " after 10 s");
            }
            Thread.sleep(20);
        }
    }

    private long metric(String name) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + address + "/metrics")).build();
        String text = http.send(request, HttpResponse.BodyHandlers.ofString()).body();
        Matcher line = Pattern.compile("^" + Pattern.quote(name) + " (\\d+)$", Pattern.MULTILINE).matcher(text);
        if (!line.find()) {
            throw new AssertionError("/metrics does not contain " + name);
        }
        return Long.parseLong(line.group(1));
    }
}
