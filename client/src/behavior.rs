//! What a behavior does, before any server runs it: its figures, its pictures, what retries leave of calls that
//! take too long, what a call draws; and the behavior that reproduces what was observed of a service.
//!
//! ```
//! use longsync_client::behavior::{Patience, Portrait, to_text};
//! use std::time::Duration;
//!
//! let mut portrait = Portrait::of("lognormal(p50=10ms, p99=200ms)".parse()?);
//! portrait.patience = Some(Patience { deadline: Duration::from_millis(200), attempts: 2 });
//! assert!(to_text(&portrait, 80).contains("1 % of calls take longer than 200ms"));
//! # Ok::<(), longsync_behavior::ParseBehaviorError>(())
//! ```

mod atoms;
mod curves;
mod drawn;
mod fitting;
mod json;
mod patience;
mod picture;
mod sentences;
mod text;

use std::time::Duration;

use longsync_behavior::explain::Figures;
use longsync_behavior::{Behavior, Key, Name};

pub use self::fitting::Fitting;
pub use self::json::to_json;
pub use self::patience::Patience;
pub use self::picture::to_svg;
pub use self::text::to_text;

/// A behavior, and what is to be said of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Portrait {
    /// The behavior.
    pub behavior: Behavior,
    /// How long a caller waits, and how often.
    pub patience: Option<Patience>,
    /// A call whose delay is wanted.
    pub asked: Option<Asked>,
    /// What the behavior was fitted to.
    pub fitting: Option<Fitting>,
    figures: Vec<Figures>,
}

impl Portrait {
    /// Of the behavior alone.
    pub fn of(behavior: Behavior) -> Self {
        let figures = Figures::of(&behavior);
        Self { behavior, patience: None, asked: None, fitting: None, figures }
    }
}

/// A call, or one of its messages, whose delay is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The server's seed.
    pub seed: u64,
    /// The call id.
    pub call_id: String,
    /// Which attempt of the call it is, from 1.
    pub attempt: u32,
    /// Which message of the call it is, from 0.
    pub index: u64,
}

impl Asked {
    /// What the call draws from a server's behavior.
    pub fn draw(&self, behavior: &Behavior) -> Duration {
        let Self { seed, ref call_id, attempt, index } = *self;
        behavior.draw(&Key { seed, name: Name::Id(call_id), attempt, index })
    }
}
