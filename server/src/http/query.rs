//! The query of `/long_sync`.

use std::borrow::Cow;
use std::sync::Arc;

use longsync_behavior::{Behavior, FaultClause};
use longsync_text::quoted;

use crate::call::plan::{Ask, RequestedDelay};
use crate::call::refusal::Refusal;

/// The parameters that it may have.
const PARAMETERS: [&str; 5] = ["delay", "behavior", "call_id", "status", "bytes"];

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query<'a> {
    delay: Option<Cow<'a, str>>,
    behavior: Option<Cow<'a, str>>,
    call_id: Option<Cow<'a, str>>,
    bytes: u32,
    /// `fail(100%, N)`, in its short form.
    pub(super) status: Option<Arc<FaultClause>>,
}

impl<'a> Query<'a> {
    /// # Errors
    /// When a parameter is unknown, given twice or wrong, or when two of them contradict each other.
    pub(super) fn read(query: &'a str) -> Result<Self, Refusal> {
        let mut values: [Option<Cow<'a, str>>; PARAMETERS.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(index) = PARAMETERS.iter().position(|known| *known == name) else {
                let [names @ .., last] = PARAMETERS;
                let names = names.join(", ");
                let why =
                    format!("{} is not a known parameter: send {names} or {last}", quoted(&name));
                return Err(Refusal::invalid("query", why));
            };
            if values[index].replace(value).is_some() {
                return Err(Refusal::invalid(&name, "given twice: send it once"));
            }
        }
        let [delay, behavior, call_id, status, bytes] = values;
        if let Some(behavior) = behavior.as_deref().filter(|behavior| behavior.is_empty()) {
            // In a message, an empty behavior is none; in a query, it is rather a variable which is not set.
            let read = behavior.parse::<Behavior>();
            read.map_err(|why| Refusal::invalid("behavior", why.to_string()))?;
        }
        if behavior.is_some() && status.is_some() {
            let why = "status and behavior are both given: send only one (a behavior includes its faults)";
            return Err(Refusal::invalid("status", why));
        }
        let status = status.as_deref().map(fault_of_status).transpose()?;
        let bytes = bytes.as_deref().map_or(Ok(0), count_of_bytes)?;
        Ok(Self { delay, behavior, call_id, bytes, status })
    }

    /// The same as what a message would ask for; a status is not part of it.
    pub(super) fn as_ask(&self) -> Ask<'_> {
        Ask {
            delay: self.delay.as_deref().map(RequestedDelay::Text),
            behavior: self.behavior.as_deref().unwrap_or_default(),
            call_id: self.call_id.as_deref().unwrap_or_default(),
            response_bytes: self.bytes,
            ..Ask::default()
        }
    }
}

fn fault_of_status(status: &str) -> Result<Arc<FaultClause>, Refusal> {
    let digits = Some(status).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    let fault = digits.and_then(|it| it.parse().ok()).and_then(FaultClause::http_status);
    fault.map(Arc::new).ok_or_else(|| {
        let why =
            format!("{} is not the status of an error: send one from 400 to 599", quoted(status));
        Refusal::invalid("status", why)
    })
}

fn count_of_bytes(bytes: &str) -> Result<u32, Refusal> {
    let count = Some(bytes).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
    count.and_then(|it| it.parse().ok()).ok_or_else(|| {
        Refusal::invalid(
            "bytes",
            format!("{} is not a number of bytes: send one such as 1024", quoted(bytes)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        assert_eq!(Query::read("").unwrap(), Query::default());
        assert_eq!(Query::read("delay=250ms").unwrap().delay.as_deref(), Some("250ms"));
        let query = Query::read("behavior=constant%281s%29&call_id=a&bytes=7").unwrap();
        assert_eq!(query.behavior.as_deref(), Some("constant(1s)"));
        assert_eq!((query.call_id.as_deref(), query.bytes), (Some("a"), 7));
        let query = Query::read("status=503&delay=1s").unwrap();
        assert_eq!(query.status.unwrap().to_string(), "fail(100%, 503)");
    }

    #[test]
    fn a_wrong_query_is_refused_with_the_parameter() {
        let refused = |query: &str| match Query::read(query) {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{query}: {other:?}"),
        };
        for (query, field) in [
            ("delya=250ms", "query"),
            ("delay=1s&delay=2s", "delay"),
            ("behavior=", "behavior"),
            ("behavior=1s&status=503", "status"),
            ("status=", "status"),
            ("status=200", "status"),
            ("status=600", "status"),
            ("status=%2B503", "status"),
            ("status=UNAVAILABLE", "status"),
            ("bytes=", "bytes"),
            ("bytes=-1", "bytes"),
            ("bytes=1k", "bytes"),
            ("bytes=4294967296", "bytes"),
        ] {
            assert_eq!(refused(query), field, "{query}");
        }
    }
}
