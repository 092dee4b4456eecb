//! `longsync-server`, the program.

mod args;
mod log;
mod signals;

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use longsync_flags::variables;
use longsync_server::{Config, Examples, FileLimit, FileLimitError, Server, raise_file_limit};
use longsync_text::duration::text;
use longsync_text::{counted, in_words};

use crate::args::{Args, Invocation, ServeOptions};
use crate::log::{Log, is_colored};
use crate::signals::Signals;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code that shells report for a program ended by an interrupt.
const INTERRUPTED: u8 = 130;

/// The exit code that clap uses for wrong usage.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let log = Log::start();
    let told = Args::read(std::env::args_os(), |name| std::env::var_os(name));
    if has_use_for_variables(&told) {
        for sentence in variables::unknown(&variables::SERVER, std::env::vars_os()) {
            log.say(&sentence);
        }
    }
    let code = match told {
        Ok(Invocation::Serve(serve)) => start(&log, *serve),
        Ok(Invocation::Explanation(text)) => print(&log, text.as_bytes()),
        Ok(Invocation::Completions(script)) => print(&log, &script),
        Err(error) => usage(&log, &error),
    };
    log.end();
    code
}

/// Whether to warn about variables without effect: not for help, the version or a completion script.
fn has_use_for_variables(told: &Result<Invocation, clap::Error>) -> bool {
    match told {
        Ok(told) => !matches!(told, Invocation::Completions(_)),
        Err(error) => error.use_stderr(),
    }
}

/// Prints help or the version, or reports what is wrong with the arguments.
fn usage(log: &Log, error: &clap::Error) -> ExitCode {
    let text = |is_colored: bool| {
        let text = error.render();
        if is_colored { text.ansi().to_string() } else { text.to_string() }
    };
    if error.use_stderr() {
        log.say_as_is(&text(is_colored(&std::io::stderr())));
        return ExitCode::from(WRONG_USAGE);
    }
    print(log, text(is_colored(&std::io::stdout())).as_bytes())
}

/// Prints to stdout.
fn print(log: &Log, text: &[u8]) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        // A reader that closes the pipe early is not an error.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            log.say(&format!("cannot write to stdout: {}", in_words(&error)));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn start(log: &Log, serve: ServeOptions) -> ExitCode {
    let ServeOptions { filter, config, note } = serve;
    log.filter(filter);
    if let Some(note) = note {
        log.say(&note);
    }
    match run(log, &config) {
        Ok(code) => code,
        Err(why) => {
            log.say(&why.to_string());
            if why.is::<FileLimitError>() { ExitCode::from(WRONG_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

fn run(log: &Log, config: &Config) -> anyhow::Result<ExitCode> {
    let files = raise_file_limit().map_err(|error| {
        anyhow::anyhow!("cannot raise the limit on open files: {}", in_words(&error))
    })?;
    let cannot_start = |error: std::io::Error| cannot_start(&error, files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(cannot_start)?;
        let server = Server::bind(config.clone()).map_err(|error| cannot_listen(config, error))?;
        announce(log, &server, config, files);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let stats = server.stats();
        let serving = server.serve(async { drop::<Result<(), _>>(stopped.await) });
        let stopping = async {
            signals.next().await;
            tracing::info!(drain = text(config.drain), "draining");
            let _ = stop.send(());
            let draining = async {
                tokio::time::sleep(config.lame_duck).await;
                if let Some(line) = draining(stats.snapshot().calls_in_flight(), config.drain) {
                    log.say_as_is(&line);
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = signals.next() => {}
                () = draining => {}
            }
        };
        tokio::select! {
            ended = serving => ended.map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from),
            () = stopping => Ok(ExitCode::from(INTERRUPTED)),
            () = log.say_what_was_left_out() => unreachable!("it never ends"),
        }
    })?;
    // After a second signal, the workers may still be waiting for calls; the program does not wait for them.
    runtime.shutdown_background();
    Ok(code)
}

/// What the server is still waiting for after a signal, if anything.
fn draining(calls: u64, drain: Duration) -> Option<String> {
    if calls == 0 || drain.is_zero() {
        return None;
    }
    let them = if calls == 1 { "it" } else { "them" };
    let calls = counted(usize::try_from(calls).unwrap_or(usize::MAX), "call");
    let drain = text(drain);
    Some(format!(
        "draining: {calls} may continue for {drain}; press Ctrl-C again to end {them} now\n"
    ))
}

/// Why neither the runtime nor the signal handlers that a server needs could be set up.
fn cannot_start(error: &std::io::Error, files: FileLimit) -> anyhow::Error {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) {
        return anyhow::anyhow!(
            "the limit on open files, {}, is too low to start: raise it, for example with `ulimit -n 1024`",
            files.now
        );
    }
    anyhow::anyhow!("cannot start (the limit on open files is {}): {}", files.now, in_words(error))
}

fn cannot_listen(config: &Config, error: std::io::Error) -> anyhow::Error {
    let address = config.listen;
    let error = match error.downcast::<FileLimitError>() {
        Ok(why) => return why.into(),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "{address} is in use: stop the program that is listening there, or choose another address with --listen"
        ),
        ErrorKind::AddrNotAvailable => anyhow::anyhow!(
            "{} is not an address of this machine: give --listen one that is, such as 127.0.0.1:{}, or 0.0.0.0:{1} for all interfaces",
            address.ip(),
            address.port()
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "the system does not let this program listen on {address}: choose another port with --listen, such as 9000"
        ),
        _ => anyhow::anyhow!("cannot listen on {address}: {}", in_words(&error)),
    }
}

/// Prints the first lines on stdout: the first is for programs, the others are for people.
fn announce(log: &Log, server: &Server, config: &Config, files: FileLimit) {
    let address = server.local_addr();
    let called = SocketAddr::new(longsync::callable(address.ip()), address.port());
    let Examples { curl, grpcurl, .. } = Examples::new(config, &called.to_string());
    let behavior = &config.behavior;
    let takes = if config.is_fixed {
        format!("every call takes {behavior}")
    } else {
        format!("a call takes {behavior} unless it says otherwise")
    };
    let raised = match files {
        FileLimit { before, now } if before == now => String::new(),
        FileLimit { before, now } => {
            format!(" (limit on open files raised from {before} to {now})")
        }
    };
    let lines = format!(
        "{listening} http://{address}
  seed {seed}; {takes}; workers: {workers}; connections: at most {connections}{raised}
  try  http://{called}/ in a browser
       {curl}
       {grpcurl}
  press Ctrl-C to stop: waiting calls may continue for {drain}; press it again to stop at once
",
        listening = longsync::LISTENING,
        seed = config.seed,
        workers = config.workers,
        connections = server.max_connections(),
        drain = text(config.drain),
    );
    // A stdout that cannot be written is reported, and is not a reason to stop serving.
    let _: ExitCode = print(log, lines.as_bytes());
}
