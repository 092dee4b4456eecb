//! Renders `/metrics` and `/stats.json` on a thread that serves no calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::shared::format::Format;

/// The scrapes of a server that are waiting for a rendering.
///
/// Only one rendering runs at a time. It begins after all the scrapes that it answers have arrived, so it
/// shows all calls that had ended by then; scrapes that arrive in the meantime share the next one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrapes(Arc<Mutex<PendingScrapes>>);

#[derive(Debug, Default)]
struct PendingScrapes {
    scrapes: Vec<Scrape>,
    is_rendering: bool,
}

/// One waiting scrape.
#[derive(Debug)]
struct Scrape {
    format: Format,
    answer: oneshot::Sender<Bytes>,
}

impl Scrapes {
    /// Answers a scrape with what `render` returns, either for this scrape alone or for all that are
    /// waiting; [`None`] if the rendering has failed.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) async fn ask(
        &self,
        format: Format,
        render: impl Fn(Format) -> String + Send + 'static,
    ) -> Option<Bytes> {
        let (answer, answered) = oneshot::channel();
        if let Some(rendering) = self.add(Scrape { format, answer }) {
            // Not a thread of our own: tokio's paused clock does not advance while `spawn_blocking` runs.
            spawn_blocking(move || rendering.run(render));
        }
        answered.await.ok()
    }

    /// Adds a scrape. Returns the rendering to begin for it, unless one is under way.
    fn add(&self, scrape: Scrape) -> Option<Rendering> {
        let mut waiting = self.waiting();
        waiting.scrapes.push(scrape);
        let is_first = !std::mem::replace(&mut waiting.is_rendering, true);
        is_first.then(|| Rendering { of: self.clone(), is_over: false })
    }

    fn waiting(&self) -> MutexGuard<'_, PendingScrapes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rendering that is about to begin, or under way.
///
/// A rendering that panics, or is dropped by a runtime that ends, must not keep all later scrapes waiting;
/// the current ones fail with it.
#[derive(Debug)]
struct Rendering {
    of: Scrapes,
    is_over: bool,
}

impl Rendering {
    /// Renders until no scrape is waiting.
    fn run(mut self, render: impl Fn(Format) -> String) {
        loop {
            let scrapes = {
                let mut waiting = self.of.waiting();
                if waiting.scrapes.is_empty() {
                    waiting.is_rendering = false;
                    self.is_over = true;
                    return;
                }
                std::mem::take(&mut waiting.scrapes)
            };
            let mut rendered: Vec<(Format, Bytes)> = Vec::new();
            for Scrape { format, answer } in scrapes {
                let known = rendered.iter().find(|(of, _)| *of == format);
                let text = if let Some((_, text)) = known {
                    text.clone()
                } else {
                    let text = Bytes::from(render(format));
                    rendered.push((format, text.clone()));
                    text
                };
                // Its client may have disconnected.
                let _ = answer.send(text);
            }
        }
    }
}

impl Drop for Rendering {
    fn drop(&mut self) {
        if !self.is_over {
            *self.of.waiting() = PendingScrapes::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn scrape(format: Format) -> (Scrape, oneshot::Receiver<Bytes>) {
        let (answer, answered) = oneshot::channel();
        (Scrape { format, answer }, answered)
    }

    #[test]
    fn scrapes_that_arrive_during_a_rendering_share_the_next() {
        let scrapes = Scrapes::default();
        let (first, mut first_answer) = scrape(Format::Text);
        let rendering = scrapes.add(first).unwrap();
        let (rendered, later) = (RefCell::new(0), RefCell::new(Vec::new()));
        rendering.run(|_| {
            *rendered.borrow_mut() += 1;
            if *rendered.borrow() == 1 {
                for _ in 0..5_000 {
                    let (next, answer) = scrape(Format::Text);
                    assert!(scrapes.add(next).is_none());
                    later.borrow_mut().push(answer);
                }
            }
            rendered.borrow().to_string()
        });
        assert_eq!(first_answer.try_recv().unwrap(), "1");
        assert!(later.take().into_iter().all(|mut answer| answer.try_recv().unwrap() == "2"));
        assert_eq!(*rendered.borrow(), 2);
        assert!(scrapes.add(scrape(Format::Text).0).is_some(), "the next begins a rendering");
    }

    #[test]
    fn each_format_is_rendered_once_for_all_that_ask_for_it() {
        let scrapes = Scrapes::default();
        let (mut answers, mut rendering) = (Vec::new(), None);
        for format in [Format::Text, Format::OpenMetrics, Format::Text, Format::OpenMetrics] {
            let (next, answer) = scrape(format);
            let added = scrapes.add(next);
            rendering = rendering.or(added);
            answers.push((format, answer));
        }
        let rendered = RefCell::new(0);
        rendering.unwrap().run(|format| {
            *rendered.borrow_mut() += 1;
            format!("{format:?}")
        });
        assert_eq!(*rendered.borrow(), 2);
        for (format, mut answer) in answers {
            assert_eq!(answer.try_recv().unwrap(), format!("{format:?}"));
        }
    }

    #[test]
    fn a_failed_rendering_fails_those_that_wait_and_none_that_come_later() {
        let scrapes = Scrapes::default();
        for is_begun in [true, false] {
            let (next, mut answer) = scrape(Format::Text);
            let rendering = scrapes.add(next).unwrap();
            if is_begun {
                let run = AssertUnwindSafe(|| rendering.run(|_| panic!("as a bug would")));
                assert!(catch_unwind(run).is_err());
            } else {
                drop(rendering);
            }
            assert!(answer.try_recv().is_err());
        }
        assert!(scrapes.add(scrape(Format::Text).0).is_some());
    }
}
