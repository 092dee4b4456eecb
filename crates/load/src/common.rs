//! What the calls of a worker share.

use std::cell::Cell;
use std::time::Instant;

use http::{HeaderMap, Method as HttpMethod, Request, Uri};
use longsync_connect::answer::AnswerLimits;
use longsync_connect::{Target, rpc};
use longsync_stats::Moment;
use longsync_timer::{Clock, Timer};

use crate::method::Method;
use crate::plan::LoadPlan;

/// What the calls of a worker share.
#[derive(Debug)]
pub(crate) struct Common<M, T> {
    pub(crate) target: Target,
    pub(crate) timer: Timer,
    pub(crate) method: M,
    pub(crate) transport: T,
    pub(crate) limits: AnswerLimits,
    /// The seed of all random draws.
    pub(crate) seed: u64,
    uri: Uri,
    headers: HeaderMap,
    /// The start of the run, the same for all workers; until it is known, that of the thread.
    start: Cell<Instant>,
}

impl<M: Method, T> Common<M, T> {
    /// The shared state for calls of this plan; the run has not started yet.
    pub(crate) fn new(plan: &LoadPlan<M>, clock: Clock, transport: T) -> Self {
        let method = plan.method.apart();
        let origin = plan.target.origin();
        let head = rpc::head(origin, method.path(), &plan.metadata, plan.deadline);
        let (head, ()) = head.into_parts();
        let timer = Timer::with_spin(clock, plan.spin);
        Self {
            target: plan.target.clone(),
            limits: method.limits(),
            seed: plan.seed,
            method,
            transport,
            uri: head.uri,
            headers: head.headers,
            start: Cell::new(timer.now()),
            timer,
        }
    }

    /// The head of a call's request.
    pub(crate) fn head(&self) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = HttpMethod::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl<M, T> Common<M, T> {
    /// Counts all moments from `now` on.
    pub(crate) fn start(&self, now: Instant) {
        self.start.set(now);
    }

    /// The time since the run's start.
    pub(crate) fn now(&self) -> Moment {
        self.moment(self.timer.now())
    }

    pub(crate) fn moment(&self, now: Instant) -> Moment {
        Moment::since(self.start.get(), now)
    }

    pub(crate) async fn sleep_until(&self, moment: Moment) {
        self.timer.sleep_until(moment.instant(self.start.get())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longsync::v1::LongSyncRequest;

    use super::*;
    use crate::long_sync::LongSync;
    use crate::schedule::Schedule;
    use crate::stop::StopCondition;

    #[test]
    fn the_head_is_what_grpc_requires() {
        let target = "http://127.0.0.1:9000".parse().unwrap();
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        let plan =
            LoadPlan::builder(target, calls, Schedule::AtOnce, StopCondition::after_calls(1))
                .deadline(Duration::from_secs(1))
                .build()
                .unwrap();
        let head = Common::new(&plan, Clock::Monotonic, ()).head();
        assert_eq!(head.uri(), "http://127.0.0.1:9000/longsync.v1.LongSyncService/LongSync");
        assert_eq!(head.method(), HttpMethod::POST);
        assert_eq!(head.headers()["te"], "trailers");
        assert_eq!(head.headers()["content-type"], "application/grpc");
        assert_eq!(head.headers()["grpc-timeout"], "1000000u");
    }
}
