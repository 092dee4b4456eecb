//! The command line of `longsync-server`.

mod choice;
mod tips;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use longsync_behavior::explain::Explanation;
use longsync_behavior::queue::theory::QueueForecast;
use longsync_behavior::{Behavior, Rules};
use longsync_flags::CommandLine;
use longsync_server::{Config, Limits, Options, Recordings};
use longsync_text::duration::LONGEST;
use longsync_text::{Rate, quoted};
use tracing::level_filters::STATIC_MAX_LEVEL;
use tracing_subscriber::filter::{LevelFilter, Targets};

use self::choice::Choice;

/// A gRPC and HTTP server that takes exactly as long as it is told.
///
/// One port serves gRPC, HTTP/1.1 and HTTP/2 without TLS; opened in a browser, it shows a live version of
/// the lesson. A flag that lists a variable can also be set in the environment; the flag takes precedence.
#[derive(Debug, Parser)]
#[command(
    name = "longsync-server",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
// A value that begins with a hyphen is a wrong value, not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// The address to listen on; port 0 picks a free port.
    #[arg(long, env = "LONGSYNC_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9000", value_parser = values::address)]
    listen: SocketAddr,

    /// The port to listen on, at the default host; instead of --listen.
    ///
    /// Either flag takes precedence over the variables of both, and those take precedence over PORT.
    #[arg(short, long, env = "LONGSYNC_PORT", value_name = "PORT", value_parser = values::port)]
    port: Option<u16>,

    /// How to answer a call that does not specify it: a fixed delay, such as 250ms, or a random one, such as
    /// 'lognormal(p50=10ms, p99=200ms)'; docs/behavior.md describes the language.
    #[arg(long, env = "LONGSYNC_BEHAVIOR", value_name = "BEHAVIOR", default_value = "5s")]
    behavior: String,

    /// The same as --behavior; give one or the other.
    #[arg(long, env = "LONGSYNC_DELAY", value_name = "BEHAVIOR")]
    delay: Option<String>,

    /// The seed for random delays: the same seed gives the same call the same delay [default: random].
    #[arg(long, env = "LONGSYNC_SEED", value_name = "N", value_parser = values::seed)]
    seed: Option<u64>,

    /// Refuse calls that specify a delay or a behavior.
    #[arg(long, env = "LONGSYNC_FIXED", value_parser = values::switch)]
    fixed: bool,

    /// Whether to act on headers of other software: Envoy's fault headers and its count of attempts, and
    /// gRPC's rpc-behavior; off behind a proxy that acts on them itself.
    #[arg(long, env = "LONGSYNC_FOREIGN_HEADERS", value_name = "on|off", default_value = "on", action = ArgAction::Set, value_parser = values::on_or_off)]
    foreign_headers: bool,

    /// Also serve grpc.testing.TestService, so that gRPC's own interop clients can test this server. Its calls
    /// have no behavior and no metrics.
    #[arg(long, env = "LONGSYNC_INTEROP", value_parser = values::switch)]
    interop: bool,

    /// The directory that contains the files for replay(...) [default: the working directory].
    #[arg(long, env = "LONGSYNC_REPLAY_DIR", value_name = "DIRECTORY")]
    replay_dir: Option<PathBuf>,

    /// Print statistics for the delays of --behavior, and exit.
    #[arg(long)]
    explain: bool,

    /// With --explain: forecast what the queue of --behavior does to calls that arrive at random at this rate,
    /// such as 800/s.
    #[arg(long, value_name = "RATE", value_parser = values::load, requires = "explain")]
    load: Option<Rate>,

    /// The number of worker threads that serve connections; if the load is generated on the same machine,
    /// leave one core free [default: one per core].
    #[arg(long, env = "LONGSYNC_WORKERS", value_name = "N", value_parser = values::workers)]
    workers: Option<NonZeroUsize>,

    /// How long to keep serving as before after SIGTERM, SIGHUP or Ctrl-C, while health checks already
    /// fail; then the drain begins.
    #[arg(long, env = "LONGSYNC_LAME_DUCK", value_name = "DURATION", default_value = "0s", value_parser = longsync_text::duration::parse)]
    lame_duck: Duration,

    /// How long waiting calls may continue after SIGTERM, SIGHUP or Ctrl-C, once --lame-duck is over.
    #[arg(long, env = "LONGSYNC_DRAIN", value_name = "DURATION", default_value = "10s", value_parser = longsync_text::duration::parse)]
    drain: Duration,

    /// How long before the end of a wait to start polling instead of sleeping, such as 200us, at most 20ms:
    /// waits end more precisely, at the cost of up to one core per worker.
    #[arg(long, env = "LONGSYNC_SPIN", value_name = "DURATION", default_value = "0s", value_parser = values::spin)]
    spin: Duration,

    /// The log level of our own code, on stderr: off, error, warn, info or debug (one line per call);
    /// libraries log only errors. Or targets by name, such as h2=debug.
    #[arg(long, env = "LONGSYNC_LOG", value_name = "LEVEL", default_value = "warn", value_parser = log)]
    log: Targets,

    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a shell completion script.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// What clients may ask for. Whatever exceeds a limit is refused, never clamped.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// The longest delay.
    #[arg(long, env = "LONGSYNC_MAX_DELAY", value_name = "DURATION", default_value = "1h", value_parser = longsync_text::duration::parse)]
    max_delay: Duration,

    /// The largest request message.
    #[arg(long, env = "LONGSYNC_MAX_MESSAGE_BYTES", value_name = "BYTES", default_value_t = Limits::default().max_message_bytes, value_parser = values::message_bytes)]
    max_message_bytes: u32,

    /// The most answers in one stream.
    #[arg(long, env = "LONGSYNC_MAX_COUNT", value_name = "N", default_value_t = Limits::default().max_count, value_parser = values::count)]
    max_count: u32,

    /// The largest payload that a call may ask for in its answer.
    #[arg(long, env = "LONGSYNC_MAX_RESPONSE_BYTES", value_name = "BYTES", default_value_t = Limits::default().max_response_bytes, value_parser = values::response_bytes)]
    max_response_bytes: u32,

    /// The most unanswered messages in one exchange; at the limit, the server stops reading the stream.
    #[arg(long, env = "LONGSYNC_MAX_UNANSWERED", value_name = "N", default_value_t = Limits::default().max_unanswered, value_parser = values::unanswered)]
    max_unanswered: NonZeroUsize,

    /// The most concurrent streams on one HTTP/2 connection.
    #[arg(long, env = "LONGSYNC_MAX_STREAMS", value_name = "N", default_value = "16384", value_parser = values::streams)]
    max_streams: NonZeroU32,

    /// The most calls in flight over all connections; each waiting message of an exchange counts as one.
    #[arg(long, env = "LONGSYNC_MAX_IN_FLIGHT", value_name = "N", default_value_t = Limits::default().max_in_flight, value_parser = values::in_flight)]
    max_in_flight: u64,

    /// The most bytes of requests and answers held in memory over all connections; one connection holds
    /// at most half of them.
    #[arg(long, env = "LONGSYNC_MAX_BUFFERED_BYTES", value_name = "BYTES", default_value_t = Limits::default().max_buffered_bytes, value_parser = values::buffered_bytes)]
    max_buffered_bytes: u64,

    /// How long a message may take once it has begun, plus one second per 64 KiB of it that has arrived.
    #[arg(long, env = "LONGSYNC_MESSAGE_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = values::time_limit)]
    message_timeout: Duration,

    /// How long the first bytes of a connection, the head of a request, or an HTTP/2 frame without data
    /// may take.
    #[arg(long, env = "LONGSYNC_HEAD_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = values::time_limit)]
    head_timeout: Duration,

    /// The most open connections [default: as many as the limit on open files allows].
    #[arg(long, env = "LONGSYNC_MAX_CONNECTIONS", value_name = "N", value_parser = values::connections)]
    max_connections: Option<NonZeroUsize>,
}

