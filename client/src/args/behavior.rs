//! The command line of `behavior`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use longsync_behavior::{Behavior, ParseBehaviorError, Rules};
use longsync_client::behavior::{BehaviorReport, DelayQuery, FittedData, Patience};
use longsync_server::Recordings;
use longsync_text::TypedDuration;
use longsync_text::duration::LONGEST;

use super::whole;
use crate::data::observed;

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is still a value, perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() && !arg.is_positional() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct BehaviorArgs {
    /// The behavior, as the server's --behavior takes it, such as 'lognormal(p50=10ms, p99=200ms)'.
    #[arg(value_name = "TEXT")]
    text: Option<String>,

    /// Find the behavior that reproduces the data in a file: durations as CSV, an `HdrHistogram` log, a
    /// Prometheus histogram, or percentiles such as p50=10ms,p99=80ms,max=1s; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,

    /// Show the share of calls that take longer than this.
    #[arg(long, value_name = "DURATION")]
    deadline: Option<TypedDuration>,

    /// Show the share that still takes longer if calls that take longer than --deadline are retried, up to
    /// this many attempts in total.
    #[arg(long, value_name = "N", value_parser = attempts)]
    attempts: Option<u32>,

    /// Show what a server started with --seed draws for the call with this id.
    #[arg(long, value_name = "TEXT")]
    call_id: Option<String>,

    /// The server's seed, for --call-id.
    #[arg(long, value_name = "N", value_parser = super::whole_u64)]
    seed: Option<u64>,

    /// The attempt of the call, from 1 [default: 1].
    #[arg(long, value_name = "N", value_parser = attempt)]
    attempt: Option<u32>,

    /// The message of the call, from 0; only an exchange has faults after message 0 [default: 0].
    #[arg(long, value_name = "N", value_parser = super::whole_u64)]
    index: Option<u64>,

    /// The longest delay that the server allows.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = longsync_text::duration::parse)]
    max_delay: Duration,

    /// The folder that contains the files of replay(...) [default: the working directory].
    #[arg(long, value_name = "DIRECTORY")]
    replay_dir: Option<PathBuf>,

    /// Write the pictures to a file, as SVG; `-` prints them on stdout instead of text.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print JSON (schema longsync.behavior/v1) instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

impl BehaviorArgs {
    /// The report that these flags ask for.
    ///
    /// # Errors
    /// If the behavior or the data is invalid, or flags contradict one another.
    pub(crate) fn into_report(self) -> Result<BehaviorReport, String> {
        let patience = self.patience()?;
        let asked = self.asked()?;
        if let Some(folder) = &self.replay_dir {
            let checked = Recordings::below(folder).check();
            checked.map_err(|why| format!("--replay-dir {}: {why}", folder.display()))?;
        }
        let mut report = match (&self.text, &self.fit) {
            (Some(text), None) => BehaviorReport::of(self.behavior(text)?),
            (None, Some(file)) => {
                let of_file = |why: String| format!("--fit {}: {why}", file.display());
                let observed = observed(file).map_err(of_file)?;
                let fitting = FittedData::new(observed).map_err(|why| of_file(why.to_string()))?;
                let text = fitting.text();
                let mut report = BehaviorReport::of(self.behavior(&text).map_err(of_file)?);
                report.fitting = Some(fitting);
                report
            }
            (Some(_), Some(_)) => {
                return Err("--fit finds the behavior: give --fit or TEXT, not both".to_owned());
            }
            (None, None) => {
                return Err("there is no behavior: write one, such as \
                            'lognormal(p50=10ms, p99=200ms)', or give --fit FILE"
                    .to_owned());
            }
        };
        (report.patience, report.asked) = (patience, asked);
        Ok(report)
    }

    fn behavior(&self, text: &str) -> Result<Behavior, String> {
        self.within(self.max_delay, text).map_err(|why| {
            let is_over = self.within(LONGEST, text).is_ok();
            let hint = if is_over { "; raise --max-delay here and on the server" } else { "" };
            format!("{why}{hint}")
        })
    }

    /// The behavior of a server that allows delays up to `most`.
    fn within(&self, most: Duration, text: &str) -> Result<Behavior, ParseBehaviorError> {
        let recordings =
            Recordings::below(self.replay_dir.as_deref().unwrap_or_else(|| Path::new(".")));
        let read = |file: &str| recordings.read(file, most);
        Behavior::read(text, &Rules::server(most, &read))
    }

    fn patience(&self) -> Result<Option<Patience>, String> {
        match (&self.deadline, self.attempts) {
            (Some(deadline), attempts) => {
                let (deadline, attempts) = (deadline.clone(), attempts.unwrap_or(1));
                Ok(Some(Patience { deadline, attempts }))
            }
            (None, None) => Ok(None),
            (None, Some(_)) => {
                Err("--attempts counts the attempts of a call that takes longer than \
                                    --deadline: give --deadline too, such as --deadline 100ms"
                    .to_owned())
            }
        }
    }

    fn asked(&self) -> Result<Option<DelayQuery>, String> {
        let (attempt, index) = (self.attempt, self.index);
        match (self.seed, &self.call_id) {
            (Some(_), Some(call_id)) if call_id.is_empty() => {
                Err("an empty --call-id names no call: write an id, such as --call-id order-1"
                    .to_owned())
            }
            (Some(seed), Some(call_id)) => Ok(Some(DelayQuery {
                seed,
                call_id: call_id.clone(),
                attempt: attempt.unwrap_or(1),
                index: index.unwrap_or(0),
            })),
            (None, Some(_)) => {
                Err("what a call draws depends on the server's seed: with --call-id, \
                                    give --seed too, such as --seed 42"
                    .to_owned())
            }
            (Some(_), None) => Err("a seed alone draws nothing: with --seed, name the call, such as \
                                    --call-id order-1"
                .to_owned()),
            (None, None) if attempt.is_some() || index.is_some() => {
                Err("--attempt and --index belong to the call that --seed and --call-id name: give those too"
                    .to_owned())
            }
            (None, None) => Ok(None),
        }
    }
}

fn attempts(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(attempts @ 1..=1_000) => Ok(attempts),
        _ => Err("write a number from 1 to 1000"),
    }
}

fn attempt(text: &str) -> Result<u32, &'static str> {
    match whole(text) {
        Ok(attempt @ 1..) => Ok(attempt),
        _ => Err("attempts are counted from 1: write a number from 1 to 4294967295"),
    }
}
