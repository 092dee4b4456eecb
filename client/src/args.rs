//! The command line of `longsync-client`.

mod behavior;
mod call;
mod load;
mod race;
mod request;

use clap::{Parser, Subcommand};

pub(crate) use self::behavior::BehaviorArgs;
pub(crate) use self::call::CallArgs;
pub(crate) use self::load::{LoadArgs, LoadOrder, OutputFormat};
pub(crate) use self::race::RaceArgs;

/// Shows what asynchronous calls over HTTP/2 do: with no command, races the same slow calls one after
/// another, on threads, as async tasks and inside one stream.
#[derive(Debug, Parser)]
#[command(
    name = "longsync-client",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) race: RaceArgs,

    /// When to use colours; `NO_COLOR` in the environment turns them off as well.
    #[arg(long, global = true, display_order = 100, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Race the same slow calls, made in several ways (what runs with no command).
    Race(RaceArgs),
    /// Make one call of any of the four kinds, and show where its time went.
    ///
    /// The server does the waiting: for a delay that ends more precisely, start it with --spin.
    Call(CallArgs),
    /// Make many calls, at a rate or in a closed loop, and measure what a service's users wait.
    ///
    /// Without flags: 50 calls in flight on one connection for 10 s. The server's side of each wait is told apart from
    /// what was added to it, calls that were due and not sent are counted, and every percentile says how sure it is.
    Load(Box<LoadArgs>),
    /// Show what a behavior does before a server runs it, or find the one that reproduces what was measured.
    Behavior(BehaviorArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

fn count(text: &str) -> Result<u64, longsync_text::count::ParseCountError> {
    longsync_text::count::parse(text)
}

fn whole(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 4294967295, without a unit")
}

fn seed(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "write a whole number from 0 to 18446744073709551615")
}

fn bytes(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