/// The action that the command line and the environment ask for.
#[derive(Debug)]
pub(crate) enum Invocation {
    /// Run a server until it is told to stop.
    Serve(Box<ServeOptions>),
    /// Print this text.
    Explanation(String),
    /// Print this completion script.
    Completions(Vec<u8>),
}

/// The server to run.
#[derive(Debug)]
pub(crate) struct ServeOptions {
    /// Which lines are logged.
    pub(crate) filter: Targets,
    pub(crate) config: Config,
    /// A note to print before anything else.
    pub(crate) note: Option<String>,
}

impl Args {
    /// Reads the command line and the environment. `variable` looks up `PORT`, which clap does not read
    /// because other software uses it as well.
    ///
    /// # Errors
    /// If something is wrong, or if help is requested.
    pub(crate) fn read(
        words: impl IntoIterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Invocation, clap::Error> {
        let line = CommandLine::new(Self::command(), words, tips::tip);
        let matches = line.read()?;
        let mut args = Self::from_arg_matches(&matches)?;
        if let Some(Command::Completions { shell }) = args.command {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Self::command(), "longsync-server", &mut script);
            return Ok(Invocation::Completions(script));
        }
        if let Some(folder) = &args.replay_dir {
            // Otherwise a typing error would only be noticed once a behavior replays something.
            let checked = Recordings::below(folder).check();
            checked.map_err(|why| line.refused("replay_dir", why))?;
        }
        let behavior = args.read_behavior(&line, &matches)?;
        if args.explain {
            let text = args.explanation(&behavior).map_err(|why| line.refused("load", why))?;
            return Ok(Invocation::Explanation(text));
        }
        let note = match args.choose_address(&matches, variable("PORT")) {
            Ok(note) => note,
            Err((kind, why)) => return Err(line.error(kind, why)),
        };
        let (filter, config) = args
            .into_config(behavior)
            .map_err(|why| line.error(ErrorKind::ValueValidation, why))?;
        Ok(Invocation::Serve(Box::new(ServeOptions { filter, config, note })))
    }

