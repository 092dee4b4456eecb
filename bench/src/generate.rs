//! Our generator in its own process, so that its processor time and memory can be measured alone.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::time::Duration;

use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync_connect::Target;
use longsync_load::{Control, LoadPlan, LongSync, Rate, RunProgress, Schedule, StopCondition};
use longsync_stats::{Distribution, Percentile, Quantile, StatusCode};
use longsync_text::duration::parse;
use longsync_timer::{Clock, Timer};
use serde::{Deserialize, Serialize};

use crate::measure::float;
use crate::process::{own_cpu, rss_bytes};

/// How often to check whether all calls were sent.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Makes calls with the load engine; the last line is the result as JSON.
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// The server to call.
    #[arg(long)]
    target: Target,
    /// How many calls.
    #[arg(long)]
    calls: u64,
    /// How long each call waits on the server.
    #[arg(long, value_parser = parse, default_value = "0s")]
    delay: Duration,
    /// Closed loop: the number of calls in flight. If it equals the number of calls, all wait together.
    #[arg(long, conflicts_with = "rate", required_unless_present = "rate")]
    in_flight: Option<NonZeroUsize>,
    /// Open loop: the rate, at equal distances.
    #[arg(long)]
    rate: Option<Rate>,
    /// How many connections.
    #[arg(long, default_value = "1")]
    connections: NonZeroUsize,
    /// How many worker threads.
    #[arg(long, default_value = "1")]
    workers: NonZeroUsize,
    /// How long open calls may take after the last was sent, in addition to their delay.
    #[arg(long, value_parser = parse, default_value = "60s")]
    grace: Duration,
    /// Print on a separate line how much memory is used when all calls wait.
    #[arg(long)]
    say_when_all_wait: bool,
}

/// The state when all calls were waiting.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AllWait {
    /// Calls that had been sent and had not ended.
    pub(crate) in_flight: u64,
    /// From the beginning of the run until then, with a resolution of 10 ms.
    pub(crate) sent_ns: u64,
    /// Resident memory before the run.
    rss_before_bytes: u64,
    /// Resident memory shortly before the first call got its answer.
    rss_bytes: u64,
}

impl AllWait {
    pub(crate) fn bytes_per_call(&self) -> f64 {
        float(self.rss_bytes.saturating_sub(self.rss_before_bytes)) / float(self.in_flight)
    }
}

/// The result of our generator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RunResult {
    /// Calls that ended OK.
    pub(crate) ok: u64,
    /// Calls that ended otherwise.
    pub(crate) failed: u64,
    /// From the beginning of the first call to the end of the last.
    pub(crate) took_ns: u64,
    /// Processor time of the entire process.
    pub(crate) cpu_ns: u64,
    /// The percentiles of waited - queued - planned, by the server's clock.
    pub(crate) lateness: Spread,
    /// The percentiles of service time - planned, by the client's clock.
    pub(crate) over: Spread,
    /// The percentiles of service time - waited.
    pub(crate) added: Spread,
    /// The percentiles of sent - due.
    pub(crate) lag: Spread,
}

/// Percentiles in nanoseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) p50_ns: i64,
    pub(crate) p90_ns: i64,
    pub(crate) p99_ns: i64,
    pub(crate) p99_9_ns: i64,
    pub(crate) below_zero: u64,
}

impl Spread {
    fn of(distribution: &Distribution, less: Duration) -> Self {
        let less = i64::try_from(less.as_nanos()).unwrap_or(i64::MAX);
        let at = |percentile| match distribution.percentile(percentile) {
            Some(Quantile::At(value) | Quantile::Beyond(value)) => {
                i64::try_from(value.as_nanos()).unwrap_or(i64::MAX) - less
            }
            Some(Quantile::BelowZero) => distribution.lowest_ns() - less,
            None => 0,
        };
        Self {
            p50_ns: at(Percentile::P50),
            p90_ns: at(Percentile::P90),
            p99_ns: at(Percentile::P99),
            p99_9_ns: at(Percentile::P99_9),
            below_zero: distribution.below_zero(),
        }
    }
}

pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<()> {
    let schedule = match (args.in_flight, args.rate) {
        (Some(in_flight), _) => Schedule::closed(in_flight),
        (None, Some(rate)) => Schedule::constant(rate),
        (None, None) => anyhow::bail!("neither --in-flight nor --rate"),
    };
    let request =
        LongSyncRequest { delay: Some(to_proto(args.delay)), ..LongSyncRequest::default() };
    let (calls, stop) = (LongSync::new(&request)?, StopCondition::after_calls(args.calls));
    let plan = LoadPlan::builder(args.target.clone(), calls, schedule, stop)
        .connections(args.connections.get())
        .workers(args.workers.get())
        .grace(args.delay + args.grace)
        .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let control = Control::default();
    let load = runtime.block_on(async {
        let running = longsync_load::run(&plan, &control, ());
        if !args.say_when_all_wait {
            return anyhow::Ok(running.await?);
        }
        let (load, said) =
            tokio::join!(running, say_when_all_wait(args.calls, args.delay, &control.progress));
        said?;
        Ok(load?)
    })?;
    let ok = load.figures.counts.ended_with(StatusCode::OK);
    if load.figures.counts.due() > ok {
        let statuses: Vec<_> = load.figures.counts.statuses().collect();
        let (unsent, unfinished) = (load.figures.counts.not_sent, load.figures.counts.unfinished);
        writeln!(std::io::stderr(), "{statuses:?}, {unsent:?}, unfinished: {unfinished}")?;
    }
    let generated = RunResult {
        ok,
        failed: load.figures.counts.due() - ok,
        took_ns: u64::try_from(load.took.as_nanos())?,
        cpu_ns: u64::try_from(own_cpu().as_nanos())?,
        lateness: Spread::of(&load.figures.lateness, Duration::ZERO),
        over: Spread::of(&load.figures.service_time, args.delay),
        added: Spread::of(&load.figures.added, Duration::ZERO),
        lag: Spread::of(&load.figures.lag, Duration::ZERO),
    };
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&generated)?)?)
}

async fn say_when_all_wait(
    calls: u64,
    delay: Duration,
    progress: &RunProgress,
) -> anyhow::Result<()> {
    let timer = Timer::new(Clock::Monotonic);
    let rss_before_bytes = rss_bytes("self")?;
    while progress.sent() == 0 {
        timer.sleep(LOOK_EVERY).await;
    }
    let begun = timer.now();
    while progress.sent() < calls {
        timer.sleep(LOOK_EVERY).await;
    }
    let sent_ns = u64::try_from((timer.now() - begun).as_nanos())?;
    // The server may accept calls more slowly: it has until shortly before the first gets its
    // answer.
    timer.sleep_until(begun + delay * 9 / 10).await;
    let in_flight = AllWait {
        in_flight: calls - progress.ended(),
        sent_ns,
        rss_before_bytes,
        rss_bytes: rss_bytes("self")?,
    };
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&in_flight)?)?)
}
