//! The first bytes of a peer: if they are not HTTP/2, they show what the peer speaks.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use longsync_text::said::quoted_bytes;

use crate::watched::Watcher;

/// The number of bytes that are kept.
const MOST_BYTES: usize = 40;

/// The first bytes that arrived on a connection. Clones are handles to the same bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstWords(Arc<Mutex<Vec<u8>>>);

/// Why HTTP/2 cannot be begun with a peer, as a sentence: it speaks another protocol.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct HandshakeError(String);

/// Keeps bytes as they arrive, until it has enough.
#[derive(Debug)]
pub(crate) struct FirstWordsWatcher(Option<FirstWords>);

impl FirstWords {
    /// The watcher that records these bytes.
    pub(crate) fn watcher(&self) -> FirstWordsWatcher {
        FirstWordsWatcher(Some(self.clone()))
    }

    /// What an error in the first frames means, given the bytes that had arrived.
    pub(crate) fn explain(&self, error: h2::Error) -> io::Error {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match other_protocol(&words) {
            Some(what) => {
                let why = format!("what listens there does not speak the protocol: {what}");
                io::Error::other(HandshakeError(why))
            }
            None => io::Error::other(error),
        }
    }
}

/// What these first bytes are, as a sentence; [`None`] if they may be HTTP/2.
fn other_protocol(words: &[u8]) -> Option<String> {
    let line = words.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if words.starts_with(b"HTTP/1.") {
        return Some(format!("it answers in HTTP/1.1, {}", quoted_bytes(line)));
    }
    // An alert or a handshake of TLS 1.0 to 1.3.
    if matches!(words, [0x15 | 0x16, 3, ..]) {
        return Some("it speaks TLS, which is not supported yet".to_owned());
    }
    // The server's first frame is SETTINGS (RFC 9113, 3.4): type 4, after three bytes of length.
    let is_settings = words.get(3).is_none_or(|kind| *kind == 4);
    let is_text = line.len() > 3 && line.iter().all(|byte| (0x20..0x7f).contains(byte));
    (!is_settings).then(|| {
        let said = if is_text { format!(" but {}", quoted_bytes(line)) } else { String::new() };
        format!("its first bytes are not a SETTINGS frame{said}")
    })
}

impl Watcher for FirstWordsWatcher {
    #[inline]
    fn has_read(&mut self, bytes: &[u8]) {
        if let Some(words) = &self.0 {
            let is_enough = {
                let mut words = words.0.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MOST_BYTES - words.len();
                words.extend_from_slice(&bytes[..room.min(bytes.len())]);
                words.len() == MOST_BYTES
            };
            if is_enough {
                self.0 = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any first bytes are described without a panic, and no control character in them is printed.
        #[test]
        fn any_first_bytes_can_be_described(words in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(what) = other_protocol(&words) {
                prop_assert!(!what.contains(char::is_control), "{:?}", what);
            }
        }
    }

    #[test]
    fn other_protocols_are_named() {
        let what = |words: &[u8]| other_protocol(words).unwrap();
        assert_eq!(
            what(b"HTTP/1.1 400 Bad Request\r\nx: y"),
            "it answers in HTTP/1.1, `HTTP/1.1 400 Bad Request`"
        );
        assert!(what(b"\x15\x03\x01\0\x02\x02\x16").contains("TLS"));
        assert!(what(b"SSH-2.0-x\r\n").ends_with("SETTINGS frame but `SSH-2.0-x`"));
        assert!(what(&[0; 40]).ends_with("not a SETTINGS frame"));
        for http2 in [&b""[..], b"\0\0", b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x06\x04\0"] {
            assert_eq!(other_protocol(http2), None);
        }
    }
}
