//! The program `longsync-client`.

mod args;
mod behavior_command;
mod data;
mod destination;
mod loading;
mod output;
mod progress_bars;
mod session;
mod storm_command;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::ColorChoice;
use clap::{CommandFactory as _, ValueEnum as _};
use longsync_client::race::{self, Forecast, Race, RaceError, RacePlan, RaceProgress};
use longsync_client::single::{self, Single, SinglePlan};
use longsync_flags::{CommandLine, variables};
use longsync_text::said::shortened;
use tonic::Code;

use crate::args::{Args, CallArgs, Color, Command, RaceArgs};
use crate::destination::{Destination, is_printed_alone};
use crate::output::{print, printing};
use crate::progress_bars::ProgressBars;
use crate::session::{Session, SessionEnd};

const FAILURE: u8 = 1;
/// The exit code of a failed call is this plus its gRPC status code, as in grpcurl.
const STATUS: u8 = 64;
/// What a shell reports for a program that was ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// How long the answers of a call whose deadline has passed wait for a reader of stdout.
const READER_PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let Args { command, race, color } = read();
    use_colors(color);
    // The client exists to open many connections. If the system refuses, a smaller number may still fit, and
    // the command that needs more reports it.
    let _ = longsync_server::raise_file_limit();
    ExitCode::from(match command {
        Some(Command::Call(args)) => run_call(args),
        Some(Command::Race(args)) => run_race(Some("race"), args),
        Some(Command::Load(args)) => loading::run(*args),
        Some(Command::Storm(args)) => storm_command::run(args),
        Some(Command::Behavior(args)) => behavior_command::run(args),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "longsync-client", &mut script);
            match print(&String::from_utf8_lossy(&script)) {
                Ok(()) => 0,
                Err(error) => complained(FAILURE, &format!("{error:#}")),
            }
        }
        None => run_race(None, race),
    })
}

/// Uses colors from now on as chosen.
fn use_colors(color: Color) {
    let color = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    color.write_global();
}

/// The colors that a command line asks for, even if the rest of it is wrong.
fn typed_color(words: Vec<OsString>) -> Color {
    let values = CommandLine::new(Args::command(), words, |_| None).values_of("--color");
    values.last().and_then(|value| Color::from_str(value, false).ok()).unwrap_or(Color::Auto)
}

/// Reads the command line and the environment, and reports variables that have no effect; or exits.
fn read() -> Args {
    let words: Vec<_> = std::env::args_os().collect();
    let args = Args::read(words.iter().cloned());
    let is_quiet = match &args {
        Ok(args) => matches!(args.command, Some(Command::Completions { .. })),
        Err(error) => !error.use_stderr(),
    };
    if !is_quiet {
        for sentence in variables::unknown(&variables::CLIENT, std::env::vars_os()) {
            // If stderr cannot be written either, there is no one to report it to.
            let _ = writeln!(std::io::stderr(), "longsync-client: {sentence}");
        }
    }
    args.unwrap_or_else(|error| {
        use_colors(typed_color(words));
        exit(&error)
    })
}

/// Prints help or the version, or reports what is wrong with the command line, and exits.
#[expect(
    clippy::exit,
    reason = "nothing has begun that would have to end, and clap itself ends alike"
)]
fn exit(error: &clap::Error) -> ! {
    let text = error.render().ansi().to_string();
    let code = if error.use_stderr() {
        // If stderr cannot be written either, there is no one to report it to.
        let _ = write!(anstream::AutoStream::auto(std::io::stderr()), "{text}");
        error.exit_code()
    } else {
        match print(&text) {
            Ok(()) => error.exit_code(),
            Err(error) => complained(FAILURE, &format!("{error:#}")).into(),
        }
    };
    std::process::exit(code)
}

