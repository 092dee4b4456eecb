//! Measure 3: the memory of a waiting call, and the time to start and end many calls.

use std::time::Duration;

use longsync_text::duration::text;
use serde::Deserialize;

use crate::conclusion::{range, relative};
use crate::generate::{AllWait, RunResult};
use crate::machine::cores;
use crate::measure::{Bench, PATIENCE, TableMeasure, fill, float, said};
use crate::peers::{ClosedLoop, Generator, PeerServer};
use crate::process::{Cores, Process};
use crate::table::{Table, Unit};

static SERVERS: [PeerServer; 3] = [PeerServer::Longsync, PeerServer::Tonic, PeerServer::GrpcGo];
const CLIENTS: [Generator; 3] = [Generator::Longsync, Generator::Tonic, Generator::GrpcGo];

/// The names of two figures.
const SERVER_BYTES: &str = "server_bytes_per_call";
const CLIENT_BYTES: &str = "client_bytes_per_call";

/// The number of waiting calls, and how they are sent.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    calls: u64,
    /// This many per second; [`None`]: as fast as the server takes them.
    rate: Option<u64>,
    /// Long enough for all of them to be waiting when the last has been sent.
    delay: Duration,
    /// Enough of them for our server, which allows 16,384 streams on each.
    connections: usize,
}

const PACED: Crowd =
    Crowd { calls: 200_000, rate: Some(20_000), delay: Duration::from_secs(15), connections: 16 };
const BURST: Crowd = Crowd { rate: None, ..PACED };
const MILLION: Crowd =
    Crowd { calls: 1_000_000, rate: None, delay: Duration::from_secs(60), connections: 64 };

/// The memory and time taken by a crowd.
#[derive(Debug)]
struct MemoryTaken {
    server_bytes: f64,
    server_bytes_per_call: f64,
    client_bytes_per_call: f64,
    sent_ns: f64,
    beyond_ns: f64,
}

impl Crowd {
    fn in_words(self) -> String {
        let calls = self.calls;
        match self.rate {
            Some(rate) => format!("{calls} calls in flight, sent at {rate}/s"),
            None => format!("{calls} calls in flight, sent in one burst"),
        }
    }

    /// The time that the schedule alone takes to send them.
    fn pace(self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_nanos((self.calls - 1) * 1_000_000_000 / rate)
        })
    }
}

pub(crate) fn figures(bench: &Bench) -> Vec<TableMeasure<'_>> {
    let servers = |crowd: Crowd, sides: &'static [PeerServer]| {
        let title = format!(
            "{}, a delay of {}, {} connections",
            crowd.in_words(),
            text(crowd.delay),
            crowd.connections
        );
        TableMeasure::new(title, move |title| servers(bench, title, crowd, sides))
    };
    let of_clients = format!("Clients against longsync-server: {}", BURST.in_words());
    vec![
        servers(PACED, &SERVERS),
        servers(BURST, &SERVERS),
        servers(MILLION, &SERVERS[..1]),
        TableMeasure::new(of_clients, |title| clients(bench, title)),
    ]
}

pub(crate) fn conclusion(tables: &[Table]) -> Option<String> {
    let (server, client) = (PeerServer::Longsync.name(), Generator::Longsync.name());
    Some(format!(
        "A waiting call takes {} KiB in {server}{} and {} KiB in {client}{}.",
        range(tables, server, SERVER_BYTES, Unit::Kib)?,
        relative(tables, server, SERVER_BYTES),
        range(tables, client, CLIENT_BYTES, Unit::Kib)?,
        relative(tables, client, CLIENT_BYTES),
    ))
}

fn servers(bench: &Bench, title: &str, crowd: Crowd, sides: &[PeerServer]) -> Table {
    let measured =
        bench.in_turn(title, sides, PeerServer::name, |server| turn(bench, server, crowd));
    let table = Table::new(title)
        .column_with_ratio(SERVER_BYTES, "server, KiB per call", Unit::Kib)
        .column("server_bytes", "server in total, MiB", Unit::Mib)
        .column(CLIENT_BYTES, "longsync's client, KiB per call", Unit::Kib)
        .column("all_sent_ns", "all sent after, s", Unit::Seconds)
        .column("beyond_delay_and_schedule_ns", "beyond delay and schedule, s", Unit::Seconds);
    fill(
        table,
        sides,
        PeerServer::name,
        &measured,
        &[
            &|taken: &MemoryTaken| taken.server_bytes_per_call,
            &|taken: &MemoryTaken| taken.server_bytes,
            &|taken: &MemoryTaken| taken.client_bytes_per_call,
            &|taken: &MemoryTaken| taken.sent_ns,
            &|taken: &MemoryTaken| taken.beyond_ns,
        ],
    )
}

