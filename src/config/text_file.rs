//! Files that hold one text: a URL, a password, a token.
//!
//! Reads no file itself: how is passed in.

use std::io;
use std::path::Path;

use super::value::{ConfigError, quoted, refuse};
use crate::limits::CONFIG_FILE_BYTES_MAX;

/// The text of a file.
///
/// # Errors
/// It cannot be read, is too long, or is not UTF-8. The path is said, and nothing of the text.
pub(super) fn text_of(
    path: &Path,
    read_file: &impl Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<String, ConfigError> {
    let shown = quoted(&path.to_string_lossy());
    let bytes = match read_file(path) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(format!("cannot read {shown}: {error}")),
    };
    if bytes.len() > CONFIG_FILE_BYTES_MAX {
        return refuse(format!("{shown} has more than {CONFIG_FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::new(format!("{shown} is not UTF-8")))
}

/// Bytes without the line end behind them: an editor puts one there, and more than one is no
/// accident.
pub(super) fn without_line_end(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    match line.len() < bytes.len() {
        true => line.strip_suffix(b"\r").unwrap_or(line),
        false => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        let table = [
            ("", ""),
            ("\n", ""),
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\r", "a\r"),
            (" a \n\n", " a \n"),
            ("a\r\r\n", "a\r"),
        ];
        for (text, expected) in table {
            assert_eq!(without_line_end(text.as_bytes()), expected.as_bytes(), "{text:?}");
        }
    }
}
