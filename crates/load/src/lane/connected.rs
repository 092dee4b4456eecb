//! Connections that are about to carry calls.

use std::rc::Rc;

use bytes::Bytes;
use h2::client::SendRequest;
use longsync_connect::{ConnectError, Http2, Transport, WatchedIo, dial_http2};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::backoff::Backoff;
use crate::common::Common;
use crate::gauge::{Gauge, Keeper};

/// The sending half of a connection.
#[derive(Debug)]
pub(super) struct LaneSender {
    pub(super) sender: SendRequest<Bytes>,
    pub(super) max_streams: usize,
    pub(super) gauge: Rc<Gauge>,
}

/// A connection that is about to carry calls.
#[derive(Debug)]
pub(crate) struct ReadyConnection<IO> {
    pub(super) peer: LaneSender,
    pub(super) connection: WatchedConnection<IO>,
    /// The number of this connection among those of the run, from 0.
    pub(super) nth: u64,
    pub(super) backoff: Backoff,
    pub(super) failed_attempts: u64,
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(crate) struct DialError {
    pub(crate) error: ConnectError,
    /// How many attempts were made.
    pub(crate) attempts: u64,
}

/// A connection whose lane takes calls for it.
#[derive(Debug)]
pub(crate) struct LaneConnection<IO> {
    pub(super) connection: WatchedConnection<IO>,
    pub(super) gauge: Rc<Gauge>,
    pub(super) nth: u64,
    pub(super) failed_attempts: u64,
}

/// A connection whose bytes are watched.
type WatchedConnection<IO> = Http2<WatchedIo<IO, Keeper>>;

impl<IO> ReadyConnection<IO> {
    /// Opens the `nth` connection of the run, to the address assigned to that number, and waits for the
    /// peer's settings, which contain its limit on streams. A connection whose peer sends a GOAWAY before any
    /// call is tried once more.
    pub(crate) async fn dial<M, T>(common: &Common<M, T>, nth: u64) -> Result<Self, DialError>
    where
        T: Transport<Io = IO>,
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        match Self::dial_once(common, nth).await {
            Err(error) if error.is_goaway() => {
                let again = Self::dial_once(common, nth).await;
                let again = again.map_err(|error| DialError { error, attempts: 2 })?;
                Ok(Self { failed_attempts: 1, ..again })
            }
            dialed => dialed.map_err(|error| DialError { error, attempts: 1 }),
        }
    }

    async fn dial_once<M, T>(common: &Common<M, T>, nth: u64) -> Result<Self, ConnectError>
    where
        T: Transport<Io = IO>,
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let gauge = Gauge::new(common.timer.clone());
        let wrap = |io| WatchedIo::new(io, gauge.keeper());
        let Common { transport, target, timer, .. } = common;
        // No run has so many connections that this cuts anything off.
        let address = usize::try_from(nth).unwrap_or(usize::MAX);
        let dialing = dial_http2(transport, target, address, timer, wrap, || gauge.refill());
        let (sender, connection) = dialing.await?;
        let max_streams = connection.max_streams();
        let peer = LaneSender { sender, max_streams, gauge };
        let backoff = Backoff::new(common.seed.wrapping_add(nth));
        Ok(Self { peer, connection, nth, backoff, failed_attempts: 0 })
    }

    /// How many calls it carries at once.
    pub(crate) fn max_streams(&self) -> usize {
        self.peer.max_streams
    }
}

impl From<DialError> for ConnectError {
    fn from(DialError { error, .. }: DialError) -> Self {
        error
    }
}
