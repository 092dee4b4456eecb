//! Shows what a behavior does before a server runs it: its figures, its pictures, the share of calls that
//! take too long even with retries, and the delay that a call draws. Also finds the behavior that reproduces
//! the observed delays of a service.
//!
//! ```
//! use longsync_client::behavior::{Patience, BehaviorReport, to_text};
//! use std::time::Duration;
//!
//! let mut report = BehaviorReport::of("lognormal(p50=10ms, p99=200ms)".parse()?);
//! report.patience = Some(Patience { deadline: Duration::from_millis(200).into(), attempts: 2 });
//! assert!(to_text(&report, 80).contains("1 % of calls take longer than 200ms"));
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
use longsync_behavior::{Behavior, CallName, DrawKey, FaultClause};

pub use self::fitting::FittedData;
pub use self::json::to_json;
pub use self::patience::Patience;
pub use self::picture::to_svg;
pub use self::text::to_text;

/// A behavior, and the options of its report.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BehaviorReport {
    /// The behavior.
    pub behavior: Behavior,
    /// How long a caller waits for a call, and how often it retries.
    pub patience: Option<Patience>,
    /// A call whose delay the report shows.
    pub asked: Option<DelayQuery>,
    /// The data that the behavior was fitted to.
    pub fitting: Option<FittedData>,
    figures: Vec<DelayFigures>,
}

impl BehaviorReport {
    /// A report of the behavior without options.
    pub fn of(behavior: Behavior) -> Self {
        let figures = DelayFigures::of(&behavior);
        Self { behavior, patience: None, asked: None, fitting: None, figures }
    }
}

/// A call, or one of its messages, whose delay the report shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayQuery {
    /// The server's seed.
    pub seed: u64,
    /// The call id.
    pub call_id: String,
    /// The attempt of the call, from 1.
    pub attempt: u32,
    /// The message of the call, from 0.
    pub index: u64,
}

impl DelayQuery {
    /// The delay that the call draws from a server's behavior, and the clause of the fault that hits it. A
    /// `fail_first` hits the attempts that the call itself states. Only an exchange draws faults for the
    /// messages after its first, and none that hit the whole call.
    pub fn draw<'a>(&self, behavior: &'a Behavior) -> (Duration, Option<&'a FaultClause>) {
        let Self { seed, ref call_id, attempt, index } = *self;
        let key = DrawKey { seed, name: CallName::Id(call_id), attempt, index };
        let (delay, drawn) = behavior.draw_with_fault(&key);
        let drawn = drawn.filter(|fault| index == 0 || !fault.is_of_call());
        let fault = behavior.faults().first_failure(|_| attempt).or(drawn);
        (delay, fault.map(|fault| &**fault))
    }
}
