//! How a server answers. So far: after a constant delay.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longsync_text::duration::text;

/// How calls are answered, with the canonical text that says so. Its text form parses and prints to
/// the same value. All clones share one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behavior(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    delay: Duration,
    text: String,
}

impl Behavior {
    /// Waits for `delay`, then answers.
    pub fn constant(delay: Duration) -> Self {
        Self(Arc::new(Parts { delay, text: text(delay) }))
    }

    /// The delay of a call.
    pub fn delay(&self) -> Duration {
        self.0.delay
    }

    /// The canonical text: for a constant delay that duration alone.
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

impl fmt::Display for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}
