//! A logarithm that costs a nanosecond.

const FRACTION: u64 = (1 << (f64::MANTISSA_DIGITS - 1)) - 1;
const BIAS: f64 = 1_023.0;
/// The coefficients of the polynomial, that of the lowest power first.
const MISSING: [f64; 4] = [-1.164_171_14, 2.064_697_09, -1.059_746_14, 0.159_220_19];

/// The binary logarithm, accurate to 0.0009, which is 0.0006 of the natural one; a number that is not above
/// zero counts as 1. The base makes no difference to a correlation.
///
/// The bits of an f64, read as an integer, are its logarithm already, except that between two powers of two
/// they have t instead of log2(1 + t). The difference is about t (1 - t) times a line: the one with the
/// smallest error was found by linear programming, and is written here as a polynomial of 1 + t. It is 0 for
/// t = 0 and t = 1, so the logarithm has no steps.
#[inline]
pub(super) fn log2(nanos: i64) -> f64 {
    let bits = float(nanos.max(1)).to_bits();
    let linear = float(bits.cast_signed()) * f64::EPSILON;
    let m = f64::from_bits((bits & FRACTION) | 1_f64.to_bits());
    let [c0, c1, c2, c3] = MISSING;
    linear + (c0 - BIAS + m * (c1 + m * (c2 + m * c3)))
}

#[inline]
#[expect(clippy::cast_precision_loss, reason = "a part of 2^53 does not matter")]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The logarithm is off by at most 0.0009, at every magnitude.
        #[test]
        fn the_logarithm_is_good_to_three_digits(bits in 0_u32..63, nanos in 0..=i64::MAX) {
            let nanos = nanos >> bits;
            let exact = libm::log2(float(nanos.max(1)));
            prop_assert!((log2(nanos) - exact).abs() < 0.000_9, "{} {exact}", log2(nanos));
        }
    }

    #[test]
    fn powers_of_two_have_their_exponents() {
        for exponent in 0_u32..63 {
            assert!((log2(1 << exponent) - f64::from(exponent)).abs() < 1e-9, "{exponent}");
        }
        assert!((log2(i64::MAX) - 63.0).abs() < 1e-9);
        for nanos in [0, -1, i64::MIN] {
            assert!(log2(nanos).abs() < 1e-9);
        }
    }
}
