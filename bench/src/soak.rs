//! A soak: a server at half load for a long time, with calls of all sorts. No call may be lost, none may be
//! answered early, and memory must stay flat.

mod account;
mod flow;
mod memory;
mod one_by_one;
mod words;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use longsync_connect::Target;
use longsync_load::RunProgress;
use longsync_text::duration::{parse, text};
use longsync_timer::{Clock, Timer};
use tokio::task::JoinSet;

use self::account::{CallAccount, ServerCounts};
use self::flow::{FLOWS, Flow};
use self::memory::Memory;
use self::words::{conclusion, data, section};
use crate::measure::float;
use crate::peers::{RunningPeer, build_longsync, say};
use crate::process::{Cores, Process, own_cpu, rss_bytes};
use crate::report;

/// The interval between two samples of memory.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// The number of samples between two lines of progress.
const LOOKS_PER_LINE: usize = 30;
/// A shorter run is not written to the page.
const WHOLE: Duration = Duration::from_secs(600);
/// An even shorter run cannot show whether memory stays flat: a third of it may have no sample.
const SHORTEST: Duration = SAMPLE_EVERY.saturating_mul(3);
/// How long the server may take to notice that the last calls were cancelled.
const REST: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes calls of all sorts side by side, and checks that none is lost and that memory stays flat.
#[derive(Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// How long to make calls for; docs/performance.md shows runs of 10m or more.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse, default_value = "10m")]
    time: Duration,
    /// The number of calls per second, of all sorts together.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// Print the result; do not change docs/performance.md and docs/performance.json.
    #[arg(long)]
    dry_run: bool,
}

/// The result of a soak.
#[derive(Debug)]
struct SoakResult {
    flows: Vec<(&'static str, CallAccount)>,
    counted: ServerCounts,
    server: Usage,
    client: Usage,
}

/// The resources used by a process.
#[derive(Debug)]
struct Usage {
    /// Cores, on average.
    cores: f64,
    memory: Memory,
}

pub(crate) fn run(args: &SoakArgs) -> anyhow::Result<()> {
    ensure!(
        args.time >= SHORTEST,
        "{} is too short to judge memory: give at least {}",
        text(args.time),
        text(SHORTEST)
    );
    let mut command = Command::new(build_longsync()?);
    let serving = RunningPeer::start(command.args(["--listen", "127.0.0.1:0"]), Cores::Any)?;
    say(&format!("{} calls per second for {}", args.rate, text(args.time)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let soaked = runtime.block_on(soak(args, &serving))?;
    let (section, conclusion) = (section(args, &soaked), conclusion(args, &soaked));
    let faults = soaked.faults();
    writeln!(std::io::stdout(), "{conclusion}\n\n{section}")?;
    if args.time >= WHOLE && !args.dry_run {
        report::write("soak", &section, &conclusion, &data(args, &soaked))?;
    }
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(())
}

async fn soak(args: &SoakArgs, serving: &RunningPeer) -> anyhow::Result<SoakResult> {
    let timer = Timer::new(Clock::Monotonic);
    let mut watch = SoakWatch::new(&serving.process);
    let mut running = JoinSet::new();
    for (index, flow) in FLOWS.into_iter().enumerate() {
        let (target, progress) = (serving.target.clone(), watch.progress());
        let (rate, time) = (args.rate, args.time);
        running.spawn(async move { (index, flow.run(target, rate, time, progress).await) });
    }
    let mut flows = FLOWS.map(|Flow { name, .. }| (name, CallAccount::default()));
    let start = timer.now();
    let mut looks = 0;
    loop {
        let look = start + SAMPLE_EVERY * looks;
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(ended) => {
                    let (index, account) = ended?;
                    flows[index].1 = account.context(flows[index].0)?;
                }
                None => break,
            },
            _ = timer.sleep_until(look) => {
                // Once no more calls are sent, less memory is used, which proves nothing.
                if look < start + args.time {
                    watch.look()?;
                }
                looks += 1;
            }
        }
    }
    let took = (timer.now() - start).as_secs_f64();
    let usage = |cpu: Duration, bytes: &[f64]| -> anyhow::Result<Usage> {
        let memory = Memory::of(bytes).context("memory was not sampled often enough")?;
        Ok(Usage { cores: cpu.as_secs_f64() / took, memory })
    };
    Ok(SoakResult {
        flows: flows.into(),
        server: usage(serving.process.cpu()?, &watch.server_bytes)?,
        client: usage(own_cpu(), &watch.client_bytes)?,
        counted: at_rest(&serving.target, &timer).await?,
    })
}

/// The state sampled while calls are made.
#[derive(Debug)]
struct SoakWatch<'a> {
    server: &'a Process,
    loads: Vec<RunProgress>,
    server_bytes: Vec<f64>,
    client_bytes: Vec<f64>,
}

