//! The status of a call, by its number.

use std::fmt;

/// How many codes gRPC has: 0 to 16.
pub(crate) const CODES: usize = 17;

/// The code of a gRPC status, 0 to 16. Conversions from other numbers give 2, `UNKNOWN`, as gRPC has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u8);

impl StatusCode {
    /// The call was answered.
    pub const OK: Self = Self(0);
    /// Also any code that gRPC does not define.
    pub const UNKNOWN: Self = Self(2);
    /// The call's deadline passed.
    pub const DEADLINE_EXCEEDED: Self = Self(4);

    /// Its place among the codes.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All codes, from 0 on.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..).take(CODES).map(Self)
    }
}

impl From<i32> for StatusCode {
    #[inline]
    fn from(code: i32) -> Self {
        match u8::try_from(code) {
            Ok(code) if usize::from(code) < CODES => Self(code),
            _ => Self::UNKNOWN,
        }
    }
}

impl From<StatusCode> for i32 {
    #[inline]
    fn from(code: StatusCode) -> Self {
        code.0.into()
    }
}

/// The bare number.
impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_0_to_16_and_everything_else_is_unknown() {
        for code in 0..17 {
            assert_eq!(i32::from(StatusCode::from(code)), code);
        }
        for code in [-1, 17, 256, i32::MIN, i32::MAX] {
            assert_eq!(StatusCode::from(code), StatusCode::UNKNOWN);
        }
        assert_eq!(StatusCode::all().count(), CODES);
    }
}
