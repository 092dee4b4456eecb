//! A plan as it is written: by the flags of a command line, or in a record.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nanoseconds;

/// A plan as it is written, before it is known whether it makes sense: times of at most 584 years, and rates,
/// schedules and behaviors in the text form in which they were typed. Fields that are left out take their
/// defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenPlan {
    /// The server [default: 127.0.0.1:9000].
    pub url: Option<String>,
    /// The delay to ask for; without it, the server decides.
    #[serde(rename = "delay_ns", with = "nanoseconds")]
    pub delay: Option<Duration>,
    /// The behavior to ask for; without it, the server decides.
    pub behavior: Option<String>,
    /// How long each call may take.
    #[serde(rename = "deadline_ns", with = "nanoseconds")]
    pub deadline: Option<Duration>,
    /// The payload of each request.
    pub payload: Option<WrittenPayload>,
    /// Whether answers echo it.
    pub echo_payload: bool,
    /// The number of payload bytes that answers carry instead.
    pub response_bytes: u32,
    /// The maximum size of an answer in bytes [default: 4 MiB plus the payload that is asked for].
    pub max_answer_bytes: Option<u32>,
    /// The headers of each request: names and values.
    pub metadata: Vec<(String, String)>,
    /// The prefix of call ids, before the call's number [default: the seed and `-`].
    pub call_id_prefix: Option<String>,
    /// Whether calls have no ids.
    pub no_call_ids: bool,

    /// How many calls are due per time, such as `2000/s`.
    pub rate: Option<String>,
    /// How many calls a closed loop keeps in flight [default: 50].
    pub concurrency: Option<u64>,
    /// How the due times are spaced.
    pub arrivals: Option<WrittenArrivals>,
    /// The rate over time, such as `line(from=0/s, to=1000/s, in=60s)`.
    pub schedule: Option<String>,
    /// The same as lines of seconds and rates: the content of a file.
    pub schedule_points: Option<String>,
    /// Due times, one per line, in seconds: the content of a file.
    pub replay: Option<String>,
    /// How many times faster they are replayed than they were recorded.
    pub replay_speed: Option<String>,
    /// How long a closed loop waits between the end of a call and the next.
    #[serde(rename = "think_ns", with = "nanoseconds")]
    pub think: Option<Duration>,
    /// How many calls a closed loop keeps in flight over time, such as `step(from=1, to=64, by=1, every=1s)`.
    pub concurrency_schedule: Option<String>,

    /// The number of recorded calls after which no further call is made.
    pub calls: Option<u64>,
    /// The recorded time after which no further call is made.
    #[serde(rename = "duration_ns", with = "nanoseconds")]
    pub duration: Option<Duration>,
    /// How long calls are made before any is recorded.
    #[serde(rename = "warm_up_ns", with = "nanoseconds")]
    pub warm_up: Option<Duration>,
    /// How long calls that are open when the last one was due may take to end [default: 10 s].
    #[serde(rename = "grace_ns", with = "nanoseconds")]
    pub grace: Option<Duration>,
    /// The rule that ends the run early, such as `p99>250ms`.
    pub stop_when: Option<String>,

    /// How many connections to open [default: one per worker].
    pub connections: Option<WrittenConnections>,
    /// How many threads send [default: 1].
    pub workers: Option<usize>,
    /// How long before each due time a worker polls instead of sleeping [default: 20 us].
    #[serde(rename = "spin_ns", with = "nanoseconds")]
    pub spin: Option<Duration>,
    /// How many calls may be in flight in an open loop [default: 1,000,000].
    pub max_in_flight: Option<usize>,

    /// The statuses that count as good, by name or number [default: OK].
    pub expect: Vec<String>,
    /// The seed of everything random [default: random].
    pub seed: Option<u64>,
    /// How many calls are kept as a sample, drawn evenly over the run.
    pub sample: Option<u32>,
}

/// The payload of each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WrittenPayload {
    /// This text.
    Text(String),
    /// These bytes, in base64.
    Base64(String),
    /// The given number of zero bytes.
    Bytes(u32),
}

/// How due times are spaced. There are no other ways: exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenArrivals {
    /// At equal distances while the rate is constant.
    Constant,
    /// Independently of one another: a Poisson process.
    Poisson,
    /// One at a random time within each slot.
    Uniform,
    /// All at the start.
    AtOnce,
}

/// How many connections a run opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number of connections, or \"auto\"")]
pub enum WrittenConnections {
    /// This many.
    Fixed(usize),
    /// As many as the rate needs.
    Auto(Auto),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auto {
    /// The word.
    #[serde(rename = "auto")]
    Auto,
}

impl fmt::Display for WrittenConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(count) => count.fmt(f),
            Self::Auto(Auto::Auto) => f.write_str("auto"),
        }
    }
}
