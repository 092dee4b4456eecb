//! gRPC's status codes: their names, and the HTTP statuses that correspond to them.

use std::fmt;

/// A status code of gRPC, from 0 (OK) to 16 (`statuscodes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcCode(u8);

/// The codes in the order of their numbers, each with the HTTP status that `google/rpc/code.proto` gives it.
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

impl GrpcCode {
    /// Success.
    pub const OK: Self = Self(0);
    /// An error without a better code.
    pub const UNKNOWN: Self = Self(2);

    /// The code with this number.
    pub const fn new(number: u8) -> Option<Self> {
        if (number as usize) < CODES.len() { Some(Self(number)) } else { None }
    }

    /// All codes, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map_while(Self::new)
    }

    /// The code with this name, in either case.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|code| code.name().eq_ignore_ascii_case(name))
    }

    /// The code that a client makes of an HTTP answer without a gRPC status
    /// (`http-grpc-status-mapping.md`).
    pub const fn of_http(status: u16) -> Self {
        Self(match status {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502..=504 => 14,
            _ => 2,
        })
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name, in capitals.
    pub const fn name(self) -> &'static str {
        CODES[self.0 as usize].0
    }

    /// The HTTP status that corresponds to it (`google/rpc/code.proto`).
    pub const fn http_status(self) -> u16 {
        CODES[self.0 as usize].1
    }
}

impl fmt::Display for GrpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_http_statuses_belong_together() {
        for (number, name, http) in [
            (0, "OK", 200),
            (1, "CANCELLED", 499),
            (8, "RESOURCE_EXHAUSTED", 429),
            (14, "UNAVAILABLE", 503),
            (16, "UNAUTHENTICATED", 401),
        ] {
            let code = GrpcCode::new(number).unwrap();
            assert_eq!((code.number(), code.name(), code.http_status()), (number, name, http));
            assert_eq!(GrpcCode::named(&name.to_lowercase()), Some(code));
        }
        assert_eq!(GrpcCode::new(17), None);
        assert_eq!(GrpcCode::named("FINE"), None);
        assert_eq!(GrpcCode::all().count(), CODES.len());
    }

    #[test]
    fn an_http_status_stands_for_a_code() {
        for (status, name) in [
            (400, "INTERNAL"),
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (404, "UNIMPLEMENTED"),
            (418, "UNKNOWN"),
            (429, "UNAVAILABLE"),
            (500, "UNKNOWN"),
            (502, "UNAVAILABLE"),
            (504, "UNAVAILABLE"),
            (599, "UNKNOWN"),
        ] {
            assert_eq!(GrpcCode::of_http(status).name(), name, "{status}");
        }
    }
}
