//! The messages of an exchange that are never answered, as planned.

use longsync::{BEHAVIOR_HEADER, PREVIOUS_ATTEMPTS_HEADER};
use longsync_behavior::rpc_behavior::{self, RPC_BEHAVIOR};
use longsync_behavior::{Behavior, Fault, Rules};
use longsync_text::duration::LONGEST;
use tonic::metadata::MetadataMap;

use crate::single::plan::SinglePlan;

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
    let text = |name| metadata.get(name).and_then(|value| value.to_str().ok());
    if metadata.contains_key(BEHAVIOR_HEADER) {
        return clause_of(text(BEHAVIOR_HEADER)?);
    }
    let values = metadata.get_all(RPC_BEHAVIOR).iter().filter_map(|value| value.to_str().ok());
    let attempts = text(PREVIOUS_ATTEMPTS_HEADER).and_then(|count| count.parse().ok()).unwrap_or(0);
    let values: Vec<_> = values.collect();
    let under_name = |host| {
        let behavior =
            rpc_behavior::read(values.iter().copied(), host, attempts, LONGEST).ok()??;
        hang_of(&behavior)
    };
    // The name of the server is not known: it may be any that an entry is for, or none of them.
    let named = values.iter().flat_map(|value| value.split(','));
    let named = named.filter_map(|entry| entry.trim().strip_prefix("hostname="));
    let hosts = named.filter_map(|entry| entry.split(' ').next());
    [""].into_iter().chain(hosts).find_map(under_name)
}

/// The clause by which messages hang under a behavior. A text that cannot be read has none.
pub(super) fn clause_of(behavior: &str) -> Option<String> {
    // Recorded values are on the server, and do not matter here.
    let any_recording = |_: &str| Ok(vec![(1, 1)]);
    hang_of(&Behavior::read(behavior, &Rules::server(LONGEST, &any_recording)).ok()?)
}

fn hang_of(behavior: &Behavior) -> Option<String> {
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
    fn a_call_may_ask_for_messages_that_hang_in_three_ways() {
        let headers = |headers: &[(&'static str, &str)]| {
            let mut metadata = MetadataMap::new();
            for (name, value) in headers {
                metadata.insert(*name, value.parse().unwrap());
            }
            metadata
        };
        let header = || headers(&[(BEHAVIOR_HEADER, "1s; hang(2%)")]);
        let keep_open = (RPC_BEHAVIOR, "succeed-on-retry-attempt-1,keep-open");
        let hang = |share: &str| Some(format!("hang({share})"));
        assert_eq!(of(|plan| plan), None);
        assert_eq!(of(|plan| plan.behavior("1s; hang(1%)")), hang("1%"));
        assert_eq!(of(|plan| plan.metadata(header())), hang("2%"));
        assert_eq!(of(|plan| plan.metadata(headers(&[keep_open]))), hang("100%"));
        let for_hosts = "hostname=a sleep-1, hostname=b keep-open";
        assert_eq!(of(|plan| plan.metadata(headers(&[(RPC_BEHAVIOR, for_hosts)]))), hang("100%"));
        let for_host = headers(&[(RPC_BEHAVIOR, "hostname=a sleep-1")]);
        assert_eq!(of(|plan| plan.metadata(for_host)), None);
        let retried = headers(&[keep_open, (PREVIOUS_ATTEMPTS_HEADER, "1")]);
        assert_eq!(of(|plan| plan.metadata(retried)), None);
        // The header does not count.
        assert_eq!(of(|plan| plan.behavior("1s").metadata(header())), None);
        assert_eq!(of(|plan| plan.delay(LONGEST).metadata(header())), None);
        assert_eq!(of(|plan| plan.metadata(headers(&[(BEHAVIOR_HEADER, "1s"), keep_open]))), None);
    }

    #[test]
    fn the_clause_of_any_servers_behavior_is_found() {
        assert_eq!(clause_of("replay(\"a.csv\"); hang(1%)").as_deref(), Some("hang(1%)"));
        assert_eq!(clause_of("fail(1%, ABORTED, \"; hang(1%)\")"), None);
        assert_eq!(clause_of("hang"), None);
    }
}