    /// Sets `listen` to the address that takes precedence: a flag over our variables, and those over
    /// `foreign`, the value of `PORT`. Returns a note for the user if `PORT` is used.
    fn choose_address(
        &mut self,
        matches: &ArgMatches,
        foreign: Option<OsString>,
    ) -> Result<Option<String>, (ErrorKind, String)> {
        let mut by_port =
            |port| self.listen = SocketAddr::new(longsync::DEFAULT_ADDRESS.ip(), port);
        match choice::one_of(matches, ["listen", "port"]) {
            Err(why) => return Err((ErrorKind::ArgumentConflict, why)),
            Ok(Choice::First) => {}
            Ok(Choice::Second) => by_port(self.port.unwrap_or_default()),
            Ok(Choice::Neither) => {
                let Some(foreign) = foreign.filter(|text| !text.is_empty()) else {
                    return Ok(None);
                };
                let foreign = foreign.to_string_lossy();
                by_port(values::port(&foreign).map_err(|why| {
                    let why = format!(
                        "PORT in the environment is {}: {why}, or override it with --listen or --port",
                        quoted(&foreign)
                    );
                    (ErrorKind::ValueValidation, why)
                })?);
                return Ok(Some(format!(
                    "listening on {}, because PORT is set in the environment; --listen and --port override it",
                    self.listen
                )));
            }
        }
        Ok(None)
    }

    /// The behavior given by `--behavior` or `--delay`.
    fn read_behavior(
        &self,
        line: &CommandLine,
        matches: &ArgMatches,
    ) -> Result<Behavior, clap::Error> {
        let given = choice::one_of(matches, ["behavior", "delay"])
            .map_err(|why| line.error(ErrorKind::ArgumentConflict, why))?;
        let (id, text) = match (given, &self.delay) {
            (Choice::Second, Some(delay)) => ("delay", delay),
            _ => ("behavior", &self.behavior),
        };
        self.behavior(text).map_err(|why| match matches.value_source(id) {
            Some(ValueSource::DefaultValue) => {
                let why = format!("--behavior is {text} by default: {why}");
                line.error(ErrorKind::ValueValidation, why)
            }
            _ => line.refused(id, why),
        })
    }

    /// Statistics for the behavior's delays, and the forecast for `--load` if that is given.
    ///
    /// # Errors
    /// If there is nothing to forecast.
    fn explanation(&self, behavior: &Behavior) -> Result<String, String> {
        let explanation = Explanation(behavior).to_string();
        let Some(rate) = self.load else { return Ok(explanation) };
        let forecast = QueueForecast::of(behavior, rate).ok_or_else(|| {
            let why = "the behavior has no queue to forecast: add one, such as";
            format!("{why} 'exponential(10ms); queue(workers=8, limit=100)'")
        })?;
        let arrivals = "arriving at random, first attempts without a deadline";
        let load = format!("{:.2} workers would be busy if there were enough", forecast.load);
        Ok(format!("{explanation}\nat {rate}, {arrivals}: {load}\n{forecast}"))
    }

    /// The log filter and the configuration.
    ///
    /// # Errors
    /// If flags contradict one another.
    fn into_config(self, behavior: Behavior) -> Result<(Targets, Config), String> {
        let Self { listen, workers, lame_duck, drain, spin, log, limits, seed, fixed, .. } = self;
        let (foreign_headers, has_interop) = (self.foreign_headers, self.interop);
        let default = Options::default();
        let options = Options {
            listen,
            workers: workers.unwrap_or(default.workers),
            behavior,
            is_fixed: fixed,
            foreign_headers,
            has_interop,
            seed: seed.unwrap_or(default.seed),
            limits: limits.into_limits(),
            lame_duck,
            drain,
            spin,
        };
        let config = Config::new(options).map_err(|why| why.to_string())?;
        Ok((log, config))
    }

