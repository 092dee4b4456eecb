//! Queues whose service is exponential.

use super::{erlang_b, erlang_c};

/// A queue in order of arrival with exponential service, in which any number of calls may stand: M/M/c.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialQueue {
    waits: f64,
    /// How many calls per mean service could be served, beyond those that arrive.
    spare: f64,
}

impl ExponentialQueue {
    /// [`None`] if the workers cannot keep up with the load.
    pub fn new(workers: u32, load: f64) -> Option<Self> {
        let spare = f64::from(workers) - load;
        (spare > 0.0).then(|| Self { waits: erlang_c(workers, load), spare })
    }

    /// The share of calls that stand.
    pub fn waits(&self) -> f64 {
        self.waits
    }

    /// How long calls stand on average, including those that do not, in mean services (Kleinrock, section 3.5).
    pub fn mean_queued(&self) -> f64 {
        self.waits / self.spare
    }

    /// The share of calls whose response, standing and service together, takes longer than `time`, in mean
    /// services: with the probability [`waits`](Self::waits), an exponential time that depends on the spare
    /// workers is added to the exponential service.
    pub fn share_beyond(&self, time: f64) -> f64 {
        let gap = self.spare - 1.0;
        // The limit, where both have the same mean.
        let overlap = if gap == 0.0 { time } else { -libm::expm1(-gap * time) / gap };
        libm::exp(-time) * (1.0 + self.waits * overlap)
    }

    /// The response that a call exceeds with the probability 1 - `p`, where `p` lies between 0 and 1, in mean
    /// services.
    pub fn response_quantile(&self, p: f64) -> f64 {
        let mut above = 1.0;
        while self.share_beyond(above) > 1.0 - p {
            above *= 2.0;
        }
        let mut below = 0.0_f64;
        loop {
            let middle = below.midpoint(above);
            if middle <= below || middle >= above {
                return above;
            }
            if self.share_beyond(middle) > 1.0 - p { below = middle } else { above = middle }
        }
    }
}

/// A queue with exponential service in which a limited number of calls may stand: M/M/c/(c + limit)
/// (Kleinrock, section 3.8).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundedQueue {
    shed: f64,
    waits: f64,
    mean_queued: f64,
}

impl BoundedQueue {
    /// The figures for this load.
    pub fn new(workers: u32, limit: u32, load: f64) -> Self {
        let c = f64::from(workers);
        let refused = erlang_b(workers, load);
        // The probability that all workers are busy and j calls stand is a power of `ratio`. All are relative
        // to the largest of them, so that none overflows: without calls that stand if the workers can keep up,
        // else with a full line.
        let ratio = load / c;
        let is_stable = ratio < 1.0;
        let step = if is_stable { ratio } else { 1.0 / ratio };
        let (mut weight, mut busy, mut standing, mut full) = (1.0, 0.0, 0.0, 1.0);
        let mut busy_with_room = 0.0;
        for index in 0..=limit {
            let stands = if is_stable { index } else { limit - index };
            busy += weight;
            standing += weight * f64::from(stands);
            if stands == limit {
                full = weight;
            } else {
                busy_with_room += weight;
            }
            weight *= step;
        }
        // With nobody standing, the workers are all busy with the probability `refused`, relative to the states
        // in which any number of them is.
        let none_stand = if is_stable { 1.0 } else { weight / step };
        let not_all_busy = none_stand * (1.0 - refused) / refused;
        let all = busy + not_all_busy;
        if !all.is_finite() {
            return Self { shed: 0.0, waits: 0.0, mean_queued: 0.0 };
        }
        let (shed, taken) = (full / all, (busy_with_room + not_all_busy) / all);
        let waits = busy_with_room / (busy_with_room + not_all_busy);
        // Little's law.
        Self { shed, waits, mean_queued: standing / all / (load * taken) }
    }

    /// The share of calls that are refused.
    pub fn shed(&self) -> f64 {
        self.shed
    }

