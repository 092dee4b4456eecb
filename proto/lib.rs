//! The contract of longsync, and the few constants that the server and the client share.
//!
//! [`v1`] is generated from `proto/longsync/v1/longsync.proto`, whose comments define each field. Nothing
//! here does I/O.
//!
//! ```
//! use std::time::Duration;
//!
//! use longsync::duration::to_proto;
//! use longsync::frame::{Prefix, encoded};
//! use longsync::v1::LongSyncRequest;
//!
//! let delay = Some(to_proto(Duration::from_millis(250)));
//! let request = LongSyncRequest { delay, ..LongSyncRequest::default() };
//! // The body of a gRPC request.
//! let body = encoded(&request);
//! let (prefix, message) = body.split_first_chunk().expect("a prefix comes first");
//! assert_eq!(Prefix::read(*prefix), Prefix::of_length(message.len()));
//! ```
//!
//! With the feature `generate`, the build script generates the code from the contract with protox.
//! Without it, the build uses the committed files, so that dependents do not compile the generator.

pub mod codec;
pub mod deadline;
pub mod duration;
pub mod frame;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The generated messages, client and server of `longsync.v1`.
#[expect(
    unused_qualifications,
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code"
)]
pub mod v1 {
    include!(concat!(env!("LONGSYNC_GENERATED"), "/longsync.v1.rs"));
}

/// The generated messages of `grpc.testing`, the part of gRPC's interop tests that a server needs to pass
/// them. They are not part of the contract.
pub mod testing {
    include!(concat!(env!("LONGSYNC_GENERATED"), "/grpc.testing.rs"));
}

/// The encoded `google.protobuf.FileDescriptorSet` of `grpc.testing`.
pub const TESTING_FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("LONGSYNC_GENERATED"), "/grpc.testing.binpb"));

/// The encoded `google.protobuf.FileDescriptorSet` of the contract, with all of its imports.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("LONGSYNC_GENERATED"), "/longsync.v1.binpb"));

/// The default address: where a server listens and a client calls.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);

/// The address at which clients on the same machine call a server that listens on `ip`. If that means all
/// addresses, it is not an address to call, and the result is the loopback address.
pub const fn callable(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(all) if all.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(all) if all.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => ip,
    }
}

/// The request header that specifies how a call behaves if the request itself does not.
pub const BEHAVIOR_HEADER: &str = "x-longsync-behavior";

/// The request header that names a call if the request itself does not.
pub const CALL_ID_HEADER: &str = "x-longsync-call-id";

/// The request header that states how many attempts of a call came before, by gRPC's own retries.
pub const PREVIOUS_ATTEMPTS_HEADER: &str = "grpc-previous-rpc-attempts";

/// The text of every answer.
pub const DONE: &str = "Done!";

/// The HTTP path that answers after the delay.
pub const HTTP_PATH: &str = "/long_sync";

/// The type URL of a [`v1::Timing`] in the details of a status.
pub const TIMING_TYPE_URL: &str = "type.googleapis.com/longsync.v1.Timing";

/// The start of the line that a server prints once it listens; its URL follows.
pub const LISTENING: &str = "longsync-server listening on";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_called_at_loopback_and_any_other_at_its_own() {
        for (listening, called) in [
            ("0.0.0.0", "127.0.0.1"),
            ("::", "::1"),
            ("::ffff:0.0.0.0", "127.0.0.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(callable(listening.parse().unwrap()), called.parse::<IpAddr>().unwrap());
        }
    }
}
