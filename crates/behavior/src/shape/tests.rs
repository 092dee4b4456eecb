//! What holds for every shape.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Percent;

const HOUR: Duration = Duration::from_secs(3_600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn p(percent: f64) -> Percent {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100 %")]
    Percent::from_millionths((percent * 1e6).round() as u32).unwrap()
}

fn in_ms(law: &impl Law, u: f64) -> f64 {
    (law.at(u) / 1e4).round() / 1e2
}

#[test]
fn the_tail_alone_of_a_log_normal_law_by_percentiles_is_conditioned() {
    let law = Lognormal::from_percentiles((p(50.0), ms(10)), (p(99.0), ms(200)), ms(250)).unwrap();
    assert_eq!(law.to_string(), "lognormal(p50=10ms, p99=200ms) max 250ms");
    let quantiles = [0.5, 0.99, 0.999, 0.9999].map(|u| in_ms(&law, u).to_string());
    assert_eq!(quantiles, ["10", "200", "243.33", "249.31"]);
}
