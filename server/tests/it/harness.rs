//! Servers to call, and clients that call them.

mod channel;
mod frames;
mod memory;
mod proof;
mod raw;
mod socket;
mod web;

use std::time::Duration;

use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{LongSyncExchangeRequest, LongSyncRequest, LongSyncStreamRequest};
use longsync_server::{Behavior, CallKind, Config, Limits, Options};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;

pub(crate) use self::channel::{Channel, Headers, ORIGIN, connect, connect_with};
pub(crate) use self::frames::{
    DATA, Frame, Frames, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, frame, open, request, unary,
};
pub(crate) use self::memory::Memory;
pub(crate) use self::proof::{Paused, bad_field, quota, seen, timing_of};
pub(crate) use self::raw::{Raw, RawCall, framed, read};
pub(crate) use self::socket::Socket;
pub(crate) use self::web::Web;

pub(crate) use anyhow::Result;

/// The client that `tonic` generates.
pub(crate) type Client = LongSyncServiceClient<Channel>;

/// An hour: longer than any test.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// The RPCs and their names.
pub(crate) const KINDS: [(CallKind, &str); 4] = [
    (CallKind::LongSync, "LongSync"),
    (CallKind::LongSyncStream, "LongSyncStream"),
    (CallKind::LongSyncCollect, "LongSyncCollect"),
    (CallKind::LongSyncExchange, "LongSyncExchange"),
];

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A free loopback port, two workers, the default delay of 5 s.
pub(crate) fn options() -> Options {
    Options {
        listen: ([127, 0, 0, 1], 0).into(),
        workers: std::num::NonZeroUsize::MIN.saturating_add(1),
        ..Options::default()
    }
}

/// The same options, checked.
pub(crate) fn config() -> Config {
    checked(options())
}

pub(crate) fn checked(options: Options) -> Config {
    Config::new(options).expect("a test's options are valid")
}

pub(crate) fn with_limits(limits: Limits) -> Config {
    checked(Options { limits, ..options() })
}

pub(crate) fn with_drain(drain: Duration) -> Config {
    checked(Options { drain, ..options() })
}

pub(crate) fn with_delay(delay: Duration) -> Config {
    checked(Options { behavior: Behavior::constant(delay), ..options() })
}

/// The duration in the form that the fields of requests and timings have.
#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn delay(delay: Duration) -> Option<prost_types::Duration> {
    Some(longsync::duration::to_proto(delay))
}

/// A unary request.
pub(crate) fn wait(of: Duration) -> LongSyncRequest {
    LongSyncRequest { delay: delay(of), ..LongSyncRequest::default() }
}

/// A request for a stream.
pub(crate) fn waits(of: Duration, count: u32) -> LongSyncStreamRequest {
    LongSyncStreamRequest {
        delay: delay(of),
        count: Some(count),
        ..LongSyncStreamRequest::default()
    }
}

/// One request of an exchange.
pub(crate) fn ask(id: u64, of: Duration) -> LongSyncExchangeRequest {
    LongSyncExchangeRequest { id, delay: delay(of), ..LongSyncExchangeRequest::default() }
}

/// A stream of requests that stays open until its sender is dropped.
pub(crate) fn open_stream<T>() -> (mpsc::UnboundedSender<T>, UnboundedReceiverStream<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, UnboundedReceiverStream::new(receiver))
}

/// A request with these headers.
pub(crate) fn with_headers<T>(
    message: T,
    headers: &[(&'static str, &str)],
) -> Result<tonic::Request<T>> {
    let mut request = tonic::Request::new(message);
    for (name, value) in headers {
        request.metadata_mut().append(*name, value.parse()?);
    }
    Ok(request)
}

/// A request with a deadline.
pub(crate) fn within<T>(timeout: Duration, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

/// The paused clock advances only when nothing else can happen first.
pub(crate) async fn settle() {
    tokio::time::sleep(ms(1)).await;
}

/// All answers of a stream, each with its time of arrival.
pub(crate) async fn timed<T>(
    clock: Paused,
    mut answers: Streaming<T>,
) -> Result<Vec<(Duration, T)>> {
    let mut came = Vec::new();
    while let Some(answer) = answers.message().await? {
        came.push((clock.elapsed(), answer));
    }
    Ok(came)
}

/// Waits until `holds` is true, which something under way will make it; gives up after 10 s.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(ms(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding).await.expect("it held within 10 s");
}
