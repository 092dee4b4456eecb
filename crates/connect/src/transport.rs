//! Transports, which carry the bytes of a connection.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use longsync_text::in_words;
use longsync_timer::Timer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::target::Target;

/// Opens byte streams to a target: [`Tcp`], a transport in memory, or (later) TLS.
pub trait Transport {
    /// The stream.
    type Io: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Opens a stream to the target's address number `nth`, from 0, modulo the number of addresses, or to
    /// another address if that one does not accept. [`dial`](crate::dial) limits the time that this may take,
    /// by this timer.
    ///
    /// # Errors
    /// If no address accepts.
    ///
    /// # Cancel safety
    /// Streams that have been opened are closed.
    fn open(
        &self,
        target: &Target,
        nth: usize,
        timer: &Timer,
    ) -> impl Future<Output = Result<Self::Io, TransportError>>;
}

/// `EMFILE`, the same on Linux, the BSDs and macOS; [`io::ErrorKind`] has no value for it.
const NO_MORE_FILES: i32 = 24;

/// Why a transport could not open a stream to a target.
#[derive(Debug)]
pub struct TransportError {
    kind: ConnectErrorKind,
    why: String,
    source: Option<io::Error>,
}

/// How long to try an address that does not respond if there are others.
const SILENT_FOR: Duration = Duration::from_secs(2);

/// TCP without TLS. Of the host's n addresses, in the resolver's order, connection i goes to address i mod n.
/// If that address does not accept, it is left out, and connection i goes to address i mod (n - 1) of the
/// others, and so on: the connections of an address that is down are spread evenly over the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Transport for Tcp {
    type Io = TcpStream;

    async fn open(
        &self,
        target: &Target,
        nth: usize,
        timer: &Timer,
    ) -> Result<TcpStream, TransportError> {
        let (host, port) = target.host_and_port();
        let unknown = |error: io::Error| TransportError {
            kind: ConnectErrorKind::UnknownHost,
            why: format!("cannot resolve the host `{host}`: {}", in_words(&error)),
            source: Some(error),
        };
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(unknown)?.collect();
        let socket = first_to_accept(&addresses, nth, timer).await?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

/// Tries the addresses in their order for connection `nth`.
async fn first_to_accept(
    addresses: &[SocketAddr],
    nth: usize,
    timer: &Timer,
) -> Result<TcpStream, TransportError> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no addresses");
    let mut order = AddressOrder::new(addresses, nth);
    while let Some((address, is_last)) = order.next() {
        let connecting = TcpStream::connect(address);
        let connected = if is_last {
            connecting.await
        } else {
            tokio::select! {
                connected = connecting => connected,
                _ = timer.sleep(SILENT_FOR) => Err(io::ErrorKind::TimedOut.into()),
            }
        };
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(not_connected(last, addresses))
}

/// The order in which addresses are tried for one connection. Pure.
#[derive(Debug)]
struct AddressOrder {
    nth: usize,
    left: Vec<SocketAddr>,
}

impl AddressOrder {
    fn new(addresses: &[SocketAddr], nth: usize) -> Self {
        Self { nth, left: addresses.to_vec() }
    }

    /// The next address to try, and whether it is the last one.
    fn next(&mut self) -> Option<(SocketAddr, bool)> {
        let index = self.nth.checked_rem(self.left.len())?;
        let address = self.left.remove(index);
        Some((address, self.left.is_empty()))
    }
}

impl TransportError {
    /// For custom transports: the message names the target, then continues with `why`.
    pub fn new(kind: ConnectErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), source: None }
    }

    pub(crate) fn at(self, target: &Target) -> ConnectError {
        let error = ConnectError::new(target, self.kind, &self.why);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        let why = match error.raw_os_error() {
            Some(NO_MORE_FILES) if cfg!(unix) => {
                "this process has reached its limit on open files; open fewer connections, or raise its \
                 hard limit (`ulimit -Hn`)"
                    .to_owned()
            }
            _ => in_words(&error),
        };
        Self { kind: ConnectErrorKind::Io, why, source: Some(error) }
    }
}

impl std::fmt::Display for TransportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why there is no connection. If nothing listens on this machine, the error suggests how to start a server.
fn not_connected(error: io::Error, addresses: &[SocketAddr]) -> TransportError {
    if error.kind() != io::ErrorKind::ConnectionRefused {
        return error.into();
    }
    let help = addresses
        .iter()
        .find_map(on_this_machine)
        .map(|address| format!("; start a server there with `longsync-server --listen {address}`"));
    let why = format!("connection refused: nothing is listening there{}", help.unwrap_or_default());
    TransportError { kind: ConnectErrorKind::Refused, why, source: Some(error) }
}

