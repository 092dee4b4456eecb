//! What a behavior does, before any server runs it: its figures, its pictures, what retries leave of calls that
//! take too long, what a call draws; and the behavior that reproduces what was observed of a service.
//!
//! ```
//! use longsync_client::behavior::{Patience, BehaviorReport, to_text};
//! use std::time::Duration;
//!
//! let mut portrait = BehaviorReport::of("lognormal(p50=10ms, p99=200ms)".parse()?);
//! portrait.patience = Some(Patience { deadline: Duration::from_millis(200).into(), attempts: 2 });
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

use longsync_behavior::explain::DelayFigures;
use longsync_behavior::{Behavior, CallName, DrawKey};

pub use self::fitting::FittedData;
pub use self::json::to_json;
pub use self::patience::Patience;
pub use self::picture::to_svg;
pub use self::text::to_text;

/// A behavior, and what is to be said of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BehaviorReport {
    /// The behavior.
    pub behavior: Behavior,
    /// How long a caller waits, and how often.
    pub patience: Option<Patience>,
    /// A call whose delay is wanted.
    pub asked: Option<DelayQuery>,
    /// What the behavior was fitted to.
    pub fitting: Option<FittedData>,
    figures: Vec<DelayFigures>,
}

impl BehaviorReport {
    /// Of the behavior alone.
    pub fn of(behavior: Behavior) -> Self {
        let figures = DelayFigures::of(&behavior);
        Self { behavior, patience: None, asked: None, fitting: None, figures }
    }
}

/// A call, or one of its messages, whose delay is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayQuery {
    /// The server's seed.
    pub seed: u64,
    /// The call id.
    pub call_id: String,
    /// Which attempt of the call it is, from 1.
    pub attempt: u32,
    /// Which message of the call it is, from 0.
    pub index: u64,
}

impl DelayQuery {
    /// What the call draws from a server's behavior.
    pub fn draw(&self, behavior: &Behavior) -> Duration {
        let Self { seed, ref call_id, attempt, index } = *self;
        behavior.draw(&DrawKey { seed, name: CallName::Id(call_id), attempt, index })
    }
}
