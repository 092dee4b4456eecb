//! Integrals without a closed form, or with one that overflows.

/// The nodes and weights of Gauss-Legendre quadrature with five points, on -1 to 1: M. Abramowitz and
/// I. A. Stegun, "Handbook of Mathematical Functions", table 25.4.
const NODES: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
    (-0.538_469_310_105_683, 0.478_628_670_499_366_47),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683, 0.478_628_670_499_366_47),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
];

/// The integral of `function` between two ends, taken in the given number of equal pieces. Each should be so
/// short that the function changes at most by a small factor within it.
pub(crate) fn integral(
    (from, to): (f64, f64),
    pieces: u32,
    mut function: impl FnMut(f64) -> f64,
) -> f64 {
    let half = 0.5 * (to - from) / f64::from(pieces);
    let pieces = (0..pieces).map(|piece| {
        let middle = from + half * f64::from(2 * piece + 1);
        NODES.iter().map(|(node, weight)| weight * function(middle + half * node)).sum::<f64>()
    });
    half * pieces.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_of_a_growing_exponential_is_its_closed_form() {
        let expected = libm::expm1(20.0);
        assert!((integral((0.0, 20.0), 20, libm::exp) / expected - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_interval_has_no_integral() {
        assert!(integral((3.0, 3.0), 1, libm::exp).abs() < f64::MIN_POSITIVE);
    }
}
