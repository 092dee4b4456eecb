//! Recording calls allocates no memory.

use longsync_stats::Distribution;

const VALUES: [i64; 6] = [-5, 0, 250_000, 9_000_000_000, 86_400_000_000_000, i64::MAX];

#[test]
fn recording_merging_and_clearing_allocate_nothing() {
    let (mut worker, mut whole) = (Distribution::default(), Distribution::default());
    let allocated = allocation_counter::measure(|| {
        for _ in 0..3 {
            for nanos in VALUES {
                worker.record(nanos);
                worker.record_n(nanos, 7);
            }
            whole.merge(&worker);
            worker.clear();
        }
    });
    assert_eq!((allocated.count_total, whole.count()), (0, 3 * 8 * 6));
    let allocated = allocation_counter::measure(|| worker = whole.clone());
    assert_eq!(allocated.count_total, 1, "a clone allocates only the buckets");
}