/// The address on which a server on this machine has to listen to be reached at this address. The unspecified
/// address reaches loopback, and a server that listened on it could also be called from other machines.
fn on_this_machine(address: &SocketAddr) -> Option<SocketAddr> {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip if ip.is_loopback() => ip,
        _ => return None,
    };
    // Port 0 means any free port, and nothing listens on it.
    (address.port() != 0).then(|| SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use longsync_timer::Clock;
    use proptest::prelude::*;
    use tokio::net::TcpListener;

    use super::*;

    /// The address to which connection `nth` goes if the addresses with these indices accept.
    fn chosen(count: u8, accepting: &[u8], nth: usize) -> Option<u8> {
        let address = |index| SocketAddr::from(([127, 0, 0, index], 1));
        let addresses: Vec<_> = (0..count).map(address).collect();
        let mut order = AddressOrder::new(&addresses, nth);
        std::iter::from_fn(|| order.next())
            .find_map(|(tried, _)| accepting.iter().copied().find(|index| address(*index) == tried))
    }

    proptest! {
        /// A connection goes to its own address if that accepts, else to another one that does, if any.
        #[test]
        fn a_connection_goes_to_its_own_address_or_else_to_one_that_accepts(
            count in 1_u8..20,
            accepting in proptest::collection::btree_set(0_u8..20, 0..20),
            nth in any::<usize>(),
        ) {
            let accepting: Vec<_> = accepting.into_iter().filter(|index| *index < count).collect();
            let own = u8::try_from(nth % usize::from(count)).unwrap();
            match chosen(count, &accepting, nth) {
                Some(index) if accepting.contains(&own) => prop_assert_eq!(index, own),
                Some(index) => prop_assert!(accepting.contains(&index)),
                None => prop_assert!(accepting.is_empty()),
            }
        }

        /// If one address is down, the others get equal numbers of connections.
        #[test]
        fn the_connections_of_an_address_that_is_down_are_spread_evenly(
            (count, down) in (2_u8..9).prop_flat_map(|count| (Just(count), 0..count)),
        ) {
            let accepting: Vec<_> = (0..count).filter(|index| *index != down).collect();
            let whole = usize::from(count) * usize::from(count - 1);
            let mut counts = BTreeMap::<_, usize>::new();
            for nth in 0..whole {
                *counts.entry(chosen(count, &accepting, nth).unwrap()).or_default() += 1;
            }
            prop_assert_eq!(counts.len(), accepting.len());
            prop_assert!(counts.values().all(|number| *number == usize::from(count)));
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_skipped_wherever_it_is_in_the_list() {
        let timer = Timer::new(Clock::Monotonic);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let up = listener.local_addr().unwrap();
        let down = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for nth in 0..4 {
            for addresses in [[down, up], [up, down]] {
                let socket = first_to_accept(&addresses, nth, &timer).await.unwrap();
                assert_eq!(socket.peer_addr().unwrap(), up);
            }
        }
        let refused = first_to_accept(&[down, down], 1, &timer).await.unwrap_err();
        assert_eq!(refused.kind, ConnectErrorKind::Refused);
        assert!(first_to_accept(&[], 1, &timer).await.is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_errors_of_the_system_are_in_words() {
        let why = |number| TransportError::from(io::Error::from_raw_os_error(number)).to_string();
        for number in [13, 101, NO_MORE_FILES] {
            assert!(!why(number).contains("os error"), "{}", why(number));
        }
        assert_eq!(why(13), "permission denied");
        assert!(why(NO_MORE_FILES).ends_with("or raise its hard limit (`ulimit -Hn`)"));
    }

    #[test]
    fn starting_a_server_is_suggested_only_for_this_machine() {
        let why = |kind: io::ErrorKind, address: &str| {
            not_connected(io::Error::from(kind), &[address.parse().unwrap()]).to_string()
        };
        let refused = io::ErrorKind::ConnectionRefused;
        for (address, listen) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("127.1.2.3:9000", "127.1.2.3:9000"),
            ("[::1]:9000", "[::1]:9000"),
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
            ("[::ffff:0.0.0.0]:9000", "127.0.0.1:9000"),
        ] {
            let why = why(refused, address);
            assert!(why.ends_with(&format!("`longsync-server --listen {listen}`")), "{why}");
        }
        for why in [
            why(refused, "192.0.2.1:9000"),
            why(refused, "127.0.0.1:0"),
            why(io::ErrorKind::HostUnreachable, "[::1]:1"),
        ] {
            assert!(!why.contains("longsync-server"), "{why}");
        }
    }
}
