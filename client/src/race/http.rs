//! One call of a race over HTTP/1.1.

use std::time::Duration;

use longsync_text::duration::text;
use longsync_timer::Timer;

use crate::http1::{self, Keep};
use crate::race::failed::{Failed, kept};
use longsync_connect::Stamps;
use longsync_connect::Target;
use longsync_connect::answer::first_line;
use longsync_connect::timing::is_plausible;

/// Gets the slow answer of the HTTP face. How long the server waited is in `server-timing`.
pub(super) async fn get(
    target: &Target,
    delay: Duration,
    most_bytes: usize,
    timer: &Timer,
    stamps: &Stamps,
) -> Result<Option<Duration>, Failed> {
    let path = format!("{}?delay={}", longsync::HTTP_PATH, text(delay));
    let body = (most_bytes, Keep::Nothing);
    let answer = http1::get(target, &path, body, timer, stamps).await?;
    if !answer.status.is_success() {
        let no_line = if answer.body.is_empty() { "no body came" } else { "its body is not text" };
        let message = first_line(&answer.body).unwrap_or_else(|| no_line.to_owned());
        let status = format!("HTTP {}", answer.status.as_u16());
        return Err(Failed { status, message: kept(&message) });
    }
    // Proxies add headers of their own, each a list like ours.
    let timings = answer.headers.get_all("server-timing");
    Ok(timings.iter().find_map(|value| waited_of_server_timing(value.to_str().ok()?)))
}

/// `waited` of a header such as `planned;dur=250.000, waited;dur=250.313`, which is in milliseconds.
fn waited_of_server_timing(value: &str) -> Option<Duration> {
    let figure = value.split(',').find_map(|metric| {
        let mut parts = metric.split(';').map(str::trim);
        let is_waited = parts.next() == Some("waited");
        parts.find_map(|part| part.strip_prefix("dur=")).filter(|_| is_waited)
    })?;
    Duration::try_from_secs_f64(figure.parse::<f64>().ok()? / 1e3).ok().filter(is_plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waited_is_read_out_of_server_timing() {
        let read = waited_of_server_timing;
        assert_eq!(
            read("planned;dur=250.000, waited;dur=250.313, queued;dur=0.000"),
            Some(Duration::from_micros(250_313))
        );
        assert_eq!(read("cdn, waited ; desc=x; dur=5"), Some(Duration::from_millis(5)));
        for other in [
            "",
            "waited",
            "waited;dur=",
            "waited;dur=-1",
            "unwaited;dur=1",
            "waited;dur=inf",
            "waited;dur=1e15",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
