//! Recognizes clients and proxies that expect another kind of server. The log reports them, because what they
//! see themselves rarely explains what is wrong.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a connection that is not HTTP begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// The `ClientHello` of a TLS client.
    Tls,
    /// A header of the PROXY protocol, of version 1 or 2.
    Proxy,
}

/// What the first bytes of a connection are known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    Foreign(Foreign),
    /// So far, they may be HTTP or not.
    Unclear,
    /// Neither TLS nor the PROXY protocol.
    Other,
}

/// The start of a TLS record that contains a handshake, of any version since SSL 3.
const TLS: &[u8] = b"\x16\x03";
const PROXY_1: &[u8] = b"PROXY ";
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Classifies the first bytes of a connection.
pub(crate) fn judge(head: &[u8]) -> FirstBytes {
    let mut is_unclear = false;
    for (begins, foreign) in
        [(TLS, Foreign::Tls), (PROXY_1, Foreign::Proxy), (PROXY_2, Foreign::Proxy)]
    {
        if head.starts_with(begins) {
            return FirstBytes::Foreign(foreign);
        }
        is_unclear |= begins.starts_with(head);
    }
    if is_unclear { FirstBytes::Unclear } else { FirstBytes::Other }
}

/// Each kind is reported at most once in this time.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// When each kind was last reported.
#[derive(Debug, Default)]
pub(crate) struct LastReports(Mutex<[Option<Instant>; 2]>);

impl LastReports {
    /// Reports this kind in the log, unless it was reported recently.
    pub(crate) fn tell(&self, foreign: Foreign, peer: Option<SocketAddr>, now: Instant) {
        if !self.is_due(foreign, now) {
            return;
        }
        let peer = peer.map(tracing::field::display);
        match foreign {
            Foreign::Tls => tracing::warn!(
                peer,
                "a client speaks TLS, which this server does not: call it with http://, \
                 or with -plaintext, or let a proxy in front terminate TLS"
            ),
            Foreign::Proxy => tracing::warn!(
                peer,
                "a connection began with a PROXY protocol header, which this server does not read: \
                 turn it off in the proxy or load balancer in front (send-proxy, proxy_protocol)"
            ),
        }
    }

    fn is_due(&self, foreign: Foreign, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = &mut told[foreign as usize];
        let is_due = told.is_none_or(|at| now.saturating_duration_since(at) >= TELL_EVERY);
        if is_due {
            *told = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_and_a_header_are_recognized_in_any_pieces() {
        for (bytes, expected) in [
            (&b"\x16\x03\x01\x02\0\x01\0"[..], Some(Foreign::Tls)),
            (b"\x16\x03\x03\0\x05\x01", Some(Foreign::Tls)),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Some(Foreign::Proxy)),
            (b"PROXY UNKNOWN\r\n", Some(Foreign::Proxy)),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", Some(Foreign::Proxy)),
            (b"PROPFIND / HTTP/1.1\r\n", None),
            (b"PROXYING / HTTP/1.1\r\n", None),
            (b"\r\nGET / HTTP/1.1\r\n", None),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", None),
            (b"GET / HTTP/1.1\r\n", None),
            (b"\x16\x02", None),
        ] {
            let judged = (1..=bytes.len()).map(|length| judge(&bytes[..length]));
            let clear = judged.into_iter().find(|judged| *judged != FirstBytes::Unclear);
            let expected = expected.map_or(FirstBytes::Other, FirstBytes::Foreign);
            assert_eq!(clear, Some(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn each_kind_is_reported_once_per_minute() {
        let (told, start) = (LastReports::default(), Instant::now());
        assert!(told.is_due(Foreign::Tls, start));
        assert!(told.is_due(Foreign::Proxy, start));
        assert!(!told.is_due(Foreign::Tls, start + Duration::from_secs(59)));
        assert!(told.is_due(Foreign::Tls, start + Duration::from_secs(60)));
        assert!(!told.is_due(Foreign::Tls, start + Duration::from_secs(119)));
    }
}