    /// Reads a behavior.
    fn behavior(&self, text: &str) -> Result<Behavior, String> {
        let recordings = match &self.replay_dir {
            Some(folder) => Recordings::below(folder),
            None => Recordings::below("."),
        };
        let most = self.limits.max_delay;
        let within = |most| {
            let read = |file: &str| recordings.read(file, most);
            Behavior::read(text, &Rules::server(most, &read))
        };
        within(most).map_err(|why| {
            let is_over = within(LONGEST).is_ok();
            let hint = if is_over { ", or raise --max-delay" } else { "" };
            format!("{why}{hint}")
        })
    }
}

impl LimitArgs {
    fn into_limits(self) -> Limits {
        Limits {
            max_delay: self.max_delay,
            max_message_bytes: self.max_message_bytes,
            max_count: self.max_count,
            max_response_bytes: self.max_response_bytes,
            max_unanswered: self.max_unanswered,
            max_streams: self.max_streams.get(),
            max_in_flight: self.max_in_flight,
            max_buffered_bytes: self.max_buffered_bytes,
            message_timeout: self.message_timeout,
            head_timeout: self.head_timeout,
            max_connections: self.max_connections,
        }
    }
}

/// Parses a log filter. A bare level applies to our own lines; those of libraries, and those about each arrival in
/// a queue, are selected by name.
fn log(text: &str) -> Result<Targets, String> {
    log_up_to(STATIC_MAX_LEVEL, text)
}

/// [`log`], for a build that contains log lines up to the level `most`.
fn log_up_to(most: LevelFilter, text: &str) -> Result<Targets, String> {
    let targets = if let Ok(level) = text.parse::<LevelFilter>() {
        let of_libraries = level.min(LevelFilter::ERROR);
        let of_the_queue = level.min(LevelFilter::INFO);
        Targets::new()
            .with_default(of_libraries)
            .with_target("longsync", level)
            .with_target(longsync_server::QUEUE_LOG_TARGET, of_the_queue)
    } else {
        let targets = text.parse().ok().filter(|_| text.contains('='));
        targets.ok_or_else(|| {
            format!(
                "{} is not a level: write off, error, warn, info or debug, or targets such as h2=debug",
                quoted(text)
            )
        })?
    };
    let levels = targets.iter().map(|(_, level)| level).chain(targets.default_level());
    if levels.max() > Some(most) {
        return Err(
            "release builds contain no trace lines, which is also what a target without a \
                    level selects: write at most debug, such as h2=debug"
                .to_owned(),
        );
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_known_variables_are_those_of_the_flags() {
        let command = Args::command();
        let mut of_flags: Vec<_> =
            command.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
        let mut known = longsync_flags::variables::SERVER.to_vec();
        of_flags.sort_unstable();
        known.sort_unstable();
        assert_eq!(of_flags, known);
    }

    #[test]
    fn a_bare_level_applies_to_our_own_lines() {
        let targets = log_up_to(LevelFilter::DEBUG, "debug").unwrap();
        assert!(targets.would_enable(longsync_server::CALL_LOG_TARGET, &Level::DEBUG));
        assert!(targets.would_enable("longsync_timer", &Level::DEBUG));
        assert!(!targets.would_enable(longsync_server::QUEUE_LOG_TARGET, &Level::DEBUG));
        assert!(targets.would_enable("h2::proto", &Level::ERROR));
        assert!(!targets.would_enable("h2::proto", &Level::WARN));
        let targets = log_up_to(LevelFilter::DEBUG, "off").unwrap();
        assert!(!targets.would_enable("h2::proto", &Level::ERROR));
        let targets = log_up_to(LevelFilter::DEBUG, "h2=warn").unwrap();
        assert!(targets.would_enable("h2::proto", &Level::WARN));
    }

    #[test]
    fn a_level_that_the_build_lacks_is_refused() {
        let log = |text| log_up_to(LevelFilter::DEBUG, text);
        assert!(log("off").is_ok());
        assert!(log("debug").is_ok());
        assert!(log("h2=debug,longsync_server=info").is_ok());
        for text in ["trace", "h2=trace", "hyper=info,h2=trace", "trace,h2=debug", "h2=debug,hyper"]
        {
            let said = log(text).unwrap_err();
            assert!(said.contains("write at most debug"), "{text}: {said}");
            assert!(log_up_to(LevelFilter::TRACE, text).is_ok(), "{text}");
        }
    }
}