impl<'a> SoakWatch<'a> {
    fn new(server: &'a Process) -> Self {
        Self { server, loads: Vec::new(), server_bytes: Vec::new(), client_bytes: Vec::new() }
    }

    /// The progress of one more load run.
    fn progress(&mut self) -> RunProgress {
        let progress = RunProgress::default();
        self.loads.push(progress.clone());
        progress
    }

    /// Samples memory, and now and then reports the progress.
    fn look(&mut self) -> anyhow::Result<()> {
        let server = self.server.rss_bytes().context("the server has ended")?;
        let client = rss_bytes("self")?;
        let looks = self.server_bytes.len();
        if looks > 0 && looks.is_multiple_of(LOOKS_PER_LINE) {
            let sum = |count: fn(&RunProgress) -> u64| self.loads.iter().map(count).sum::<u64>();
            // In this order: a call may be sent and end between the two.
            let (ended, sent) = (sum(RunProgress::ended), sum(RunProgress::sent));
            say(&format!(
                "after {}: the load engine has sent {sent} calls, {} are in flight; \
                 server {:.1} MiB, {:.1} s of processor time; this program {:.1} MiB",
                text(SAMPLE_EVERY * u32::try_from(looks)?),
                sent - ended,
                mib(float(server)),
                self.server.cpu()?.as_secs_f64(),
                mib(float(client)),
            ));
        }
        self.server_bytes.push(float(server));
        self.client_bytes.push(float(client));
        Ok(())
    }
}

/// The server's counters once it holds no more calls, or at the latest when it should hold none.
async fn at_rest(target: &Target, timer: &Timer) -> anyhow::Result<ServerCounts> {
    let give_up = timer.now() + REST;
    loop {
        let metrics = metrics(target)?;
        let counted = ServerCounts::parse(&metrics).context("/metrics has no counters of calls")?;
        if counted.is_at_rest() || timer.now() > give_up {
            return Ok(counted);
        }
        timer.sleep(LOOK_EVERY).await;
    }
}

fn metrics(target: &Target) -> anyhow::Result<String> {
    let url = target.to_string();
    let mut server = TcpStream::connect(url.trim_start_matches("http://"))?;
    server.set_read_timeout(Some(REST))?;
    // HTTP/1.0, so that the answer comes in one piece and ends with the connection.
    server.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    Ok(answer)
}

impl SoakResult {
    fn total(&self) -> CallAccount {
        let mut total = CallAccount::default();
        for (_, account) in &self.flows {
            total += *account;
        }
        total
    }

    /// The faults, one sentence each.
    fn faults(&self) -> Vec<String> {
        let total = self.total();
        let mut faults = [total.faults(), self.counted.faults(&total)].concat();
        for (whose, usage) in [("the server's", &self.server), ("this program's", &self.client)] {
            if !usage.memory.is_flat() {
                faults.push(format!(
                    "{whose} memory rose by {:.1} % from the middle third of the run to the last",
                    usage.memory.growth() * 100.0
                ));
            }
        }
        faults
    }
}

fn mib(bytes: f64) -> f64 {
    bytes / 1024.0 / 1024.0
}
