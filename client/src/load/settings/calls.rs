//! What is called, and which answers are good.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync_behavior::Behavior;
use longsync_connect::Target;
use longsync_connect::status::code_name;
use longsync_load::LongSync;
use longsync_stats::{GoodStatuses, StatusCode};
use longsync_text::said::quoted;
use tonic::Code;
use tonic::metadata::MetadataMap;

use super::{SettingsError, WrittenPayload, WrittenPlan};
use crate::request::{self, zeros};

/// The server to call.
pub(super) fn target(plan: &WrittenPlan) -> Result<Target, SettingsError> {
    match &plan.url {
        Some(url) => url.parse().map_err(|why| SettingsError::of("--url", why)),
        None => Ok(request::default_target()),
    }
}

/// The calls of the plan; the seed gives them their ids.
pub(super) fn calls(plan: &WrittenPlan, seed: u64) -> Result<LongSync, SettingsError> {
    if plan.no_call_ids && plan.call_id_prefix.is_some() {
        return Err(SettingsError::new(
            "--call-id-prefix sets how call ids begin, and --no-call-ids sends none: give one of the two",
        ));
    }
    if let Some(text) = plan.behavior.as_deref().filter(|text| text.trim().is_empty()) {
        // A server decides what is a behavior, but it takes an empty one for none.
        let read = text.parse::<Behavior>();
        read.map_err(|why| SettingsError::of("--behavior", why))?;
    }
    let prefix = call_id_prefix(plan, seed);
    let request = LongSyncRequest {
        delay: plan.delay.map(to_proto),
        behavior: plan.behavior.clone().unwrap_or_default(),
        payload: payload(plan)?,
        echo_payload: plan.echo_payload,
        response_bytes: plan.response_bytes,
        call_id: prefix.clone().unwrap_or_default(),
    };
    let calls = match prefix {
        Some(_) => LongSync::numbered(&request),
        None => LongSync::new(&request),
    }?;
    Ok(match plan.max_answer_bytes.map(usize::try_from) {
        Some(most) => calls.with_max_answer_bytes(most.unwrap_or(usize::MAX)),
        None => calls,
    })
}

/// The prefix of call ids, before the call's number; [`None`] if calls have no ids.
pub(super) fn call_id_prefix(plan: &WrittenPlan, seed: u64) -> Option<String> {
    let default = || format!("{seed}-");
    (!plan.no_call_ids).then(|| plan.call_id_prefix.clone().unwrap_or_else(default))
}

fn payload(plan: &WrittenPlan) -> Result<Bytes, SettingsError> {
    match &plan.payload {
        None => Ok(Bytes::new()),
        Some(WrittenPayload::Text(text)) => Ok(text.clone().into()),
        Some(WrittenPayload::Base64(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes.into()),
            Err(why) => Err(SettingsError::of("the payload is not base64", why)),
        },
        Some(WrittenPayload::Bytes(bytes)) => {
            zeros(*bytes).map_err(|why| SettingsError::of("--payload-bytes", why))
        }
    }
}

/// The headers of each request.
pub(super) fn metadata(plan: &WrittenPlan) -> Result<MetadataMap, SettingsError> {
    let metadata =
        request::metadata(&plan.metadata).map_err(|why| SettingsError::of("--metadata", why))?;
    if plan.deadline.is_some() && metadata.contains_key("grpc-timeout") {
        return Err(SettingsError::new("--deadline is sent as grpc-timeout: give one of the two"));
    }
    Ok(metadata)
}

/// The statuses that count as good.
pub(super) fn good_statuses(plan: &WrittenPlan) -> Result<GoodStatuses, SettingsError> {
    if plan.expect.is_empty() {
        return Ok(GoodStatuses::default());
    }
    let codes = plan.expect.iter().map(|text| status(text));
    Ok(GoodStatuses::of(codes.collect::<Result<Vec<_>, _>>()?))
}

/// Reads a status by its name, in any case and with or without underscores, or by its number.
fn status(text: &str) -> Result<StatusCode, SettingsError> {
    let plain = |name: &str| name.replace('_', "").to_ascii_uppercase();
    let (written, number) = (plain(text.trim()), text.trim().parse().ok());
    let found = (0..17)
        .find(|code| number == Some(*code) || plain(code_name(Code::from_i32(*code))) == written);
    found.map(StatusCode::from).ok_or_else(|| {
        SettingsError::new(format!(
            "--expect: {} is not a gRPC status: write names such as OK or NOT_FOUND, or numbers from 0 to 16",
            quoted(text)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_by_name_and_number() {
        for text in ["NOT_FOUND", "not_found", "NotFound", "5", " 5 "] {
            assert_eq!(status(text).map(i32::from), Ok(5), "{text}");
        }
        for text in ["", "17", "-1", "404", "FINE", "5.0"] {
            assert!(status(text).is_err_and(|why| why.to_string().contains("0 to 16")), "{text}");
        }
    }
}
