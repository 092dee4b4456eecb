//! Calls in one line of code.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longsync::duration::to_proto;
use longsync::v1::{LongSyncRequest, LongSyncResponse, Timing};
use longsync_text::said::printable;
use longsync_timer::{Clock, Timer};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::answer::{AnswerLimits, ExpectedMessages, PAGE_BYTES, room_for};
use crate::body::Stamps;
use crate::connect_error::ConnectError;
use crate::connection_pool::ConnectionPool;
use crate::rpc::{self, RetryLog, Rpc};
use crate::status::{self, code_name};
use crate::target::Target;
use crate::timing::plausible;

/// Opens a connection to a server, given as a URL such as `http://127.0.0.1:9000`, as its host and port alone, such
/// as `localhost:9000`, or as a [`Target`].
///
/// This needs a tokio runtime with I/O and time enabled. The connection runs on that runtime, and the
/// client's calls should run there too.
///
/// # Errors
/// If the URL is not that of a server, or the server is not reached within 10 s; a server that allows no
/// calls yet has 10 s more, and one that sends a GOAWAY before any call is tried once more, with the same
/// time limits. [`ConnectError::kind`] tells these errors apart.
///
/// # Panics
/// Outside such a runtime.
///
/// # Cancel safety
/// The connection that is being opened is closed; nothing else is lost.
///
/// ```
/// use longsync_connect::ConnectErrorKind;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let refused = longsync_connect::connect("localhost:9000/long_sync").await.unwrap_err();
/// assert_eq!(refused.kind(), ConnectErrorKind::NotATarget);
/// assert_eq!(
///     refused.to_string(),
///     "`/long_sync` is a path, but each call has its own path: write http://localhost:9000"
/// );
/// # }
/// ```
pub async fn connect<T>(url: T) -> Result<Client, ConnectError>
where
    T: TryInto<Target>,
    ConnectError: From<T::Error>,
{
    let connections = ConnectionPool::new(url.try_into()?, Timer::new(Clock::Monotonic));
    // A permit that is returned unused leaves its connection open.
    drop(connections.permit().await?);
    Ok(Client { connections: Arc::new(connections) })
}

/// A client of one server. Clones share its connections: one, and more if the server's limit on streams is
/// too low for the calls in flight. They are closed once the last clone has been dropped and the last call
/// has ended.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Arc<ConnectionPool>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    response: LongSyncResponse,
    service_time: Duration,
}

/// How a call failed: a gRPC status.
#[derive(Debug, Clone)]
pub struct CallError {
    status: Status,
    unreached: Option<ConnectError>,
}

impl Client {
    /// Asks the server to wait this long, and returns its answer.
    ///
    /// # Errors
    /// The status with which the call ended, such as `INVALID_ARGUMENT` if the server does not allow delays
    /// of this length, or `UNAVAILABLE` if the connection was lost.
    ///
    /// # Panics
    /// As [`connect`].
    ///
    /// # Cancel safety
    /// The call is reset, which ends the server's wait; other calls are not affected. To set a deadline, wrap
    /// the call in [`tokio::time::timeout`].
    pub async fn long_sync(&self, delay: Duration) -> Result<Answer, CallError> {
        self.call(LongSyncRequest { delay: Some(to_proto(delay)), ..LongSyncRequest::default() })
            .await
    }

    /// Makes a call with this request, which may leave the delay to the server or ask for a payload.
    /// Otherwise the same as [`long_sync`](Self::long_sync), including errors, panics and cancel safety.
    pub async fn call(&self, request: LongSyncRequest) -> Result<Answer, CallError> {
        let permit = self.connections.permit().await?;
        let (stamps, retried) = (Stamps::default(), RetryLog::default());
        let room = room_for(&request.payload, request.echo_payload, request.response_bytes);
        let limits = AnswerLimits {
            message_bytes: room,
            expected: ExpectedMessages::One,
            page_bytes: PAGE_BYTES,
        };
        let rpc =
            Rpc { connections: &self.connections, stamps: &stamps, retried: &retried, limits };
        let origin = self.connections.target().origin();
        let head = rpc::head(origin, rpc::path("LongSync"), &MetadataMap::new(), None);
        let mut answers = rpc.begin(permit, || (head.clone(), rpc::whole(&request))).await?;
        let mut last = None;
        while let Some(response) = answers.next::<LongSyncResponse>().await? {
            last = Some(response);
        }
        // A call that ends well has one answer; anything else is an error.
        let response = last.unwrap_or_default();
        let service_time = match (stamps.sent(), stamps.done()) {
            (Some(sent), Some(done)) => done.saturating_duration_since(sent),
            _ => Duration::ZERO,
        };
        Ok(Answer { response, service_time })
    }

    /// The server that this client calls.
    pub fn target(&self) -> &Target {
        self.connections.target()
    }

    /// Its connections, for calls of other kinds.
    pub fn connections(&self) -> &Arc<ConnectionPool> {
        &self.connections
    }
}

impl Answer {
    /// The message of the answer: `Done!`.
    pub fn message(&self) -> &str {
        &self.response.message
    }

    /// The server's account of the call, as sent. Every longsync server sends one.
    pub fn timing(&self) -> Option<&Timing> {
        self.response.timing.as_ref()
    }

    /// How long the server waited, if it reported a time that is plausible.
    pub fn waited(&self) -> Option<Duration> {
        plausible(self.timing()?.waited.as_ref())
    }

    /// From when the request's headers were handed to HTTP/2 until the end of the answer was read, by the
    /// client's clock.
    pub fn service_time(&self) -> Duration {
        self.service_time
    }

    /// The complete answer, with its payload.
    pub fn into_response(self) -> LongSyncResponse {
        self.response
    }
}

impl CallError {
    /// The code of the status; never `Ok`.
    pub fn code(&self) -> Code {
        self.status.code()
    }

    /// The message of the status, exactly as the server wrote it if it is the server's. It may contain
    /// control characters; the error's own `Display` escapes them.
    pub fn message(&self) -> &str {
        self.status.message()
    }

    /// The server's account of the call, if it sent one.
    pub fn timing(&self) -> Option<Timing> {
        status::timing(&self.status)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", code_name(self.code()), printable(self.message()))
    }
}

/// The source is the reason why no connection could be opened, if that was the cause.
impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.unreached.as_ref().map(|unreached| unreached as &(dyn Error + 'static))
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        Self { status, unreached: None }
    }
}

impl From<ConnectError> for CallError {
    fn from(unreached: ConnectError) -> Self {
        let status = Status::unavailable(unreached.to_string());
        Self { status, unreached: Some(unreached) }
    }
}
