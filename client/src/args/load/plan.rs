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
    pub(super) request: RequestArgs,

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
    schedule: ScheduleArgs,

    #[command(flatten)]
    stop: StopArgs,

    #[command(flatten)]
    sending: SendingArgs,
}

impl PlanArgs {
    /// The plan as it was written, with the content of its files, and without the limits by which the run is
    /// judged.
    ///
    /// # Errors
    /// If a file cannot be read or is invalid: a sentence that names it.
    pub(super) fn written(self) -> Result<WrittenPlan, String> {
        let Self { request, call_id_prefix, no_call_ids, schedule, stop, sending } = self;
        Ok(WrittenPlan {
            url: request.url.map(|url| url.to_string()),
            delay: request.delay,
            behavior: request.behavior,
            deadline: request.deadline.as_ref().map(TypedDuration::value),
            payload: match request.payload {
                Some(from) => Some(payload(from.read()?)),
                None => request.payload_bytes.map(WrittenPayload::Bytes),
            },
            echo_payload: request.echo_payload,
            response_bytes: request.response_bytes,
            max_answer_bytes: request.max_answer_bytes,
            metadata: request.metadata,
            call_id_prefix,
            no_call_ids,
            rate: schedule.rate,
            concurrency: schedule.concurrency,
            arrivals: schedule.arrivals.map(Into::into),
            schedule: schedule.schedule,
            schedule_points: schedule.schedule_file.as_deref().map(points).transpose()?,
            replay: schedule.replay.as_deref().map(times).transpose()?,
            replay_speed: schedule.replay_speed,
            think: schedule.think,
            concurrency_schedule: schedule.concurrency_schedule,
            calls: stop.calls,
            duration: stop.duration,
            warm_up: stop.warm_up,
            grace: stop.grace,
            stop_when: stop.stop_when,
            connections: sending.connections,
            workers: sending.workers,
            spin: sending.spin,
            max_in_flight: sending.max_in_flight,
            seed: schedule.seed,
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
    Profile::from_csv(&text).map_err(|why| format!("{}: {why}", data::name(path)))?;
    Ok(text)
}

/// The times of a replay.
fn times(path: &Path) -> Result<String, String> {
    let text = data::text(path)?;
    Replay::read(&text).map_err(|why| format!("{}: {why}", data::name(path)))?;
    Ok(text)
}
