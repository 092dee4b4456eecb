//! One call of a race over HTTP/1.1.

use http::{HeaderMap, StatusCode};
use longsync_text::duration::text;
use longsync_timer::Timer;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http1::{self, HttpAnswer, Keep};
use crate::race::call_failure::CallFailure;
use crate::race::delays::CallRequest;
use crate::race::kept_text::kept;
use crate::race::reported_wait::ReportedWait;
use longsync_connect::Stamps;
use longsync_connect::Target;
use longsync_connect::answer::first_line;

/// Makes a slow call over HTTP. The `server-timing` header reports how long the server waited.
pub(super) async fn get(
    target: &Target,
    (asked, headers): (&CallRequest, &HeaderMap),
    most_bytes: usize,
    timer: &Timer,
    stamps: &Stamps,
) -> Result<ReportedWait, CallFailure> {
    let path = format!("{}?{}", longsync::HTTP_PATH, query(asked));
    let body = (most_bytes, Keep::Beginning);
    reported(&http1::get(target, (&path, headers), body, timer, stamps).await?)
}

/// The wait that an answer reports, if the answer is longsync's: any web server answers 200 to something.
fn reported(answer: &HttpAnswer) -> Result<ReportedWait, CallFailure> {
    let reported = ReportedWait::from(&answer.headers);
    let why = match answer.status {
        StatusCode::OK if !reported.is_whole() => {
            Some("it has no server-timing with planned and waited")
        }
        StatusCode::OK if answer.body != longsync::DONE => Some("its body is not Done!"),
        StatusCode::OK => return Ok(reported),
        status if status.is_success() => Some("its status is not 200"),
        _ => None,
    };
    let no_line = if answer.body.is_empty() { "the body is empty" } else { "the body is not text" };
    let line = first_line(&answer.body).unwrap_or_else(|| no_line.to_owned());
    let message = match why {
        Some(why) => format!("this is not an answer of longsync, because {why}: {line}"),
        None => line,
    };
    let status = format!("HTTP {}", answer.status.as_u16());
    Err(CallFailure { status, message: kept(&message), reported: reported.boxed() })
}

fn query(CallRequest { delay, behavior, call_id }: &CallRequest) -> String {
    if let Some(delay) = delay {
        return format!("delay={}", text(*delay));
    }
    // An empty behavior is refused in a query.
    if behavior.is_empty() {
        return format!("call_id={call_id}");
    }
    let behavior = utf8_percent_encode(behavior, NON_ALPHANUMERIC);
    format!("behavior={behavior}&call_id={call_id}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_is_encoded_as_a_query() {
        let delay = Some(Duration::from_millis(1_500));
        assert_eq!(query(&CallRequest { delay, ..CallRequest::default() }), "delay=1.5s");
        let (behavior, call_id) = ("mix(1%: 1s; rest: 0s)".to_owned(), "call-1".to_owned());
        let asked = CallRequest { delay: None, behavior, call_id };
        let encoded = "mix%281%25%3A%201s%3B%20rest%3A%200s%29";
        assert_eq!(query(&asked), format!("behavior={encoded}&call_id=call-1"));
        let asked = CallRequest { behavior: String::new(), ..asked };
        assert_eq!(query(&asked), "call_id=call-1");
    }
}
