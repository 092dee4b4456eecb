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
use longsync_client::race::{self, Progress, Race, RacePlan};
use longsync_client::single::{self, Single};
use tokio_util::sync::CancellationToken;

use crate::args::{Args, CallArgs, Color, Command, RaceArgs};
use crate::progress_bars::ProgressBars;

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
    // Before the race: a file that cannot be written is not to cost one.
    let file = svg.as_deref().map(open).transpose();
    match file.and_then(|file| Ok((file, raced(&plan)?))) {
        Ok((file, Some(race))) => {
            print(&if is_json { race::to_json(&race)? } else { race::to_text(&race, columns()) })?;
            if let Some(mut file) = file {
                file.set_len(0)?;
                file.write_all(race::to_svg(&race).as_bytes())?;
            }
            Ok(if race.is_interrupted {
                ExitCode::from(INTERRUPTED)
            } else if race.has_failed() {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
        // A reader of documents gets one, whatever became of the race.
        Ok((_, None)) => {
            if is_json {
                let race = unrun(&plan, "ended by a second interrupt", true);
                print(&race::to_json(&race)?)?;
            }
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => {
            if is_json {
                print(&race::to_json(&unrun(&plan, &error.to_string(), false))?)?;
            }
            Err(error)
        }
    }
}

/// Runs a race; [`None`]: a second interrupt has ended it.
///
/// # Errors
/// When it could not be run.
fn raced(plan: &RacePlan) -> anyhow::Result<Option<Race>> {
    longsync_server::raise_file_limit()?;
    let progress = Progress::default();
    let bars = ProgressBars::follow(plan, &progress);
    let raced = interruptible(async |interrupt| race::run(plan, &interrupt, &progress).await)?;
    drop(bars);
    match raced {
        Some(raced) => Ok(Some(raced?)),
        None => Ok(None),
    }
}

/// The race that was not run, as its document shows it.
fn unrun(plan: &RacePlan, why: &str, is_interrupted: bool) -> Race {
    // A server inside this process that was never started has no port.
    let nowhere = || "http://127.0.0.1:0".parse().expect("it is a URL");
    Race::unrun(plan, plan.target().cloned().unwrap_or_else(nowhere), why, is_interrupted)
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
    let single = match called {
        Some(Ok(single)) => single,
        Some(Err(error)) => {
            complain(&error.to_string());
            if is_json {
                let status = Some(tonic::Status::unavailable(error.to_string()));
                print(&single::to_json(&Single { status, ..Single::unmade(&plan) })?)?;
            }
            return Ok(ExitCode::from(STATUS + tonic::Code::Unavailable as u8));
        }
        None if is_json => Single::unmade(&plan),
        None => return Ok(ExitCode::from(INTERRUPTED)),
    };
    print(&if is_json { single::to_json(&single)? } else { single::to_text(&single) })?;
    Ok(match single.code().map(i32::from) {
        None => ExitCode::from(INTERRUPTED),
        Some(0) => ExitCode::SUCCESS,
        Some(code) => ExitCode::from(STATUS + u8::try_from(code).unwrap_or_default()),
    })
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
