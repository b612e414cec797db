//! Numbers as text: the Prometheus exposition format 0.0.4.
//!
//! A family of series has one `HELP` and one `TYPE` line, then its samples. Names, help and the
//! names of labels come from the program and are plain; the values of labels are escaped.

use super::histogram::{Scale, Totals, Unit};

const NANOSECONDS: u64 = 1_000_000_000;

/// What a family's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of buckets.
    Histogram,
}

/// A text that grows by families.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    /// The family that samples belong to.
    family: &'static str,
}

/// The labels of a sample: names and values.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

impl Exposition {
    /// Begins a family: the samples that follow are its.
    #[inline(never)]
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.push(&["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
        self.family = name;
    }

    /// A sample of the family.
    #[inline(never)]
    pub fn sample(&mut self, labels: Labels<'_>, value: u64) {
        self.line("", labels, itoa::Buffer::new().format(value));
    }

    /// A sample that is a time: nanoseconds here, seconds in the text.
    pub fn time(&mut self, labels: Labels<'_>, nanoseconds: u64) {
        self.line("", labels, &seconds(nanoseconds));
    }

    /// The samples of a histogram without labels of its own.
    #[inline(never)]
    pub fn histogram(&mut self, scale: &Scale, totals: &Totals) {
        let shown = |value: u64| match scale.unit {
            Unit::Nanoseconds => seconds(value),
            Unit::Pieces => itoa::Buffer::new().format(value).to_owned(),
        };
        let bounds = scale.bounds.iter().map(|bound| shown(*bound)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&totals.counts) {
            let count = *count;
            self.line("_bucket", &[("le", &bound)], itoa::Buffer::new().format(count));
        }
        self.line("_sum", &[], &shown(totals.sum));
        let count = totals.counts.last().copied().unwrap_or(0);
        self.line("_count", &[], itoa::Buffer::new().format(count));
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.text
    }

    #[inline(never)]
    fn line(&mut self, suffix: &str, labels: Labels<'_>, value: &str) {
        self.push(&[self.family, suffix]);
        let mut before = "{";
        for (name, value) in labels {
            self.push(&[before, name, "=\""]);
            value.chars().for_each(|character| self.push_escaped(character));
            self.push(&["\""]);
            before = ",";
        }
        self.push(&[if labels.is_empty() { " " } else { "} " }, value, "\n"]);
    }

    /// What would end a label's value, or its line, is escaped.
    #[inline(never)]
    fn push_escaped(&mut self, character: char) {
        match character {
            '\\' => self.text.push_str("\\\\"),
            '"' => self.text.push_str("\\\""),
            '\n' => self.text.push_str("\\n"),
            other => self.text.push(other),
        }
    }

    #[inline(never)]
    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text.push_str(part));
    }
}

/// Nanoseconds as seconds, in full and without zeros at the end. There is no arithmetic of floating
/// point in it: that would cost accuracy, and the program 20 KB.
#[inline(never)]
fn seconds(nanoseconds: u64) -> String {
    let mut text = itoa::Buffer::new().format(nanoseconds / NANOSECONDS).to_owned();
    let rest = nanoseconds % NANOSECONDS;
    if rest > 0 {
        // The leading 1 keeps the zeros behind it.
        let mut digits = itoa::Buffer::new();
        text.push('.');
        text.push_str(digits.format(NANOSECONDS + rest)[1..].trim_end_matches('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_its_help_its_type_and_its_samples() {
        let mut exposition = Exposition::default();
        exposition.family("takes_total", Kind::Counter, "Takes.");
        exposition.sample(&[("outcome", "granted"), ("counter", "a")], 3);
        exposition.family("up", Kind::Gauge, "Is it?");
        exposition.sample(&[], u64::MAX);
        let expected = "# HELP takes_total Takes.\n# TYPE takes_total counter\n\
            takes_total{outcome=\"granted\",counter=\"a\"} 3\n\
            # HELP up Is it?\n# TYPE up gauge\nup 18446744073709551615\n";
        assert_eq!(exposition.into_text(), expected);
    }

    #[test]
    fn the_value_of_a_label_cannot_end_it() {
        let mut exposition = Exposition::default();
        exposition.family("x", Kind::Gauge, "X.");
        exposition.sample(&[("name", "a\"b\\c\nd}é")], 1);
        let text = exposition.into_text();
        assert!(text.ends_with("x{name=\"a\\\"b\\\\c\\nd}é\"} 1\n"), "{text}");
    }

    #[test]
    fn a_histogram_counts_up_to_infinity() {
        let scale = Scale { bounds: &[25_000, 500_000_000], unit: Unit::Nanoseconds };
        let mut exposition = Exposition::default();
        exposition.family("t", Kind::Histogram, "T.");
        exposition.histogram(&scale, &Totals { counts: vec![1, 3, 4], sum: 1_500_000_001 });
        let expected = "# HELP t T.\n# TYPE t histogram\nt_bucket{le=\"0.000025\"} 1\n\
            t_bucket{le=\"0.5\"} 3\nt_bucket{le=\"+Inf\"} 4\nt_sum 1.500000001\nt_count 4\n";
        assert_eq!(exposition.into_text(), expected);
    }

    #[test]
    fn seconds_are_written_in_full() {
        let rows = [
            (0, "0"),
            (1, "0.000000001"),
            (10_000_000, "0.01"),
            (1_000_000_000, "1"),
            (100_000_000_010, "100.00000001"),
            (u64::MAX, "18446744073.709551615"),
        ];
        for (nanoseconds, expected) in rows {
            assert_eq!(seconds(nanoseconds), expected);
        }
    }
}