/// Runs a race, either as the subcommand `race` or without a subcommand.
fn run_race(name: Option<&str>, args: RaceArgs) -> u8 {
    let (is_json, svg) = (args.json, args.svg.clone());
    let files: Vec<_> = svg.iter().map(|svg| ("--svg", svg.as_path())).collect();
    let is_alone = is_printed_alone(is_json, &files).unwrap_or_else(|why| usage(name, &why));
    let plan = args.into_plan().unwrap_or_else(|why| usage(name, &why));
    let (picture, session) = match prepared(svg) {
        Ok(prepared) => prepared,
        Err(error) => return not_raced(&plan, is_json, None, &format!("{error:#}")),
    };
    foretell(&plan);
    match raced(&plan, &session) {
        Some(Ok(race)) => {
            let code = if race.is_interrupted {
                INTERRUPTED
            } else if race.has_failed() {
                FAILURE
            } else {
                0
            };
            let text = || race::to_text(&race, columns());
            let text = if is_json { Some(document(&race)) } else { (!is_alone).then(text) };
            let mut rest: Vec<_> = text.map(printing).into_iter().collect();
            rest.extend(picture.map(|picture| picture.writing(race::to_svg(&race))));
            exit_code(code, session.finish(rest, None))
        }
        Some(Err(error)) => not_raced(&plan, is_json, Some(session), &error.to_string()),
        // A reader of documents always gets one, however the race ended.
        None => {
            let unrun = || document(&Race::unrun(&plan, "ended by a second interrupt", true));
            let rest = is_json.then(|| printing(unrun())).into_iter().collect();
            exit_code(INTERRUPTED, session.finish(rest, None))
        }
    }
}

/// Runs before a race or a storm: a file that cannot be written should not cost one.
fn prepared(svg: Option<PathBuf>) -> anyhow::Result<(Option<Destination>, Session)> {
    let picture = svg.map(|svg| Destination::check("--svg", &svg, true)).transpose()?;
    Ok((picture, Session::start()?))
}

/// Tells on stderr what a race will cost, if it is much.
fn foretell(plan: &RacePlan) {
    let forecast = Forecast::of(plan);
    if forecast.is_worth_saying() {
        let mut stderr = anstream::AutoStream::auto(std::io::stderr());
        // If it cannot be written, there is no one to decide otherwise.
        let _ = writeln!(stderr, "{}", forecast.to_text(columns()));
    }
}

/// Runs a race; [`None`] if a second interrupt ended it.
fn raced(plan: &RacePlan, session: &Session) -> Option<Result<Race, RaceError>> {
    let progress = RaceProgress::default();
    let _bars = ProgressBars::follow(plan, &progress);
    session.run(async |interrupt, _| race::run(plan, &interrupt, &progress).await)
}

/// Reports why a race was not run.
fn not_raced(plan: &RacePlan, is_json: bool, session: Option<Session>, why: &str) -> u8 {
    let code = complained(FAILURE, why);
    let document = is_json.then(|| document(&Race::unrun(plan, why, false)));
    printed_last(code, session, document)
}

fn document(race: &Race) -> String {
    race::to_json(race).expect("all values of a race have a JSON form")
}

fn run_call(args: CallArgs) -> u8 {
    let is_json = args.json;
    let plan = args.into_plan().unwrap_or_else(|why| usage(Some("call"), &why));
    let session = match Session::start() {
        Ok(session) => session,
        Err(error) => return not_called(&plan, is_json, None, &format!("{error:#}")),
    };
    let called = session.run(async |interrupt, output| {
        let show = async |answer: &single::ReceivedAnswer| {
            if !is_json {
                output.write(printing(single::answer_line(answer, line_columns()))).await;
            }
        };
        single::call(&plan, &interrupt, show).await
    });
    let (single, is_ended) = match called {
        Some(Ok(single)) => (single, true),
        Some(Err(error)) => return not_called(&plan, is_json, Some(session), &error.to_string()),
        None => (Single::unmade(&plan), false),
    };
    let code = match single.code() {
        None => INTERRUPTED,
        Some(Code::Ok) => 0,
        Some(code) => STATUS + code as u8,
    };
    let text = if is_json {
        Some(call_document(&single))
    } else {
        is_ended.then(|| single::to_text(&single, line_columns()))
    };
    // Answers that nobody reads would keep the process alive for ever.
    let is_over = !is_json && single.code() == Some(Code::DeadlineExceeded);
    let patience = is_over.then_some(READER_PATIENCE);
    exit_code(code, session.finish(text.map(printing).into_iter().collect(), patience))
}

