//! `longsync-client`: the client as a program.

mod args;
mod progress_bars;

use std::fs::File;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use longsync_client::race::{self, Progress, RaceError};
use longsync_client::single;
use tokio_util::sync::CancellationToken;

use crate::args::{Args, CallArgs, Color, Command, RaceArgs};
use crate::progress_bars::ProgressBars;

/// A run that reached no server.
const UNREACHED: u8 = 1;
/// A call that failed: this and its status code, as grpcurl has it.
const STATUS: u8 = 64;
/// As a shell has it for a program that an interrupt ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let Args { command, race, color } = Args::parse();
    let color = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    color.write_global();
    let ended = match command {
        Some(Command::Call(args)) => run_call(args),
        Some(Command::Race(args)) => run_race(args),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "longsync-client", &mut script);
            print(&String::from_utf8_lossy(&script)).map(|()| ExitCode::SUCCESS)
        }
        None => run_race(race),
    };
    ended.unwrap_or_else(|error| {
        complain(&error.to_string());
        ExitCode::FAILURE
    })
}

fn run_race(args: RaceArgs) -> anyhow::Result<ExitCode> {
    let (is_json, svg) = (args.json, args.svg.clone());
    let plan = args.into_plan().unwrap_or_else(|why| usage(&why));
    longsync_server::raise_file_limit()?;
    // Before the race: a file that cannot be written is not to cost one.
    let svg = svg.map(|path| open(&path)).transpose()?;
    let progress = Progress::default();
    let bars = ProgressBars::follow(&plan, &progress);
    let raced = interruptible(async |interrupt| race::run(&plan, &interrupt, &progress).await)?;
    drop(bars);
    let Some(raced) = raced else { return Ok(ExitCode::from(INTERRUPTED)) };
    match raced {
        Ok(race) => {
            if let Some(mut file) = svg {
                file.set_len(0)?;
                file.write_all(race::to_svg(&race).as_bytes())?;
            }
            let text =
                if is_json { race::to_json(&race)? } else { race::to_text(&race, columns()) };
            print(&text)?;
            Ok(if race.is_interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
        }
        Err(error @ RaceError::ExchangeOverHttp) => usage(&error.to_string()),
        Err(error @ (RaceError::Connect(_) | RaceError::Server(_))) => {
            complain(&error.to_string());
            Ok(ExitCode::from(UNREACHED))
        }
    }
}

/// Opens a file for writing, and leaves what is in it until there is something else.
fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot write {}: choose another file with --svg", path.display()))
}

fn run_call(args: CallArgs) -> anyhow::Result<ExitCode> {
    let is_json = args.json;
    let plan = args.into_plan().unwrap_or_else(|why| usage(&why));
    let called = interruptible(async |interrupt| {
        let show = |answer: &single::Answer| {
            if !is_json {
                // What cannot be printed is said when the rest is.
                let _ = print(&single::answer_line(answer));
            }
        };
        single::call(&plan, &interrupt, show).await
    })?;
    let Some(called) = called else { return Ok(ExitCode::from(INTERRUPTED)) };
    match called {
        Ok(single) => {
            print(&if is_json { single::to_json(&single)? } else { single::to_text(&single) })?;
            Ok(match single.code().map(i32::from) {
                None => ExitCode::from(INTERRUPTED),
                Some(0) => ExitCode::SUCCESS,
                Some(code) => ExitCode::from(STATUS + u8::try_from(code).unwrap_or_default()),
            })
        }
        Err(error) => {
            complain(&error.to_string());
            Ok(ExitCode::from(STATUS + tonic::Code::Unavailable as u8))
        }
    }
}

/// Runs something on one thread, which the first Ctrl-C asks to end and the second ends; [`None`]
/// says that it came to the second.
fn interruptible<T>(run: impl AsyncFnOnce(CancellationToken) -> T) -> std::io::Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let interrupt = CancellationToken::new();
    let ended = runtime.block_on(async {
        let interrupts = async {
            let _ = tokio::signal::ctrl_c().await;
            interrupt.cancel();
            let _ = tokio::signal::ctrl_c().await;
        };
        // In this order, so that an interrupt is caught before anything has begun.
        tokio::select! {
            biased;
            () = interrupts => None,
            ended = run(interrupt.clone()) => Some(ended),
        }
    });
    // Nothing is waited for: threads whose calls have no answer yet end with the process.
    runtime.shutdown_background();
    Ok(ended)
}

/// How wide the text is to be. Where stdout is no terminal, COLUMNS may say it.
fn columns() -> usize {
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let columns =
        if std::io::stdout().is_terminal() { of_terminal() } else { told().or_else(of_terminal) };
    columns.unwrap_or(80).clamp(20, 160)
}

/// Prints to stdout, with colours or without as was chosen.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = AutoStream::auto(std::io::stdout().lock());
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        // A reader that has seen enough is no error.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn complain(why: &str) {
    // Where not even stderr can be written, nobody is left to tell.
    let _ = writeln!(std::io::stderr(), "longsync-client: {why}");
}

fn usage(why: &str) -> ! {
    Args::command().error(clap::error::ErrorKind::ValueValidation, why).exit()
}
