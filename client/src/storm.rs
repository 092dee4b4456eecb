//! The storm: what retries make of a server's short trouble.
//!
//! A server with a queue inside this process, calls that arrive whatever it does, and one stall. Each way
//! changes one thing about the clients' retries or the server's queue.

mod calls;
mod json;
mod lesson;
mod load_share;
mod outcome;
mod picture;
mod plan;
mod retry;
mod runner;
mod series;
mod svg;
mod text;
mod trigger;
mod way;
mod words;

use tokio_util::sync::CancellationToken;

pub use crate::storm::json::{to_json, unrun_to_json};
pub use crate::storm::load_share::{LoadShare, ParseLoadShareError};
pub use crate::storm::outcome::{Recovery, Storm, StormRun};
pub use crate::storm::plan::{StormOptions, StormPlan, StormPlanError};
pub use crate::storm::retry::RetryPolicy;
pub use crate::storm::runner::StormError;
pub use crate::storm::series::{SLOT, Slot};
pub use crate::storm::svg::to_svg;
pub use crate::storm::text::to_text;
pub use crate::storm::trigger::{ParseTriggerError, Trigger};
pub use crate::storm::way::StormWay;

/// Runs a storm on the caller's runtime, one way after another. `interrupt` ends it early, and the result then
/// contains what was measured so far. `on_begin` is called before each way.
///
/// # Errors
/// When a server cannot be started or reached.
///
/// # Cancel safety
/// Dropping the future loses the measurements; `interrupt` avoids that.
pub async fn run(
    plan: &StormPlan,
    interrupt: &CancellationToken,
    mut on_begin: impl FnMut(StormWay),
) -> Result<Storm, StormError> {
    let mut runs = Vec::with_capacity(plan.ways.len());
    for way in &plan.ways {
        if interrupt.is_cancelled() {
            break;
        }
        on_begin(*way);
        runs.push(runner::run(*way, plan, interrupt).await?);
    }
    Ok(Storm { plan: plan.clone(), runs, is_interrupted: interrupt.is_cancelled() })
}