fn turn(bench: &Bench, server: PeerServer, crowd: Crowd) -> anyhow::Result<MemoryTaken> {
    let serving = bench.peers.serve(server, cores(), Cores::Any)?;
    let before = serving.process.rss_bytes()?;
    let mut command = bench.peers.generate(&serving.target);
    command.args(["--calls", &crowd.calls.to_string(), "--delay", &text(crowd.delay)]);
    command.args(["--connections", &crowd.connections.to_string(), "--say-when-all-wait"]);
    match crowd.rate {
        Some(rate) => command.args(["--rate", &rate.to_string()]),
        // An open loop would drop calls that are 100 ms late.
        None => command.args(["--in-flight", &crowd.calls.to_string()]),
    };
    let generator = Process::start(&mut command, Cores::Any)?;
    let waiting: AllWait = said(&generator, crowd.pace() + crowd.delay + PATIENCE)?;
    let server_bytes = serving.process.rss_bytes()?;
    let generated: RunResult = said(&generator, crowd.delay + PATIENCE)?;
    let calls = crowd.calls;
    anyhow::ensure!(generated.failed == 0, "{} of {calls} calls failed", generated.failed);
    anyhow::ensure!(
        generated.lateness.below_zero == 0,
        "{} waits ended too early",
        generated.lateness.below_zero
    );
    anyhow::ensure!(
        waiting.in_flight == calls,
        "only {} of {calls} calls waited shortly before the first was due to end",
        waiting.in_flight
    );
    let took = Duration::from_nanos(generated.took_ns);
    let beyond = took.saturating_sub(crowd.delay + crowd.pace());
    Ok(MemoryTaken {
        server_bytes: float(server_bytes),
        server_bytes_per_call: float(server_bytes.saturating_sub(before)) / float(calls),
        client_bytes_per_call: waiting.bytes_per_call(),
        sent_ns: float(waiting.sent_ns),
        beyond_ns: beyond.as_secs_f64() * 1e9,
    })
}

/// The output of a peer's client halfway through the delay.
#[derive(Debug, Deserialize)]
struct HalfWay {
    in_flight: u64,
    rss_before_bytes: u64,
    rss_bytes: u64,
}

fn clients(bench: &Bench, title: &str) -> Table {
    let measured =
        bench.in_turn(title, &CLIENTS, Generator::name, |client| client_turn(bench, client));
    let table =
        Table::new(title).column_with_ratio(CLIENT_BYTES, "client, KiB per call", Unit::Kib);
    fill(table, &CLIENTS, Generator::name, &measured, &[&|bytes: &f64| *bytes])
}

fn client_turn(bench: &Bench, client: Generator) -> anyhow::Result<f64> {
    if client == Generator::Longsync {
        return turn(bench, PeerServer::Longsync, BURST).map(|taken| taken.client_bytes_per_call);
    }
    let serving = bench.peers.serve(PeerServer::Longsync, cores(), Cores::Any)?;
    let in_flight = usize::try_from(BURST.calls)?;
    let closed = ClosedLoop { calls: BURST.calls, connections: BURST.connections, in_flight };
    let mut command = bench.peers.waiting_client(client, &serving.target, closed, BURST.delay)?;
    let process = Process::start(&mut command, Cores::Any)?;
    let half_way: HalfWay = said(&process, BURST.delay + PATIENCE)?;
    anyhow::ensure!(
        half_way.in_flight == BURST.calls,
        "{} of {} calls waited halfway through the delay",
        half_way.in_flight,
        BURST.calls
    );
    process.finish(BURST.delay + PATIENCE)?;
    let bytes = half_way.rss_bytes.saturating_sub(half_way.rss_before_bytes);
    Ok(float(bytes) / float(BURST.calls))
}
