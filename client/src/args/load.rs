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
// A value that begins with a hyphen is still a value, perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    plan: plan::PlanArgs,

    /// Run the plan in this record or plan file (`-`: stdin) again; along with it, give only flags for judgment
    /// and output.
    #[arg(long = "plan", value_name = "FILE", help_heading = "Repetition")]
    plan_file: Option<PathBuf>,

    /// Run the load this many times, each time with the next seed: only repeated runs show how much runs
    /// differ. In file names, n in braces stands for the number of the run, from 1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = repeats, help_heading = "Repetition", hide_short_help = true)]
    repeat: u32,

    #[command(flatten)]
    judgment: judgment::JudgmentArgs,

    #[command(flatten)]
    output: output::OutputArgs,
}

impl LoadArgs {
    /// The server to call.
    pub(super) fn url(&mut self) -> &mut Option<Target> {
        &mut self.plan.request.url
    }
}

/// The maximum number of repeats: a larger number is most likely a typing error.
const MOST_REPEATS: u32 = 10_000;

fn repeats(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(times @ 1..=MOST_REPEATS) => Ok(times),
        _ => Err("write a number from 1 to 10000"),
    }
}
