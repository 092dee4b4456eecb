//! The operators that compare a value with a limit.

use std::cmp::Ordering;

/// The operators that compare a value with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Operator {
    /// The longer texts first, because the shorter ones are their beginnings.
    pub(crate) const ALL: [Self; 4] = [Self::AtMost, Self::AtLeast, Self::Less, Self::More];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it holds for a value whose order relative to the limit is this.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// Whether it demands high values.
    pub(crate) const fn is_upward(self) -> bool {
        matches!(self, Self::More | Self::AtLeast)
    }

    /// The same from the other side: `<` for `>`.
    pub(crate) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::AtMost => Self::AtLeast,
            Self::More => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }

    /// The same, but with the limit itself on the other side: `<=` for `<`.
    pub(crate) const fn with_limit_flipped(self) -> Self {
        match self {
            Self::Less => Self::AtMost,
            Self::AtMost => Self::Less,
            Self::More => Self::AtLeast,
            Self::AtLeast => Self::More,
        }
    }
}
