//! Reaching a server, or explaining why that failed.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use longsync_text::in_words;
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::connection::lost;
use crate::first_words::HandshakeError;
use crate::http2::Http2;
use crate::status::{refusal, sentence};
use crate::target::Target;
use crate::transport::Transport;

/// How long a server may take to accept a connection and to begin the protocol.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may allow no calls at all, if nothing else bounds the wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Connects over `transport` to the target's `nth` address, or to another of its addresses if that fails, and
/// begins the protocol on the stream. Both together take at most [`CONNECT_TIMEOUT`] by the timer.
///
/// # Errors
/// If no connection is opened in time, or `begin` fails.
///
/// # Cancel safety
/// The connection that is being opened is dropped; nothing else is lost.
pub async fn dial<T: Transport, Begun>(
    transport: &T,
    target: &Target,
    nth: usize,
    timer: &Timer,
    begin: impl AsyncFnOnce(T::Io) -> io::Result<Begun>,
) -> Result<Begun, ConnectError> {
    let connecting = async {
        let io = transport.open(target, nth, timer).await.map_err(|why| why.at(target))?;
        begin(io).await.map_err(|error| not_begun(target, error))
    };
    tokio::select! {
        connected = connecting => connected,
        _ = timer.sleep(CONNECT_TIMEOUT) => Err(timed_out(target)),
    }
}

/// Opens a connection over `transport` to the target's `nth` address, or to another of its addresses if that
/// fails, begins HTTP/2 on it, and waits until its peer allows calls. The connection may take at most
/// [`CONNECT_TIMEOUT`], and a peer that allows no calls yet has the same time once more. `wrap` is given the
/// stream, and returns what HTTP/2 reads and writes; `before_poll` is called before each poll of the
/// connection.
///
/// Returns the handle that sends requests, and the connection, which must be polled further.
///
/// # Errors
/// If the connection does not take calls in time; [`ConnectError::is_goaway`] tells whether another one may.
///
/// # Cancel safety
/// The connection that is being opened is dropped; nothing else is lost.
pub async fn dial_http2<T, IO>(
    transport: &T,
    target: &Target,
    nth: usize,
    timer: &Timer,
    wrap: impl FnOnce(T::Io) -> IO,
    mut before_poll: impl FnMut(),
) -> Result<(SendRequest<Bytes>, Http2<IO>), ConnectError>
where
    T: Transport,
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let begin = async |io| Http2::begin(wrap(io), &mut before_poll).await;
    let (sender, mut connection) = dial(transport, target, nth, timer, begin).await?;
    tokio::select! {
        allowed = connection.until_calls_are_allowed(&mut before_poll) => match allowed {
            Ok(()) => Ok((sender, connection)),
            // A connection that ends without an error after a GOAWAY ends well.
            Err(ended) => Err(gone_before_any_call(target, ended.or_else(|| lost(&sender)))),
        },
        _ = timer.sleep(PATIENCE) => Err(allows_no_calls(target)),
    }
}

/// Why a connection that this error ended before any call takes none.
pub(crate) fn gone_before_any_call(target: &Target, lost: Option<h2::Error>) -> ConnectError {
    let (kind, why) = match &lost {
        Some(lost) if lost.is_go_away() && lost.is_remote() => {
            let why = format!("it is going away ({} arrived before any call)", refusal(lost));
            (ConnectErrorKind::Closed, why)
        }
        Some(lost) if lost.is_go_away() => (ConnectErrorKind::Protocol, sentence(lost)),
        _ => {
            let why = "it closed the connection right after its settings, before any call";
            (ConnectErrorKind::Closed, why.to_owned())
        }
    };
    let is_goaway = kind == ConnectErrorKind::Closed;
    let error = ConnectError::new(target, kind, &why);
    let error = match lost {
        Some(lost) => error.with_source(lost),
        None => error,
    };
    if is_goaway { error.of_goaway() } else { error }
}

/// The error for a server that allowed no calls for [`PATIENCE`].
pub(crate) fn allows_no_calls(target: &Target) -> ConnectError {
    let seconds = PATIENCE.as_secs();
    let why = format!("it has allowed no calls for {seconds} s: its MAX_CONCURRENT_STREAMS is 0");
    ConnectError::new(target, ConnectErrorKind::NoCalls, &why)
}

fn timed_out(target: &Target) -> ConnectError {
    let seconds = CONNECT_TIMEOUT.as_secs();
    let why =
        format!("timed out: nothing that an HTTP server would send arrived within {seconds} s");
    ConnectError::new(target, ConnectErrorKind::TimedOut, &why)
}

/// Why the peer is not a server of the protocol.
fn not_begun(target: &Target, error: io::Error) -> ConnectError {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    let inner = error.get_ref();
    let of_h2 = inner.and_then(|inner| inner.downcast_ref::<h2::Error>());
    let (kind, why) = if let Some(known) =
        inner.and_then(|inner| inner.downcast_ref::<HandshakeError>())
    {
        (ConnectErrorKind::Protocol, known.to_string())
    } else if let Some(broken) = of_h2.filter(|error| error.reason().is_some()) {
        (ConnectErrorKind::Protocol, sentence(broken))
    } else if let UnexpectedEof | ConnectionReset | BrokenPipe =
        of_h2.and_then(h2::Error::get_io).unwrap_or(&error).kind()
    {
        let why = "it closed the connection before it began to speak HTTP";
        (ConnectErrorKind::Closed, format!("{why} ({})", in_words(&error)))
    } else {
        let why = format!("what listens there does not speak the protocol ({})", in_words(&error));
        (ConnectErrorKind::Protocol, why)
    };
    ConnectError::new(target, kind, &why).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_connection_that_ends_before_it_speaks_is_explained_without_an_error_number() {
        let target = "http://127.0.0.1:9000".parse().unwrap();
        for (number, kind) in [(32, ConnectErrorKind::Closed), (5, ConnectErrorKind::Protocol)] {
            let error = not_begun(&target, io::Error::from_raw_os_error(number));
            assert_eq!(error.kind(), kind);
            assert!(!error.to_string().contains("os error"), "{error}");
        }
    }
}
