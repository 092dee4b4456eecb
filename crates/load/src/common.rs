//! What the calls of a worker have in common.

use std::cell::Cell;
use std::time::Instant;

use longsync_timer::{Clock, Timer};

use super::LoadPlan;
use super::moment::Moment;
use super::request::Template;
use crate::answer::{Expected, Limits};
use crate::target::Target;

/// What the calls of a worker have in common.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) target: Target,
    pub(super) timer: Timer,
    pub(super) template: Template,
    pub(super) limits: Limits,
    /// The same for all workers; until it is known, that of the thread.
    start: Cell<Instant>,
}

impl Run {
    /// For calls as the plan has them; it has not started yet.
    pub(super) fn new(plan: &LoadPlan) -> Self {
        let template = Template::new(
            &plan.target,
            plan.request.clone(),
            plan.has_call_ids,
            &plan.metadata,
            plan.deadline,
        );
        Self {
            target: plan.target.clone(),
            timer: Timer::with_spin(Clock::Monotonic, plan.spin),
            template,
            // Nobody reads the sentence of an answer that is not of gRPC.
            limits: Limits {
                message_bytes: plan.most_answer_bytes(),
                expected: Expected::One,
                page_bytes: 0,
            },
            start: Cell::new(Instant::now()),
        }
    }

    /// All moments are counted from `now` on.
    pub(super) fn start(&self, now: Instant) {
        self.start.set(now);
    }

    /// The time since the run's start.
    pub(super) fn now(&self) -> Moment {
        self.moment(self.timer.now())
    }

    pub(super) fn moment(&self, now: Instant) -> Moment {
        Moment::since(self.start.get(), now)
    }

    pub(super) async fn sleep_until(&self, moment: Moment) {
        self.timer.sleep_until(moment.instant(self.start.get())).await;
    }
}
