//! The flags that together are the plan of a run.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longsync_client::load::{WrittenPayload, WrittenPlan};
use longsync_load::{Profile, Replay};
use longsync_text::TypedDuration;

use super::schedule::ScheduleArgs;
use super::sending::SendingArgs;
use super::stop::StopArgs;
use crate::args::request::RequestArgs;
use crate::data;

#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) called: RequestArgs,

    /// The prefix of each call's id, before the call's number from 0 [default: the seed and `-`].
    #[arg(long, value_name = "TEXT", help_heading = "Request", hide_short_help = true)]
    call_id_prefix: Option<String>,

    /// Make calls without ids; their delays then cannot be recomputed.
    #[arg(
        long,
        help_heading = "Request",
        conflicts_with = "call_id_prefix",
        hide_short_help = true
    )]
    no_call_ids: bool,

    #[command(flatten)]
    when: ScheduleArgs,

    #[command(flatten)]
    stops: StopArgs,

    #[command(flatten)]
    how: SendingArgs,
}

impl PlanArgs {
    /// The plan as it was written, with the content of its files, and without the limits by which the run is
    /// judged.
    ///
    /// # Errors
    /// If a file cannot be read or is invalid: a sentence that names it.
    pub(super) fn written(self) -> Result<WrittenPlan, String> {
        let Self { called, call_id_prefix, no_call_ids, when, stops, how } = self;
        Ok(WrittenPlan {
            url: called.url.map(|url| url.to_string()),
            delay: called.delay,
            behavior: called.behavior,
            deadline: called.deadline.as_ref().map(TypedDuration::value),
            payload: match called.payload {
                Some(from) => Some(payload(from.read()?)),
                None => called.payload_bytes.map(WrittenPayload::Bytes),
            },
            echo_payload: called.echo_payload,
            response_bytes: called.response_bytes,
            max_answer_bytes: called.max_answer_bytes,
            metadata: called.metadata,
            call_id_prefix,
            no_call_ids,
            rate: when.rate,
            concurrency: when.concurrency,
            arrivals: when.arrivals.map(Into::into),
            schedule: when.schedule,
            schedule_points: when.schedule_file.as_deref().map(points).transpose()?,
            replay: when.replay.as_deref().map(times).transpose()?,
            replay_speed: when.replay_speed,
            think: when.think,
            concurrency_schedule: when.concurrency_schedule,
            calls: stops.calls,
            duration: stops.duration,
            warm_up: stops.warm_up,
            grace: stops.grace,
            stop_when: stops.stop_when,
            connections: how.connections,
            workers: how.workers,
            spin: how.spin,
            max_in_flight: how.max_in_flight,
            seed: when.seed,
            ..WrittenPlan::default()
        })
    }
}

fn payload(bytes: Vec<u8>) -> WrittenPayload {
    match String::from_utf8(bytes) {
        Ok(text) => WrittenPayload::Text(text),
        Err(why) => WrittenPayload::Base64(STANDARD.encode(why.as_bytes())),
    }
}

/// The points of a schedule file. It is parsed here because only here is its name known for an error.
fn points(path: &Path) -> Result<String, String> {
    let text = data::text(path)?;
    Profile::from_csv(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(text)
}

/// The times of a replay.
fn times(path: &Path) -> Result<String, String> {
    let text = data::text(path)?;
    Replay::read(&text).map_err(|why| format!("{}: {why}", path.display()))?;
    Ok(text)
}
