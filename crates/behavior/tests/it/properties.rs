//! Properties of every behavior, whatever its text.

use std::time::Duration;

use longsync_behavior::{Behavior, DelayDistribution, Rules};
use proptest::prelude::*;

use crate::{generated, holds};

const HOUR: Duration = Duration::from_secs(3_600);

fn read(text: &str, most: Duration) -> Option<Behavior> {
    let recording = |_: &str| Ok(vec![(0, 1), (1_000_000, 3), (3_000_000_000, 2)]);
    Behavior::read(text, &Rules::server(most, &recording)).ok()
}

fn secs(delay: Duration) -> f64 {
    delay.as_secs_f64()
}

/// The mean, approximated by the quantiles in the middle of equal parts.
fn mean_of_quantiles(delays: &DelayDistribution<'_>) -> f64 {
    const PARTS: u32 = 2_000;
    let at = |part: u32| secs(delays.quantile((f64::from(part) + 0.5) / f64::from(PARTS)));
    (0..PARTS).map(at).sum::<f64>() / f64::from(PARTS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_generated_text_is_read_or_refused(text in generated::behavior()) {
        holds::for_text(&text);
    }

    /// Any text at all that has the letters and marks of the language.
    #[test]
    fn any_text_is_read_or_refused(
        text in "([a-z]{1,9}\\(|[0-9.]{1,4}(ns|us|ms|s|m|%|M)?|max|rest|p|=|, |; |:|\\)|\"|\\PC|[\\x00-\\x20]){0,24}",
    ) {
        holds::for_text(&text);
    }

    /// The quantile of a share is the least delay up to which that share lies, also for mixtures.
    #[test]
    fn quantiles_and_shares_agree(text in generated::delay(), p in 0.001_f64..0.999) {
        let Some(behavior) = read(&text, HOUR) else { return Ok(()) };
        let delays = behavior.delays(1);
        let at = delays.quantile(p);
        let rounding = Duration::from_nanos(2);
        let (below, up_to) = (delays.share_to(at.saturating_sub(rounding)), delays.share_to(at + rounding));
        let (least, greatest) = delays.ends();
        prop_assert!(below <= p + 1e-6 || at <= least + rounding, "{behavior}: {below} below {at:?} at {p}");
        prop_assert!(up_to >= p - 1e-6, "{behavior}: {up_to} up to {at:?} at {p}");
        prop_assert!(delays.share_to(greatest) > 1.0 - 1e-9, "{behavior}");
    }

    /// The mean of a mixture lies between its ends, and is the weighted mean of its parts' means.
    #[test]
    fn the_mean_of_a_mixture_is_that_of_its_parts(
        one in generated::delay(),
        other in generated::delay(),
        share in 0_u32..=100,
    ) {
        let text = format!("mix({share}%: {one}, {}%: {other})", 100 - share);
        let Some(mixture) = read(&text, HOUR) else { return Ok(()) };
        let mean = |text: &str| secs(read(text, HOUR).unwrap().delays(1).mean());
        let share = f64::from(share) / 100.0;
        let expected = share * mean(&one) + (1.0 - share) * mean(&other);
        let found = secs(mixture.delays(1).mean());
        prop_assert!((found - expected).abs() <= 3e-9 + 1e-12 * expected, "{mixture}: {found} {expected}");
    }

    /// On a server that allows less, a behavior is the one that this server reads from the same text; its
    /// delays lie within the limit, and its text alone tells so. A `max` that changes nothing is not printed,
    /// and may be over the server's limit if it is written. Percentiles that end at the limit of an hour have
    /// it in their text, so it is their own `max`.
    #[test]
    fn a_server_that_allows_less_keeps_to_it(text in generated::delay(), most in 1_u64..4_000_000_000_000) {
        let Some(behavior) = read(&text, HOUR) else { return Ok(()) };
        let most = Duration::from_nanos(most);
        let direct = read(&text, most);
        let within = behavior.within(most).ok();
        let names_hour = behavior.text().contains("max 1h");
        if direct.is_some() && most <= HOUR && !names_hour {
            prop_assert_eq!(&within, &direct);
        }
        let Some(within) = within else { return Ok(()) };
        for attempt in 1..=within.last_attempt() {
            prop_assert!(within.delays(attempt).ends().1 <= most);
        }
        prop_assert_eq!(read(within.text(), most), Some(within.clone()));
        // The text alone determines the number, wherever it is read.
        if most <= HOUR {
            prop_assert_eq!(read(within.text(), HOUR), Some(within));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The mean is that of the quantiles, up to the step in which they are taken.
    #[test]
    fn the_mean_is_that_of_the_quantiles(text in generated::delay()) {
        let Some(behavior) = read(&text, HOUR) else { return Ok(()) };
        let delays = behavior.delays(1);
        let (least, greatest) = delays.ends();
        let step = (secs(greatest) - secs(least)) / 2_000.0;
        let (mean, expected) = (secs(delays.mean()), mean_of_quantiles(&delays));
        prop_assert!((mean - expected).abs() <= step + 2e-9, "{behavior}: {mean} {expected}");
    }
}

#[test]
fn canonical_texts_are_as_short_as_documented() {
    for (text, canonical) in [
        ("0", "0s"),
        ("constant(1500us)", "1.5ms"),
        ("1m 30s", "90s"),
        ("0; stall(at=0s, for=1s)", "stall(for=1s)"),
        (
            "stall(every=1m,from=first_call,for=1s,at=2s);5ms;",
            "5ms; stall(at=2s, for=1s, every=1m, from=first_call)",
        ),
        (
            "stall(for=1s); queue(limit=0100, workers=8, order=fifo, abandoned=free); hang(1%); 5ms",
            "5ms; hang(1%); queue(workers=8, limit=100); stall(for=1s)",
        ),
        (
            "queue(pushback=1000ms, retry_info=1m, abandoned=work, order=lifo, limit=0, workers=1); 0s",
            "queue(workers=1, limit=0, order=lifo, abandoned=work, retry_info=1m, pushback=1s)",
        ),
        ("uniform(0,10ms)", "uniform(0s, 10ms)"),
        ("exponential(20ms) max 1h", "exponential(20ms)"),
        ("exponential(20ms) max 59m", "exponential(20ms) max 59m"),
        ("pareto(10ms, 01.50)", "pareto(10ms, 1.5)"),
        ("lognormal(p99.90=200ms, p50=10ms)", "lognormal(p50=10ms, p99.9=200ms)"),
        ("lognormal(p50.0=10ms, sigma=0.50)", "lognormal(p50=10ms, sigma=0.5)"),
        ("percentiles(p99=80ms, p50=10ms)", "percentiles(50=10ms, 99=80ms)"),
        ("percentiles(50=10ms, 99=80ms) max 800ms", "percentiles(50=10ms, 99=80ms)"),
        ("percentiles(50=10ms, 99=80ms) max 799ms", "percentiles(50=10ms, 99=80ms) max 799ms"),
        ("percentiles(50=10ms, 99=80ms, 100=1s) max 2s", "percentiles(50=10ms, 99=80ms, 100=1s)"),
        ("mix( rest : 1ms ,20.0% : 2ms)", "mix(rest: 1ms, 20%: 2ms)"),
        (
            "mix(50%: 1ms, rest: exponential(2ms)) max 1s",
            "mix(50%: 1ms, rest: exponential(2ms) max 1s)",
        ),
        (
            "attempts(exponential(1ms) max 2s, exponential(2ms), 5ms) max 1s",
            "attempts(exponential(1ms) max 2s, exponential(2ms) max 1s, 5ms)",
        ),
        ("replay(\"\\u{e9}\\n.csv\")", "replay(\"\\u{e9}\\n.csv\")"),
    ] {
        assert_eq!(read(text, HOUR).unwrap().text(), canonical, "{text}");
    }
}
