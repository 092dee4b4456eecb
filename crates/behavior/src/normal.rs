//! The standard normal distribution. Logarithm and error function are `libm`'s: those of the standard library
//! differ between systems.

use std::f64::consts::{PI, SQRT_2};

/// Which share of the values is at most `z`: the distribution function.
pub(crate) fn share_to(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// The density at `z`.
pub(crate) fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / f64::sqrt(2.0 * PI)
}

/// The value that the given share of all values does not exceed: the inverse distribution function. It is
/// infinite at 0 and 1, so a share that was rounded to either counts as the nearest one between them.
///
/// Accurate to about 1 part in 10^16: algorithm AS 241 (PPND16) by M. J. Wichura, "The Percentage Points of
/// the Normal Distribution", Applied Statistics 37 (1988), no. 3, pp. 477-484, doi:10.2307/2347330.
pub(crate) fn at(share: f64) -> f64 {
    let share = share.clamp(f64::MIN_POSITIVE, 1.0 - 0.5 * f64::EPSILON);
    let q = share - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return polynomial(&CENTER.above, r) * q / polynomial(&CENTER.below, r);
    }
    let nearer = if q <= 0.0 { share } else { 1.0 - share };
    let r = f64::sqrt(-libm::log(nearer));
    let (r, ratio) = if r <= 5.0 { (r - 1.6, &TAIL) } else { (r - 5.0, &FAR_TAIL) };
    let z = polynomial(&ratio.above, r) / polynomial(&ratio.below, r);
    if q < 0.0 { -z } else { z }
}

/// The polynomial with these coefficients, that of the highest power first.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// A quotient of two polynomials.
struct Ratio {
    above: [f64; 8],
    below: [f64; 8],
}

/// For shares within 0.425 of one half, in 0.180625 - q^2.
const CENTER: Ratio = Ratio {
    above: [
        2_509.080_928_730_122_7,
        33_430.575_583_588_13,
        67_265.770_927_008_7,
        45_921.953_931_549_87,
        13_731.693_765_509_46,
        1_971.590_950_306_551_3,
        133.141_667_891_784_38,
        3.387_132_872_796_366_5,
    ],
    below: [
        5_226.495_278_852_854,
        28_729.085_735_721_943,
        39_307.895_800_092_71,
        21_213.794_301_586_597,
        5_394.196_021_424_751,
        687.187_007_492_057_9,
        42.313_330_701_600_91,
        1.0,
    ],
};

/// For shares down to e^-25 on either side, in the square root of -ln(share), less 1.6.
const TAIL: Ratio = Ratio {
    above: [
        0.000_774_545_014_278_341_4,
        0.022_723_844_989_269_184,
        0.241_780_725_177_450_6,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    below: [
        1.050_750_071_644_416_9e-9,
        0.000_547_593_808_499_534_5,
        0.015_198_666_563_616_457,
        0.148_103_976_427_480_08,
        0.689_767_334_985_1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
};

/// Beyond that, in the same square root, less 5.
const FAR_TAIL: Ratio = Ratio {
    above: [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        0.001_242_660_947_388_078_4,
        0.026_532_189_526_576_124,
        0.296_560_571_828_504_87,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    below: [
        2.044_263_103_389_939_7e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        0.000_786_869_131_145_613_3,
        0.014_875_361_290_850_615,
        0.136_929_880_922_735_8,
        0.599_832_206_555_888,
        1.0,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// By `scipy.special.ndtri` of version 1.17.1: shares in each part of the approximation and on both sides
    /// of one half.
    #[test]
    fn quantiles_are_those_that_scipy_computes() {
        for (share, expected) in [
            (1e-300, -37.047_096_299_361_2),
            (1e-20, -9.262_340_089_798_409),
            (1e-12, -7.034_483_825_301_131),
            (1e-6, -4.753_424_308_822_899),
            (0.01, -2.326_347_874_040_840_8),
            (0.074, -1.446_632_067_158_978_5),
            (0.3, -0.524_400_512_708_040_9),
            (0.6, 0.253_347_103_135_799_7),
            (0.99, 2.326_347_874_040_840_8),
            (0.9999, 3.719_016_485_455_709),
            (0.999_999_999_999_9, 7.348_754_540_300_042_5),
        ] {
            assert!((at(share) / expected - 1.0).abs() < 4.0 * f64::EPSILON, "{share}");
        }
        assert_eq!(at(0.5).to_bits(), 0);
    }

    #[test]
    fn the_distribution_function_and_its_inverse_are_inverse() {
        for millionths in 1..1_000_000 {
            let share = f64::from(millionths) / 1e6;
            assert!((share_to(at(share)) - share).abs() < 1e-15, "{share}");
        }
    }

    #[test]
    fn the_shares_0_and_1_have_finite_quantiles() {
        assert!((-38.5..-37.0).contains(&at(0.0)));
        assert!((8.2..8.3).contains(&at(1.0)));
    }
}
