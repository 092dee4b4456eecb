//! The meaning of each figure in the tables, in one line each.

pub(crate) const RESPONSE_TIME: &str = "response time: from when a call was due to its answer";
pub(crate) const SERVICE_TIME: &str = "service time: from sending a call to its answer";
pub(crate) const ADDED: &str =
    "added: service time - waited: the time taken by network, proxies and runtimes";
