//! Round edges between the rows of a histogram. Pure.

/// Round numbers from 1 to 10, in hundredths: from few to many. The finest are those of slide rules, with
/// which people are familiar.
const ROUND: [&[u64]; 7] = [
    &[100],
    &[100, 300],
    &[100, 200, 500],
    &[100, 150, 200, 300, 500, 700],
    &[100, 120, 150, 200, 250, 300, 400, 500, 600, 800],
    &[
        100, 110, 120, 130, 140, 160, 180, 200, 220, 250, 280, 300, 350, 400, 450, 500, 550, 600,
        700, 800, 900,
    ],
    &[
        100, 105, 110, 115, 120, 125, 130, 135, 140, 145, 150, 160, 170, 180, 190, 200, 210, 220,
        230, 240, 250, 260, 280, 300, 320, 340, 360, 380, 400, 420, 450, 480, 500, 520, 550, 580,
        600, 650, 700, 750, 800, 850, 900, 950,
    ],
];

/// Edges that divide the numbers from `least` to `greatest` into at most `most` rows on a roughly logarithmic
/// scale: at least one round number, in ascending order, the first at most `least`.
pub(crate) fn edges(least: u64, greatest: u64, most: usize) -> Vec<u64> {
    let mut chosen = vec![first_edge(least, ROUND[0])];
    for round in ROUND {
        let edges = between(least, greatest, round);
        if edges.len() <= most && edges.len() >= chosen.len() {
            chosen = edges;
        }
    }
    chosen
}

fn first_edge(least: u64, round: &[u64]) -> u64 {
    all(round).take_while(|edge| *edge <= least).last().unwrap_or(0)
}

fn between(least: u64, greatest: u64, round: &[u64]) -> Vec<u64> {
    let first = first_edge(least, round);
    let mut edges = vec![first];
    edges.extend(all(round).skip_while(|edge| *edge <= first).take_while(|edge| *edge <= greatest));
    edges.dedup();
    edges
}

/// These numbers multiplied by powers of ten, without those that are not whole.
fn all(round: &[u64]) -> impl Iterator<Item = u64> {
    let powers = (0..=19).map(|power| 10_u128.pow(power));
    let scaled = powers.flat_map(move |power| {
        round.iter().map(move |number| (u128::from(*number) * power, power))
    });
    scaled
        .filter(|(scaled, _)| scaled.is_multiple_of(100))
        .filter_map(|(scaled, _)| u64::try_from(scaled / 100).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Edges ascend, start at or below the least number, end at or below the greatest, and are not more
        /// than allowed.
        #[test]
        fn edges_divide_all_numbers(ends in proptest::array::uniform2(any::<u64>()), shift in 0_u32..64, most in 1_usize..40) {
            let [one, other] = ends.map(|end| end >> shift);
            let (least, greatest) = (one.min(other), one.max(other));
            let edges = edges(least, greatest, most);
            prop_assert!(edges.is_sorted_by(|one, next| one < next), "{:?}", edges);
            prop_assert!(edges[0] <= least && edges.len() <= most.max(1));
            prop_assert!(edges[1..].iter().all(|edge| *edge <= greatest));
        }
    }

    #[test]
    fn edges_are_round() {
        assert_eq!(
            edges(3_000, 120_000, 12),
            [3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000, 100_000]
        );
        assert_eq!(edges(1_010_000, 1_090_000, 12), [1_000_000, 1_050_000]);
        assert_eq!(edges(0, 3, 12), [0, 1, 2, 3]);
        assert_eq!(edges(7, 7, 12), [7]);
    }
}
