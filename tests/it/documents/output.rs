//! What differs from run to run in the output of a command, taken out of it.

/// An epoch of the counter: microseconds since 1970, which have 16 digits and begin with a 1 until
/// the year 2033. The largest limit has as many, and begins with a 9.
const EPOCH_DIGITS: usize = 16;

/// The lines without what differs: the `Date` field of an answer, epochs, and blank lines at the
/// end.
pub fn normal<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = lines.map(|line| normal_line(line.trim_end())).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn normal_line(line: &str) -> String {
    if line.starts_with("Date: ") {
        return "Date: DATE".to_owned();
    }
    with_numbers(line, |digits| {
        let is_epoch = digits.len() == EPOCH_DIGITS && digits.starts_with('1');
        is_epoch.then(|| "EPOCH".to_owned())
    })
}

/// The text with each whole run of digits replaced by what `replace` gives for it, if anything.
pub fn with_numbers(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from_digits) = rest.split_at(start);
        let end = from_digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(from_digits.len());
        let (digits, after) = from_digits.split_at(end);
        replaced.push_str(before);
        replaced.push_str(&replace(digits).unwrap_or_else(|| digits.to_owned()));
        rest = after;
    }
    replaced + rest
}

#[test]
fn what_differs_from_run_to_run_is_taken_out_and_nothing_else() {
    let lines = [
        "Date: Mon, 23 Nov 2026 19:44:28 GMT\r",
        "3) \"1795464263479000\"",
        "{\"limit\":9007199254740991,\"taken\":17}",
        "",
        "\r",
    ];
    let expected = ["Date: DATE", "3) \"EPOCH\"", "{\"limit\":9007199254740991,\"taken\":17}"];
    assert_eq!(normal(lines.into_iter()), expected);
}
