//! Writes a command's output on a separate thread: a reader that does not read holds up nothing else.

use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anstream::AutoStream;
use anyhow::anyhow;
use longsync_text::in_words;
use tokio::sync::{mpsc, oneshot};

/// How many pieces of output may wait for earlier ones.
const QUEUE: usize = 64;

/// Something to write.
pub(crate) type WriteTask = Box<dyn FnOnce() -> anyhow::Result<()> + Send>;

/// Writes one piece after another.
#[derive(Debug)]
pub(crate) struct Output {
    queue: mpsc::Sender<WriteTask>,
    complaints: oneshot::Receiver<Vec<String>>,
    written: Arc<AtomicUsize>,
}

impl Output {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start() -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (ended, complaints) = oneshot::channel();
        let written = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&written);
        thread::Builder::new()
            .name("longsync-output".to_owned())
            .spawn(move || ended.send(write_all(waiting, &counted)))?;
        Ok(Self { queue, complaints, written })
    }

    /// Queues a piece to be written; waits while too many are queued.
    pub(crate) async fn write(&self, writing: WriteTask) {
        // If its thread has panicked, stderr already has the reason.
        let _ = self.queue.send(writing).await;
    }

    /// Waits until everything is written; returns a sentence for each piece that could not be.
    pub(crate) async fn finish(self) -> Vec<String> {
        let Self { queue, complaints, .. } = self;
        drop(queue);
        complaints.await.unwrap_or_default()
    }

    /// Waits until nothing has been written for this long.
    pub(crate) fn stalls(&self, patience: Duration) -> impl Future<Output = ()> + use<> {
        let written = Arc::clone(&self.written);
        async move {
            let mut before = written.load(Ordering::Relaxed);
            loop {
                tokio::time::sleep(patience).await;
                let now = written.load(Ordering::Relaxed);
                if std::mem::replace(&mut before, now) == now {
                    return;
                }
            }
        }
    }
}

fn write_all(mut waiting: mpsc::Receiver<WriteTask>, written: &AtomicUsize) -> Vec<String> {
    let mut complaints = Vec::new();
    while let Some(writing) = waiting.blocking_recv() {
        if let Err(error) = writing() {
            let complaint = format!("{error:#}");
            // A full disk refuses every line with the same error.
            if !complaints.contains(&complaint) {
                complaints.push(complaint);
            }
        }
        written.fetch_add(1, Ordering::Relaxed);
    }
    complaints
}

/// Prints a text to stdout, with or without colors, as chosen on the command line.
///
/// # Errors
/// If it cannot be printed.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = AutoStream::auto(io::stdout().lock());
    printed(writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()))
}

/// Writes these bytes to stdout as they are.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    printed(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

fn printed(printed: io::Result<()>) -> anyhow::Result<()> {
    match printed {
        // A reader that closes the pipe early is not an error.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| anyhow!("cannot write to stdout: {}", in_words(&error))),
    }
}

/// The same, to be run later.
pub(crate) fn printing(text: String) -> WriteTask {
    Box::new(move || print(&text))
}
