//! The queue in front of stderr: the code that logs a line continues at once, and a thread writes the line.

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder};
use tracing_subscriber::fmt::MakeWriter;

/// At most this many lines wait; further lines are lost, and counted.
const LINES: usize = 1_000;
/// How often, at most, lost lines are reported.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// The sending end of the queue.
#[derive(Clone)]
pub(super) struct LineQueue {
    lines: NonBlocking,
    progress: Arc<LineCounts>,
}

/// How many lines were offered, and how many of these were written.
#[derive(Default)]
struct LineCounts {
    offered: AtomicU64,
    /// Includes lines that could not be written.
    written: Mutex<u64>,
    more: Condvar,
    /// Set once the queue exists.
    lost: OnceLock<ErrorCounter>,
}

impl LineCounts {
    fn lost(&self) -> u64 {
        self.lost.get().map_or(0, |lost| lost.dropped_lines() as u64)
    }

    fn written(&self) -> MutexGuard<'_, u64> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineQueue").field("lost", &self.progress.lost()).finish_non_exhaustive()
    }
}

impl LineQueue {
    /// A queue whose lines a thread writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> Self {
        let progress = Arc::<LineCounts>::default();
        let writing = QueueWriter { out, progress: Arc::clone(&progress), said: 0, said_at: None };
        let (lines, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES)
            .lossy(true)
            .thread_name("longsync-log")
            .finish(writing);
        // If the queue is full when the guard is dropped, the guard prints to stdout, which may have no
        // reader either, and then panics. `wait_until_written` therefore takes its place, and the thread ends
        // with the program.
        std::mem::forget(guard);
        progress.lost.get_or_init(|| lines.error_counter());
        Self { lines, progress }
    }

    pub(super) fn say(&self, text: &str) {
        // The queue takes everything, or counts it as lost.
        let _ = self.clone().write_all(text.as_bytes());
    }

    /// Waits, for at most `most`, until everything that was offered is written or lost. Returns whether it
    /// is.
    pub(super) fn wait_until_written(&self, most: Duration) -> bool {
        let progress = &self.progress;
        let offered = progress.offered.load(Ordering::Acquire);
        let is_left = |written: &mut u64| *written + progress.lost() < offered;
        let waited = progress.more.wait_timeout_while(progress.written(), most, is_left);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.progress.offered.fetch_add(1, Ordering::AcqRel);
        self.lines.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LineQueue {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The receiving end of the queue, which runs in the queue's own thread.
struct QueueWriter<W> {
    out: W,
    progress: Arc<LineCounts>,
    /// How many of the lost lines were reported.
    said: u64,
    said_at: Option<Instant>,
}

impl<W: Write> QueueWriter<W> {
    fn say_lost(&mut self) -> io::Result<()> {
        let lost = self.progress.lost();
        if lost == self.said {
            return Ok(());
        }
        let more = lost - self.said;
        self.said = lost;
        self.said_at = Some(Instant::now());
        let lines = if more == 1 { "line was" } else { "lines were" };
        let sentence = format!(
            "longsync-server: {more} log {lines} lost, because stderr was not read fast enough\n"
        );
        self.out.write_all(sentence.as_bytes())
    }
}

impl<W: Write> Write for QueueWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.said_at.is_some_and(|at| at.elapsed() >= SAY_EVERY) {
            self.say_lost()?;
        }
        let result = self.out.write_all(line);
        *self.progress.written() += 1;
        self.progress.more.notify_all();
        result.map(|()| line.len())
    }

    /// The queue calls this whenever it has become empty.
    fn flush(&mut self) -> io::Result<()> {
        self.say_lost()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A stderr that accepts as much as it is allowed to.
    struct Pipe {
        allowed: mpsc::Receiver<()>,
        written: mpsc::Sender<String>,
    }

    impl Write for Pipe {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // Once the test has dropped its end, everything is accepted.
            let _ = self.allowed.recv();
            let _ = self.written.send(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_that_is_not_read_blocks_nobody_and_lost_lines_are_reported() {
        const OFFERED: usize = 5_000;
        let ((allow, allowed), (sender, written)) = (mpsc::channel(), mpsc::channel());
        let queue = LineQueue::start(Pipe { allowed, written: sender });
        (0..OFFERED).for_each(|line| queue.say(&format!("{line}\n")));
        assert!(!queue.wait_until_written(Duration::from_millis(1)));
        drop(allow);
        assert!(queue.wait_until_written(Duration::from_secs(20)));
        let mut said = String::new();
        let lines: Vec<String> = written
            .iter()
            .take_while(|line| {
                said.clone_from(line);
                !line.contains("lost")
            })
            .collect();
        // One more than the queue has room for, because one line is being written.
        assert!((LINES..=LINES + 1).contains(&lines.len()), "{} lines were kept", lines.len());
        assert!(
            said.contains(&format!(" {} log lines were lost", OFFERED - lines.len())),
            "{said}"
        );
    }

    #[test]
    fn everything_is_written_when_it_is_read() {
        let ((allow, allowed), (sender, written)) = (mpsc::channel(), mpsc::channel());
        let queue = LineQueue::start(Pipe { allowed, written: sender });
        drop(allow);
        (0..LINES / 2).for_each(|line| queue.say(&format!("{line}\n")));
        assert!(queue.wait_until_written(Duration::from_secs(20)));
        assert_eq!(written.try_iter().count(), LINES / 2);
    }
}