    /// The share of the calls that are not refused which stand.
    pub fn waits(&self) -> f64 {
        self.waits
    }

    /// How long calls that are not refused stand on average, including those that do not stand, in mean
    /// services.
    pub fn mean_queued(&self) -> f64 {
        self.mean_queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} {expected}");
    }

    /// With one worker, the response is exponential again: its mean is 1 / (1 - load).
    #[test]
    fn the_response_of_a_single_worker_is_exponential() {
        for load in [0.1, 0.5, 0.95] {
            let queue = ExponentialQueue::new(1, load).unwrap();
            is_near(queue.waits(), load);
            is_near(queue.mean_queued(), load / (1.0 - load));
            is_near(queue.response_quantile(0.5), core::f64::consts::LN_2 / (1.0 - load));
            is_near(queue.response_quantile(0.99), -libm::log(0.01) / (1.0 - load));
        }
    }

    /// Two workers with a load of 1: the added time and the service have the same mean.
    #[test]
    fn equal_means_are_no_exception() {
        let queue = ExponentialQueue::new(2, 1.0).unwrap();
        is_near(queue.share_beyond(2.0), libm::exp(-2.0) * (1.0 + 2.0 / 3.0));
        let nearly = ExponentialQueue::new(2, 1.0 + 1e-9).unwrap();
        assert!((nearly.share_beyond(2.0) - queue.share_beyond(2.0)).abs() < 1e-8);
    }

    #[test]
    fn overload_has_no_steady_state_without_a_limit() {
        assert_eq!(ExponentialQueue::new(3, 3.0), None);
        assert_eq!(ExponentialQueue::new(3, 30.0), None);
    }

    /// One worker: the states 0 to limit + 1 have the weights of powers of the load.
    #[test]
    fn a_bounded_line_has_the_probabilities_of_a_birth_and_death_process() {
        for (load, limit) in [(0.5, 3_u16), (1.0, 3), (2.0, 3), (0.9, 0), (3.0, 20)] {
            let weights: Vec<f64> =
                (0..=limit + 1).map(|state| libm::pow(load, f64::from(state))).collect();
            let all: f64 = weights.iter().sum();
            let shed = weights[usize::from(limit) + 1] / all;
            let queue = BoundedQueue::new(1, limit.into(), load);
            is_near(queue.shed(), shed);
            is_near(queue.waits(), 1.0 - 1.0 / (all - weights[usize::from(limit) + 1]));
            let standing: f64 =
                (0..=limit).map(|it| f64::from(it) * weights[usize::from(it) + 1]).sum();
            is_near(queue.mean_queued(), standing / all / (load * (1.0 - shed)));
        }
    }

    #[test]
    fn without_places_it_is_a_loss_system_and_with_many_there_is_no_loss() {
        for (workers, load) in [(1, 0.5), (10, 8.0), (100, 120.0), (1_000, 10.0)] {
            is_near(BoundedQueue::new(workers, 0, load).shed(), erlang_b(workers, load));
        }
        for (workers, load) in [(1, 0.5), (8, 7.6), (100, 80.0)] {
            let bounded = BoundedQueue::new(workers, 10_000, load);
            let queue = ExponentialQueue::new(workers, load).unwrap();
            is_near(bounded.waits(), queue.waits());
            is_near(bounded.mean_queued(), queue.mean_queued());
            is_near(bounded.shed(), 0.0);
        }
    }

    #[test]
    fn extremes_are_numbers() {
        for workers in [1, 1_000_000] {
            for load in [0.0, 1e-300, 1.0, 999_999.0, 1e6, 1e12] {
                let queue = BoundedQueue::new(workers, 1_000_000, load);
                let figures = [queue.shed(), queue.waits(), queue.mean_queued()];
                assert!(figures.iter().all(|it| it.is_finite() && *it >= 0.0), "{load} {queue:?}");
            }
        }
    }
}
