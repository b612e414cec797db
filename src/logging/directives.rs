//! `RUST_LOG` as text: which of its directives are well-formed.
//!
//! env_logger leaves out the others by itself, but says so on stderr, which nobody may read.

use log::LevelFilter;

/// Splits `text` into what env_logger understands and the directives that it does not.
pub(super) fn split(text: &str) -> (String, Vec<&str>) {
    // Behind a slash stands what a message must contain; a second slash makes all of it wrong.
    let (directives, pattern) = text.split_once('/').unwrap_or((text, ""));
    if pattern.contains('/') {
        return (String::new(), vec![text]);
    }
    let directives = directives.split(',').map(str::trim);
    let (right, wrong): (Vec<&str>, Vec<&str>) = directives.partition(|it| is_right(it));
    let pattern = &text[text.find('/').unwrap_or(text.len())..];
    (right.join(",") + pattern, wrong)
}

/// A level, a module of this program, or `name=level`. A bare word that is none of these is a
/// misspelt level: env_logger would take it for the name of a module, and say nothing.
fn is_right(directive: &str) -> bool {
    let is_level = |text: &str| text.trim().parse::<LevelFilter>().is_ok();
    match directive.split_once('=') {
        None => directive.is_empty() || is_level(directive) || directive.starts_with(MODULE),
        Some((_, level)) => level.trim().is_empty() || is_level(level),
    }
}

/// What the names of this program's modules begin with.
const MODULE: &str = "headcount";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_is_kept_and_the_rest_is_named() {
        let table: &[(&str, &str, &[&str])] = &[
            ("", "", &[]),
            ("debug", "debug", &[]),
            ("WARN,headcount::reactor=debug", "WARN,headcount::reactor=debug", &[]),
            ("a=,b= info", "a=,b= info", &[]),
            ("a=loud, debug", "debug", &["a=loud"]),
            ("a=b=c,d=5,headcount", "headcount", &["a=b=c", "d=5"]),
            ("wran", "", &["wran"]),
            ("loud, headcount::http ,off", "headcount::http,off", &["loud"]),
            ("a=loud/words", "/words", &["a=loud"]),
            ("info/words=x", "info/words=x", &[]),
            ("info/a/b", "", &["info/a/b"]),
        ];
        for (text, right, wrong) in table {
            assert_eq!(split(text), ((*right).to_owned(), wrong.to_vec()), "{text:?}");
        }
    }
}
