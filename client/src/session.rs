//! The run of a command: its one thread, its interrupts, and its output.

use std::io;
use std::time::Duration;

use anyhow::anyhow;
use longsync_text::in_words;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::output::{Output, WriteTask};

/// How long a report may take after a second Ctrl-C.
const REPORTS_WITHIN: Duration = Duration::from_secs(5);

/// The run of a command.
#[derive(Debug)]
pub(crate) struct Session {
    runtime: Runtime,
    output: Output,
    /// How many times Ctrl-C was pressed.
    interrupts: watch::Receiver<u32>,
}

/// How the writing ended at the end of a session.
#[derive(Debug, Default)]
pub(crate) struct SessionEnd {
    /// One sentence for each output that could not be written.
    pub(crate) complaints: Vec<String>,
    /// Whether a second Ctrl-C ended it.
    pub(crate) is_interrupted: bool,
}

impl Session {
    /// Begins one. From its first [`Session::run`] on, Ctrl-C no longer ends the process directly.
    ///
    /// # Errors
    /// If the system does not have the resources for it.
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::begun().map_err(|error| anyhow!("cannot begin: {}", in_words(&error)))
    }

    fn begun() -> io::Result<Self> {
        has_files()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (count, interrupts) = watch::channel(0);
        runtime.spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { runtime, output: Output::start()?, interrupts })
    }

    /// Runs a future on this thread. The first Ctrl-C asks it to stop, and the second ends it: then
    /// [`None`] is returned.
    pub(crate) fn run<T>(
        &self,
        run: impl AsyncFnOnce(CancellationToken, &Output) -> T,
    ) -> Option<T> {
        let interrupt = CancellationToken::new();
        self.until(run(interrupt.clone(), &self.output), async {
            interrupted(&self.interrupts, 1).await;
            interrupt.cancel();
            interrupted(&self.interrupts, 2).await;
        })
    }

    /// Runs a future that always ends with a report. The first Ctrl-C asks it to stop (the first token), the
    /// second to stop immediately (the second token). Only a third ends it, or if it has not finished a while
    /// after the second: then [`None`] is returned.
    pub(crate) fn run_to_report<T>(
        &self,
        run: impl AsyncFnOnce(CancellationToken, CancellationToken, &Output) -> T,
    ) -> Option<T> {
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        self.until(run(stop.clone(), end.clone(), &self.output), async {
            interrupted(&self.interrupts, 1).await;
            stop.cancel();
            interrupted(&self.interrupts, 2).await;
            end.cancel();
            tokio::select! {
                () = interrupted(&self.interrupts, 3) => {}
                () = tokio::time::sleep(REPORTS_WITHIN) => {}
            }
        })
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.interrupts.borrow() > 0
    }

    fn until<T>(
        &self,
        run: impl Future<Output = T>,
        ending: impl Future<Output = ()>,
    ) -> Option<T> {
        self.runtime.block_on(async {
            // Ctrl-C is caught before anything has begun.
            tokio::task::yield_now().await;
            tokio::select! {
                biased;
                () = ending => None,
                ended = run => Some(ended),
            }
        })
    }

    /// Writes the rest, and waits until everything is written, unless there is another Ctrl-C after the
    /// first, or nothing could be written for `patience`, if given.
    pub(crate) fn finish(self, rest: Vec<WriteTask>, patience: Option<Duration>) -> SessionEnd {
        let Self { runtime, output, interrupts } = self;
        // The second may have come earlier.
        let enough = (*interrupts.borrow() + 1).max(2);
        let written = runtime.block_on(async {
            let stalls = patience.map(|patience| output.stalls(patience));
            let writing = async {
                for writing in rest {
                    output.write(writing).await;
                }
                output.finish().await
            };
            tokio::select! {
                biased;
                complaints = writing => SessionEnd { complaints, is_interrupted: false },
                () = interrupted(&interrupts, enough) => {
                    SessionEnd { complaints: Vec::new(), is_interrupted: true }
                }
                () = stalled(stalls) => SessionEnd { complaints: vec![unread()], is_interrupted: false },
            }
        });
        // Nothing is waited for: threads whose calls have no answer yet end with the process.
        runtime.shutdown_background();
        written
    }
}

/// Waits until there have been this many interrupts.
async fn interrupted(interrupts: &watch::Receiver<u32>, count: u32) {
    let mut interrupts = interrupts.clone();
    if interrupts.wait_for(|now| *now >= count).await.is_err() {
        // Interrupts cannot be caught.
        std::future::pending::<()>().await;
    }
}

async fn stalled(stalls: Option<impl Future<Output = ()>>) {
    match stalls {
        Some(stalls) => stalls.await,
        None => std::future::pending().await,
    }
}

fn unread() -> String {
    "the deadline has passed and nobody reads the output: the rest of it is dropped".to_owned()
}

/// Checks that a runtime can open its files: without those for signals it would panic.
#[cfg(unix)]
fn has_files() -> io::Result<()> {
    use std::os::unix::net::UnixStream;

    // Two to wake it up and a duplicate of one, a pair for signals and a duplicate of one.
    let six = || Ok([UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?]);
    let had: io::Result<_> = six();
    had.map(drop)
}

#[cfg(not(unix))]
fn has_files() -> io::Result<()> {
    Ok(())
}
