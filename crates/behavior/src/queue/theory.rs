//! What a queue will do to calls that arrive at random.
//!
//! For arrivals that are a Poisson process, many figures have formulas; the others are simulated. See A. K.
//! Erlang, "Solution of some problems in the theory of probabilities of significance in automatic telephone
//! exchanges" (1917), and L. Kleinrock, "Queueing Systems", volume 1 (1975). The *load* is the rate of arrivals
//! times the mean service: the number of workers that would be busy if there were enough.

mod exponential;
mod forecast;
mod simulation;

pub use self::exponential::{BoundedQueue, ExponentialQueue};
pub use self::forecast::{Figure, FigureSource, QueueForecast};

/// Erlang's B: the share of calls that are refused if none may stand, whatever the distribution of their
/// service (Erlang 1917; Kleinrock, equation 3.44).
///
/// ```
/// use longsync_behavior::queue::theory::erlang_b;
/// assert!((erlang_b(10, 8.0) - 0.121_661).abs() < 1e-6);
/// ```
pub fn erlang_b(workers: u32, load: f64) -> f64 {
    // B(n) = load B(n-1) / (n + load B(n-1)) neither overflows nor cancels, unlike the quotient of sums.
    (1..=workers).fold(1.0, |before, worker| {
        let busier = load * before;
        busier / (f64::from(worker) + busier)
    })
}

/// Erlang's C: the share of calls that have to stand if the number of places is not limited and service is
/// exponential (Erlang 1917; Kleinrock, equation 3.40). 1 if the load is at least the number of workers.
///
/// ```
/// use longsync_behavior::queue::theory::erlang_c;
/// assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
/// ```
pub fn erlang_c(workers: u32, load: f64) -> f64 {
    let workers_f = f64::from(workers);
    if load >= workers_f {
        return 1.0;
    }
    let refused = erlang_b(workers, load);
    workers_f * refused / (workers_f - load * (1.0 - refused))
}

/// The mean time that calls stand if there is one worker and the number of places is not limited, by the
/// Pollaczek-Khinchine formula (Pollaczek 1930, Khinchine 1932; Kleinrock, equation 5.69). It is in the unit of
/// `mean`, the mean service; `rate` is in arrivals per that unit, and `second_moment` is the mean of the
/// squares. Infinite if the worker cannot keep up.
///
/// ```
/// use longsync_behavior::queue::theory::pollaczek_khinchine;
/// // Calls that all take 1 stand for half as long as calls that take 1 on average, exponentially distributed.
/// assert!((pollaczek_khinchine(0.8, 1.0, 1.0) - 2.0).abs() < 1e-12);
/// assert!((pollaczek_khinchine(0.8, 1.0, 2.0) - 4.0).abs() < 1e-12);
/// ```
pub fn pollaczek_khinchine(rate: f64, mean: f64, second_moment: f64) -> f64 {
    let idle = 1.0 - rate * mean;
    if idle <= 0.0 { f64::INFINITY } else { rate * second_moment / (2.0 * idle) }
}
