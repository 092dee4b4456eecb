//! The command line of `load`.

mod files;
mod judgment;
mod order;
mod output;
mod plan;
mod schedule;
mod sending;
mod stop;

use std::path::PathBuf;

use longsync_connect::Target;

pub(crate) use self::files::OutputFormat;
pub(crate) use self::order::LoadOrder;

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is a value, though perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    planned: plan::PlanArgs,

    /// Repeat the plan in a record, or such a plan alone; beside it give only how the run is judged and what is shown.
    #[arg(long, value_name = "FILE", help_heading = "Again")]
    plan: Option<PathBuf>,

    /// Run it this many times, each time with the next seed: only repeated runs show how runs differ. In the names of
    /// files, n in braces is the number of the run, from 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = repeats, help_heading = "Again", hide_short_help = true)]
    repeat: u32,

    #[command(flatten)]
    judged: judgment::JudgmentArgs,

    #[command(flatten)]
    shown: output::OutputArgs,
}

impl LoadArgs {
    /// The server to call.
    pub(super) fn url(&mut self) -> &mut Option<Target> {
        &mut self.planned.called.url
    }
}

/// How often a load is repeated at most: beyond it lie typing errors.
const MOST_REPEATS: u32 = 10_000;

fn repeats(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(times @ 1..=MOST_REPEATS) => Ok(times),
        _ => Err("write a number from 1 to 10000"),
    }
}
