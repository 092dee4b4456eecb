//! The command line of `longsync-client`.

mod before;
mod behavior;
mod call;
mod elsewhere;
mod load;
mod payload;
mod race;
mod request;
mod storm;
mod tips;

use std::ffi::OsString;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use longsync_connect::Target;
use longsync_flags::CommandLine;
use longsync_timer::check_spin;

pub(crate) use self::behavior::BehaviorArgs;
pub(crate) use self::call::CallArgs;
pub(crate) use self::load::{LoadArgs, LoadOrder, OutputFormat};
pub(crate) use self::race::RaceArgs;
pub(crate) use self::storm::StormArgs;

/// Shows how asynchronous calls over HTTP/2 behave. With no command, it races the same slow calls: one after
/// another, on threads, as async tasks and inside one stream.
#[derive(Debug, Parser)]
#[command(
    name = "longsync-client",
    version,
    max_term_width = 100,
    override_usage = "longsync-client [OPTIONS]\n       longsync-client [--url <URL>] <COMMAND>"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) race: RaceArgs,

    /// When to use colors; `NO_COLOR` in the environment also turns them off.
    #[arg(long, global = true, display_order = 100, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

impl Args {
    /// Reads the command line, whose first word is the program's name, and the environment.
    ///
    /// # Errors
    /// If the command line is wrong or asks for help.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut line = CommandLine::new(Self::command(), words, tips::tip);
        if has_a_plan(&line) {
            // The plan names the server, and the variable must not contradict it.
            line = line.without_variable(&["load"], "url");
        }
        let matches = line.read().map_err(|error| with_usage(error, line.called()))?;
        let mut command = Self::command();
        // Subcommands know their full names only after this.
        command.build();
        before::check(&command, &matches)?;
        payload::check(&command, &matches, &line)?;
        let mut args =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let Some(command) = &mut args.command
            && before::is_given(&matches, "url")
        {
            command.call_at(args.race.url.take());
        }
        Ok(args)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Race the same slow calls made in several ways (the default command).
    Race(RaceArgs),
    /// Make one call of any of the four kinds, and show where its time went.
    ///
    /// The server does the waiting: for more precise delays, start the server with --spin.
    Call(CallArgs),
    /// Make many calls, at a rate or in a closed loop, and measure how long a service's users wait.
    ///
    /// Without flags, it keeps 50 calls in flight on one connection for 10 s. The report separates the
    /// server's share of each wait from the time added to it, counts calls that were due but not sent, and
    /// shows how certain each percentile is.
    Load(Box<LoadArgs>),
    /// Show what retries make of a short stall: a server stops once, and its clients try again in several ways.
    ///
    /// The server is started inside this process, with a queue in front of its workers. Calls arrive whatever
    /// it does, as a Poisson process. By default, all ways together take two minutes.
    Storm(StormArgs),
    /// Show what a behavior does before a server runs it, or find the behavior that reproduces a measurement.
    Behavior(BehaviorArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Sets the server to call, if this command calls one.
    fn call_at(&mut self, target: Option<Target>) {
        let url = match self {
            Self::Race(args) => &mut args.url,
            Self::Call(args) => &mut args.request.url,
            Self::Load(args) => args.url(),
            Self::Storm(_) | Self::Behavior(_) | Self::Completions { .. } => return,
        };
        *url = target;
    }
}

/// Whether this command line repeats a plan.
fn has_a_plan(line: &CommandLine) -> bool {
    let words = line.words_alone();
    let load = words.as_ref().ok().and_then(|words| words.subcommand_matches("load"));
    load.is_some_and(|load| load.value_source("plan_file").is_some())
}

/// The same error with the usage of the command that is called. Help is not an error, and stays as it is.
fn with_usage(mut error: clap::Error, mut called: clap::Command) -> clap::Error {
    if error.use_stderr() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(called.render_usage()));
    }
    error
}

fn spin(text: &str) -> Result<Duration, String> {
    let spin = longsync_text::duration::parse(text).map_err(|error| error.to_string())?;
    check_spin(spin).map_err(|error| error.to_string())
}

fn count(text: &str) -> Result<u64, longsync_text::count::ParseCountError> {
    longsync_text::count::parse(text)
}

fn whole(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 4294967295, without a unit")
}

/// The maximum size of an answer. Answers of a longsync server are never empty, so 0 would refuse all of
/// them.
fn answer_bytes(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(bytes @ 1..) => Ok(bytes),
        _ => Err("write a whole number from 1 to 4294967295, without a unit"),
    }
}

fn whole_u64(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 18446744073709551615")
}

fn bytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn the_known_variables_are_those_of_the_flags() {
        fn variables(command: &Command) -> Vec<String> {
            let own = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
            let below = command.get_subcommands().flat_map(variables);
            own.map(str::to_owned).chain(below).collect()
        }
        let mut of_flags = variables(&Args::command());
        of_flags.sort_unstable();
        of_flags.dedup();
        assert_eq!(of_flags, longsync_flags::variables::CLIENT);
    }
}
