//! What the program writes to stderr: log lines and its own messages. Nothing ever waits for stderr.

mod queue;
mod throttle;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic;
use std::time::Duration;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::queue::LineQueue;
use self::throttle::Throttle;

/// How long the program waits at its end for a stderr that is not being read.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Stderr.
#[derive(Debug)]
pub(crate) struct Log {
    queue: LineQueue,
    throttle: Throttle,
}

impl Log {
    /// Starts the thread that writes to stderr; from then on, panics are reported through it as well.
    pub(crate) fn start() -> Self {
        let queue = LineQueue::start(std::io::stderr());
        let of_panics = queue.clone();
        panic::set_hook(Box::new(move |panicked| {
            let backtrace = Backtrace::capture();
            of_panics.say(&match backtrace.status() {
                BacktraceStatus::Captured => format!("{panicked}\n{backtrace}\n"),
                _ => format!("{panicked}\n"),
            });
        }));
        Self { queue, throttle: Throttle::default() }
    }

    /// Starts to log what the filter lets through.
    pub(crate) fn filter(&self, log: Targets) {
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(self.queue.clone())
            .with_ansi(is_colored(&std::io::stderr()));
        tracing_subscriber::registry().with(self.throttle.clone()).with(lines).with(log).init();
    }

    /// Writes a message, whatever the log filter is.
    pub(crate) fn say(&self, sentence: &str) {
        self.queue.say(&format!("longsync-server: {sentence}\n"));
    }

    /// Writes a text verbatim.
    pub(crate) fn say_as_is(&self, text: &str) {
        self.queue.say(text);
    }

    /// Reports, at most once per second, how many lines were left out. Never returns.
    ///
    /// # Cancel safety
    /// What has not been reported yet is reported by [`Log::end`].
    pub(crate) async fn say_what_was_left_out(&self) {
        loop {
            self.throttle.has_left_out().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.throttle.left_out().iter().for_each(|sentence| self.say(sentence));
        }
    }

    /// Waits until everything is written, or it is clear that stderr is not being read.
    pub(crate) fn end(self) {
        self.throttle.left_out().iter().for_each(|sentence| self.say(sentence));
        self.queue.wait_until_written(LAST_WORDS);
    }
}

/// Whether to color what goes to this stream: a terminal that has colors, unless `NO_COLOR` or `CLICOLOR`
/// turns them off.
pub(crate) fn is_colored(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}
