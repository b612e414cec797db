//! What was probably meant by a name that is wrong.
//!
//! A wrong name may be part of a password that slipped out of its place: only what looks like a
//! name is repeated.

/// The one of `names` that is nearest to `wrong`, if it is near enough for a typing error; the
/// first one where two are as near. The beginning of a name counts as one slip.
pub(super) fn nearest(
    wrong: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    let is_beginning = |name: &str| wrong.len() >= BEGINNING_MIN && name.starts_with(wrong);
    let distance = |name: &str| if is_beginning(name) { 1 } else { edits(wrong, name) };
    let (distance, name) =
        names.map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    // Of a short name two slips leave nothing.
    (distance <= EDITS_MAX && distance * 2 < name.len()).then_some(name)
}

/// `text` in quotes, if it is short and has only letters, digits, `.`, `-` and `_`.
pub(super) fn shown(text: Option<&str>) -> String {
    match text.filter(|text| is_plain(text)) {
        Some(text) => format!("\"{text}\""),
        None => NOT_SHOWN.to_owned(),
    }
}

/// Whether `text` can be repeated as it is.
pub(super) fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.len() <= NAME_BYTES_MAX && text.bytes().all(plain)
}

/// What stands in the place of a text that is not repeated.
pub(super) const NOT_SHOWN: &str = "(not shown: it may hold a password)";

/// How many letters must be put in, left out or changed to make `left` of `right`.
fn edits(left: &str, right: &str) -> usize {
    // One row of the matrix of distances between the prefixes of both.
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.bytes().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (column, to) in right.bytes().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// Bytes of a wrong name that an error repeats.
const NAME_BYTES_MAX: usize = 48;

/// Two slips make a typing error; three make another word.
const EDITS_MAX: usize = 2;

/// Letters that the beginning of a name has at least.
const BEGINNING_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_count_what_is_put_in_left_out_or_changed() {
        let table = [
            ("", "", 0),
            ("limit", "limit", 0),
            ("", "limit", 5),
            ("limit", "", 5),
            ("limt", "limit", 1),
            ("limits", "limit", 1),
            ("lemit", "limit", 1),
            ("ilmit", "limit", 2),
            ("store", "threads", 5),
        ];
        for (left, right, expected) in table {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn the_nearest_name_is_at_most_two_slips_away() {
        let names = ["set", "reset", "status"];
        let table = [
            ("statsu", Some("status")),
            ("rest", Some("reset")),
            ("resett", Some("reset")),
            ("sta", Some("status")),
            ("st", Some("set")),
            ("sut", Some("set")),
            ("sat", Some("set")),
            ("sxx", None),
            ("restart", None),
            ("", None),
            ("x", None),
        ];
        for (wrong, expected) in table {
            assert_eq!(nearest(wrong, names.into_iter()), expected, "{wrong}");
        }
    }

    #[test]
    fn only_what_looks_like_a_name_is_repeated() {
        let long = "x".repeat(49);
        for text in ["s3cret@h", "a:b", "redis://h", "a\nb", "é", &long] {
            assert_eq!(shown(Some(text)), NOT_SHOWN);
        }
        assert_eq!(shown(None), NOT_SHOWN);
        assert_eq!(shown(Some("a-b_c.1")), "\"a-b_c.1\"");
    }
}
