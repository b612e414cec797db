//! The live page of the admin listener, and the policy under which a browser runs it.
//!
//! The page has one style and one script of its own and takes nothing from elsewhere. The policy
//! (CSP Level 3) names both by their hashes, so that nothing else runs, whatever a counter or a
//! reason may be called.

use crate::api::body::PLAIN;
use crate::http::{ContentType, Response};

/// The answer that is the page.
pub fn response() -> Response<'static> {
    Response {
        body: PAGE.as_bytes(),
        content_type: ContentType::Html,
        fields: FIELDS.as_bytes(),
        ..PLAIN
    }
}

const PAGE: &str = include_str!("page.html");

/// Its own fields. A test compares the hashes with the page, and says what they are where it was
/// edited.
const FIELDS: &str = "Content-Security-Policy: default-src 'none'; \
    script-src 'sha256-8V/Jqd1WeSNCtz+jxVaJnAPtkbQ7ZwP+r+E/KRSHdO4='; \
    style-src 'sha256-ywlmGx5kCME4c/rZ472BN79Pt52c87VKmIuPPrDnEK4='; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: no-referrer\r\n";

const _: () = assert!(PAGE.len() <= crate::limits::PAGE_BYTES_MAX);

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_has_the_hashes_of_the_page() {
        for (tag, directive) in [("script", "script-src"), ("style", "style-src")] {
            let hash = BASE64_STANDARD.encode(Sha256::digest(inside(PAGE, tag)));
            let wanted = format!("; {directive} 'sha256-{hash}'; ");
            assert!(FIELDS.contains(&wanted), "the policy needs {wanted:?}");
        }
    }

    /// What the policy would block, and a test of the page alone would not miss.
    #[test]
    fn the_page_has_nothing_that_the_policy_blocks() {
        let outside = PAGE.replace(inside(PAGE, "script"), "").replace(inside(PAGE, "style"), "");
        for blocked in [" style=", " on", "javascript:", "<link rel=\"stylesheet", "<iframe"] {
            assert!(!outside.contains(blocked), "the page has {blocked:?}");
        }
        for elsewhere in ["http:", "https:", "\"//", "'//", "url(", "@import"] {
            assert!(!PAGE.contains(elsewhere), "the page has {elsewhere:?}");
        }
    }

    /// They would make markup or code of a counter's name.
    #[test]
    fn the_script_makes_no_markup_of_words() {
        let script = inside(PAGE, "script");
        for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(sink), "the script has {sink}");
        }
    }

    /// The text of the one element with this tag, as a browser hashes it.
    fn inside<'a>(page: &'a str, tag: &str) -> &'a str {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        assert_eq!(page.matches(&format!("<{tag}")).count(), 1, "one {tag}, without attributes");
        let (_, rest) = page.split_once(&open).expect("it opens");
        rest.split_once(&close).expect("it closes").0
    }
}