/// Reports why a call was not made.
fn not_called(plan: &SinglePlan, is_json: bool, session: Option<Session>, why: &str) -> u8 {
    let code = complained(STATUS + Code::Unavailable as u8, why);
    let status = || Some(tonic::Status::unavailable(why));
    let document =
        is_json.then(|| call_document(&Single { status: status(), ..Single::unmade(plan) }));
    printed_last(code, session, document)
}

fn call_document(single: &Single) -> String {
    single::to_json(single).expect("all values of a call have a JSON form")
}

/// Prints the last text of a command that has no result.
fn printed_last(code: u8, session: Option<Session>, text: Option<String>) -> u8 {
    match (session, text) {
        (Some(session), text) => {
            exit_code(code, session.finish(text.map(printing).into_iter().collect(), None))
        }
        (None, Some(text)) => match print(&text) {
            Ok(()) => code,
            Err(error) => complained(code, &format!("{error:#}")),
        },
        (None, None) => code,
    }
}

/// The exit code of a command that ended with `code`: a complaint about its output fails a command that
/// succeeded, and does not change any other code.
fn exit_code(code: u8, SessionEnd { complaints, is_interrupted }: SessionEnd) -> u8 {
    for complaint in &complaints {
        complained(code, complaint);
    }
    match code {
        _ if is_interrupted => INTERRUPTED,
        0 if !complaints.is_empty() => FAILURE,
        code => code,
    }
}

/// How many characters of a word a complaint shows: enough for the path of any file that was meant.
const MOST_OF_A_WORD: usize = 1_000;

/// The minimum and maximum width of a text.
const NARROWEST: usize = 20;
const WIDEST: usize = 160;

/// The width of a text. If stdout is not a terminal, COLUMNS may give it.
fn columns() -> usize {
    let columns = if std::io::stdout().is_terminal() {
        of_terminal()
    } else {
        of_variable().or_else(of_terminal)
    };
    columns.unwrap_or(80).clamp(NARROWEST, WIDEST)
}

/// The same for lines that programs read as well: if stdout is not a terminal and COLUMNS is not set, they
/// are not wrapped.
fn line_columns() -> usize {
    if std::io::stdout().is_terminal() || of_variable().is_some() { columns() } else { usize::MAX }
}

fn of_terminal() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

fn of_variable() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Reports on stderr what went wrong, for a command that exits with `code`.
fn complained(code: u8, why: &str) -> u8 {
    // If stderr cannot be written either, there is no one to report it to.
    let _ = writeln!(std::io::stderr(), "longsync-client: {}", harmless(why));
    code
}

/// A sentence in which nothing that was typed, such as the name of a file, acts on the terminal or is very
/// long. It may have several lines.
fn harmless(why: &str) -> String {
    let line = |line: &str| {
        let words = line.split(' ').map(|word| shortened(word, MOST_OF_A_WORD));
        words.collect::<Vec<_>>().join(" ")
    };
    why.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Reports what is wrong with the command line of a subcommand, or of a race without one, and exits.
fn usage(subcommand: Option<&str>, why: &str) -> ! {
    let mut command = Args::command();
    // A subcommand knows its full name only after this.
    command.build();
    let named = subcommand.and_then(|name| command.find_subcommand(name).cloned());
    let command = &mut named.unwrap_or(command);
    exit(&command.error(clap::error::ErrorKind::ValueValidation, harmless(why)))
}
