//! Reads from answers and statuses what tests assert.

use std::time::Duration;

use anyhow::Context as _;
use longsync::duration::from_proto;
use longsync::v1::Timing;
use prost::Message as _;
use tokio::time::Instant;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::Result;

/// A stopwatch on tokio's clock, which does not advance while there is anything to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paused(Instant);

impl Paused {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Waits until this much time has passed since the start.
    pub(crate) async fn until(self, since_start: Duration) {
        tokio::time::sleep_until(self.0 + since_start).await;
    }
}

/// The `planned` and `waited` of an answer.
pub(crate) fn seen(timing: Option<&Timing>) -> Result<(Duration, Duration)> {
    let timing = timing.context("the answer has no timing")?;
    let planned = timing.planned.as_ref().context("the timing has no planned")?;
    let waited = timing.waited.as_ref().context("the timing has no waited")?;
    Ok((from_proto(planned)?, from_proto(waited)?))
}

/// The timing in the details of a status.
pub(crate) fn timing_of(status: &Status) -> Result<Timing> {
    let details = tonic_types::pb::Status::decode(status.details())?;
    anyhow::ensure!(details.code == i32::from(status.code()), "{details:?} of {status:?}");
    anyhow::ensure!(details.message == status.message(), "{details:?} of {status:?}");
    let timing = details.details.iter().find(|any| any.type_url == longsync::TIMING_TYPE_URL);
    let timing = timing.with_context(|| format!("no timing in {status:?}"))?;
    Ok(Timing::decode(&*timing.value)?)
}

/// The field that a status blames. Also checks the parts that every refusal has.
pub(crate) fn bad_field(status: &Status) -> Result<String> {
    anyhow::ensure!(status.code() == tonic::Code::InvalidArgument, "{status:?}");
    timing_of(status)?;
    let detail = status.get_details_bad_request().context("no google.rpc.BadRequest")?;
    let [violation] = &detail.field_violations[..] else { anyhow::bail!("{detail:?}") };
    anyhow::ensure!(
        status.message() == format!("{}: {}", violation.field, violation.description),
        "{status:?}"
    );
    Ok(violation.field.clone())
}

/// The limit that a status blames. Also checks the parts that every refusal has.
pub(crate) fn quota(status: &Status) -> Result<String> {
    anyhow::ensure!(status.code() == tonic::Code::ResourceExhausted, "{status:?}");
    timing_of(status)?;
    let detail = status.get_details_quota_failure().context("no google.rpc.QuotaFailure")?;
    let [violation] = &detail.violations[..] else { anyhow::bail!("{detail:?}") };
    Ok(violation.subject.clone())
}
