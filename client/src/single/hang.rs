//! The messages of an exchange that are never answered, as planned.

use longsync_behavior::{Behavior, Fault, Rules};
use longsync_text::duration::LONGEST;
use tonic::metadata::MetadataMap;

use crate::single::plan::SinglePlan;

/// The header that asks for a behavior.
const BEHAVIOR: &str = "x-longsync-behavior";

/// The messages that an exchange which ended well has not answered.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    pub(super) count: u64,
    /// The clause that left them unanswered.
    pub(super) hang: Option<String>,
}

/// The clause by which messages of this call hang, if it asks for one itself: in its requests, or in a header,
/// which does not count beside those.
pub(super) fn asked_for(plan: &SinglePlan) -> Option<String> {
    match (&plan.delay, plan.behavior.as_str()) {
        (Some(_), _) => None,
        (None, "") => in_headers(&plan.metadata),
        (None, behavior) => clause_of(behavior),
    }
}

fn in_headers(metadata: &MetadataMap) -> Option<String> {
    clause_of(metadata.get(BEHAVIOR)?.to_str().ok()?)
}

/// The clause by which messages hang under a behavior. A text that cannot be read has none.
pub(super) fn clause_of(behavior: &str) -> Option<String> {
    // Recorded values are on the server, and do not matter here.
    let any_recording = |_: &str| Ok(vec![(1, 1)]);
    let behavior = Behavior::read(behavior, &Rules::server(LONGEST, &any_recording)).ok()?;
    let hang = behavior.faults().clauses().find(|clause| *clause.fault() == Fault::Hang)?;
    Some(hang.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::single::plan::{RpcKind, SinglePlanBuilder};

    fn of(plan: impl FnOnce(SinglePlanBuilder) -> SinglePlanBuilder) -> Option<String> {
        let target = "http://127.0.0.1:9000".parse().unwrap();
        let plan = plan(SinglePlan::builder(RpcKind::Exchange, target)).build().unwrap();
        asked_for(&plan)
    }

    #[test]
    fn a_call_may_ask_for_messages_that_hang_in_two_ways() {
        let header = || {
            let mut metadata = MetadataMap::new();
            metadata.insert(BEHAVIOR, "1s; hang(2%)".parse().unwrap());
            metadata
        };
        let hang = |share: &str| Some(format!("hang({share})"));
        assert_eq!(of(|plan| plan), None);
        assert_eq!(of(|plan| plan.behavior("1s; hang(1%)")), hang("1%"));
        assert_eq!(of(|plan| plan.metadata(header())), hang("2%"));
        // The header does not count.
        assert_eq!(of(|plan| plan.behavior("1s").metadata(header())), None);
        assert_eq!(of(|plan| plan.delay(LONGEST).metadata(header())), None);
    }

    #[test]
    fn the_clause_of_any_servers_behavior_is_found() {
        assert_eq!(clause_of("replay(\"a.csv\"); hang(1%)").as_deref(), Some("hang(1%)"));
        assert_eq!(clause_of("fail(1%, ABORTED, \"; hang(1%)\")"), None);
        assert_eq!(clause_of("hang"), None);
    }
}
