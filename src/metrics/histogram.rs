//! How often a value was how large: counts of buckets, and the sum.

use std::time::Duration;

use super::tally::{Tally, tallies};

/// What the values of a histogram are, and how they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds, shown as seconds.
    Nanoseconds,
    /// Shown as they are.
    Pieces,
}

/// The upper bounds of a histogram's buckets, which ascend. Above the last there is one more.
#[derive(Debug)]
pub struct Scale {
    /// Each belongs to its bucket.
    pub bounds: &'static [u64],
    /// Of the bounds and of the sum.
    pub unit: Unit,
}

/// For times: from an answer of this process alone (some 20 µs) to the longest store timeout. With
/// bounds at the default store timeout of 0.5 s, and at the 10 s after which a client is given up.
pub static DURATIONS: Scale = Scale {
    bounds: &[
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        10_000_000_000,
        60_000_000_000,
    ],
    unit: Unit::Nanoseconds,
};

/// For the numbers of one store request, up to `BATCH_MAX`.
pub static BATCH_SIZES: Scale = Scale {
    bounds: &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096],
    unit: Unit::Pieces,
};

/// The values of one reactor, which alone writes them.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    /// By a value's length in bits: the first bucket that it can be in.
    starts: [u8; u64::BITS as usize + 1],
    /// One a bound, and one for what is above the last.
    buckets: Box<[Tally]>,
    sum: Tally,
}

/// The values of several histograms of one scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// For each bound how many were not above it; the last is all.
    pub counts: Vec<u64>,
    /// The sum of the values.
    pub sum: u64,
}

impl Histogram {
    /// No value yet.
    pub fn new(scale: &'static Scale) -> Histogram {
        let below = |least: u64| scale.bounds.iter().filter(|bound| **bound < least).count() as u8;
        // The least value of so many bits.
        let starts = std::array::from_fn(|bits| if bits == 0 { 0 } else { below(1 << (bits - 1)) });
        let buckets = tallies(scale.bounds.len() + 1);
        Histogram { scale, starts, buckets, sum: Tally::default() }
    }

    /// The bounds of its buckets.
    pub fn scale(&self) -> &'static Scale {
        self.scale
    }

    /// There was this time, so many times.
    pub fn observe_time(&self, time: Duration, times: u64) {
        // In 64 bits, which hold 584 years: that is cheaper than `as_nanos`.
        let seconds = time.as_secs().wrapping_mul(1_000_000_000);
        self.observe(seconds.wrapping_add(u64::from(time.subsec_nanos())), times);
    }

    /// There was this value, so many times. Bounds are about twice as far apart as numbers of so
    /// many bits, so the search is over at once.
    pub fn observe(&self, value: u64, times: u64) {
        let start = self.starts[(u64::BITS - value.leading_zeros()) as usize];
        let mut bucket = usize::from(start);
        while self.scale.bounds.get(bucket).is_some_and(|bound| *bound < value) {
            bucket += 1;
        }
        self.buckets[bucket].add(times);
        self.sum.add(value.wrapping_mul(times));
    }

    /// The values of all `histograms`, which have one scale.
    pub fn total<'a>(
        scale: &Scale,
        histograms: impl Iterator<Item = &'a Histogram> + Clone,
    ) -> Totals {
        let mut count = 0;
        let cumulate = |bucket: usize| {
            count += histograms.clone().map(|it| it.buckets[bucket].get()).sum::<u64>();
            count
        };
        let counts = (0..=scale.bounds.len()).map(cumulate).collect();
        let sum = histograms.clone().fold(0, |sum: u64, it| sum.wrapping_add(it.sum.get()));
        Totals { counts, sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SMALL: Scale = Scale { bounds: &[10, 20, 40], unit: Unit::Pieces };

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_above_the_last_is_counted_too() {
        let histogram = Histogram::new(&SMALL);
        for value in [0, 10, 11, 20, 40, 41, 1_000] {
            histogram.observe(value, 1);
        }
        let totals = Histogram::total(&SMALL, [&histogram].into_iter());
        assert_eq!(totals, Totals { counts: vec![2, 4, 5, 7], sum: 1_122 });
    }

    #[test]
    fn a_value_can_be_there_many_times_and_histograms_are_added_up() {
        let (one, other) = (Histogram::new(&SMALL), Histogram::new(&SMALL));
        one.observe(15, 3);
        other.observe(5, 2);
        let totals = Histogram::total(&SMALL, [&one, &other].into_iter());
        assert_eq!(totals, Totals { counts: vec![2, 5, 5, 5], sum: 55 });
    }

    #[test]
    fn every_value_is_found_in_its_bucket() {
        for scale in [&DURATIONS, &BATCH_SIZES, &SMALL] {
            let powers = (0..64).map(|bits| 1_u64 << bits);
            let edges = powers.chain(scale.bounds.iter().copied());
            let values = edges.flat_map(|edge| [edge - 1, edge, edge + 1]).chain([u64::MAX]);
            for value in values {
                let histogram = Histogram::new(scale);
                histogram.observe(value, 1);
                let totals = Histogram::total(scale, [&histogram].into_iter());
                for (bound, count) in scale.bounds.iter().zip(totals.counts) {
                    assert_eq!(count == 1, value <= *bound, "{value} and {bound}");
                }
            }
        }
    }

    #[test]
    fn a_time_is_observed_in_nanoseconds() {
        let histogram = Histogram::new(&DURATIONS);
        histogram.observe_time(Duration::new(2, 7), 2);
        let totals = Histogram::total(&DURATIONS, [&histogram].into_iter());
        assert_eq!(totals.sum, 4_000_000_014);
    }

    #[test]
    fn bounds_ascend_and_have_the_store_timeout_among_them() {
        for scale in [&DURATIONS, &BATCH_SIZES] {
            assert!(scale.bounds.is_sorted_by(|one, other| one < other));
        }
        assert!(DURATIONS.bounds.contains(&500_000_000));
        assert_eq!(BATCH_SIZES.bounds.last(), Some(&(crate::limits::BATCH_MAX as u64)));
    }
}
