//! Products of more than 128 bits.

const LOWER_64: u128 = u64::MAX as u128;

/// The product: its upper 64 and its lower 128 bits. Such pairs compare as the products do.
pub(super) fn product(a: u128, b: u64) -> (u64, u128) {
    let b = u128::from(b);
    let low = (a & LOWER_64) * b;
    // At most (2^64 - 1)^2 + 2^64 - 1, which is less than 2^128.
    let high = (a >> 64) * b + (low >> 64);
    ((high >> 64) as u64, (high << 64) | (low & LOWER_64))
}

/// The quotient a x b / c, rounded down, and whether anything was rounded off.
///
/// # Panics
/// If `c` is zero. The quotient must fit in 128 bits.
pub(super) fn ratio(a: u128, b: u64, c: u64) -> (u128, bool) {
    let (upper, lower) = product(a, b);
    let c = u128::from(c);
    // In digits of 64 bits: each remainder is less than c, so that the next step fits in 128 bits.
    let middle = ((u128::from(upper) % c) << 64) | (lower >> 64);
    let last = ((middle % c) << 64) | (lower & LOWER_64);
    (((middle / c) << 64) | (last / c), !last.is_multiple_of(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The quotient times its divisor, plus a remainder less than the divisor, is the product.
        #[test]
        fn quotients_are_exact(a in any::<u64>(), shift in 0_u32..64, b in any::<u64>(), c in 1_u64..) {
            let a = u128::from(a) << shift;
            let (quotient, is_less) = ratio(a, b.min(c), c);
            let (whole, below) = (product(a, b.min(c)), product(quotient, c));
            prop_assert_eq!(below < whole, is_less);
            prop_assert!(below <= whole);
            if let Some(next) = quotient.checked_add(1) {
                prop_assert!(product(next, c) > whole);
            }
        }

        /// Products that fit in 128 bits are the same as in 128-bit arithmetic.
        #[test]
        fn small_products_are_those_of_128_bits(a in any::<u64>(), b in any::<u64>()) {
            prop_assert_eq!(product(a.into(), b), (0, u128::from(a) * u128::from(b)));
        }
    }

    #[test]
    fn the_largest_product_fits() {
        // (2^128 - 1)(2^64 - 1) = 2^192 - 2^128 - 2^64 + 1
        assert_eq!(product(u128::MAX, u64::MAX), (u64::MAX - 1, u128::MAX - (1 << 64) + 2));
    }
}
