//! The store URLs that the documents tell a reader to paste.

use headcount::config::StoreUrl;

use super::blocks::Document;

/// What the URL of a store begins with, behind which a `:` follows.
const SCHEMES: &[&str] = &["postgres", "postgresql", "redis", "rediss", "valkey", "valkeys"];

#[test]
fn every_store_url_that_is_to_be_pasted_gets_past_the_parser() {
    let (mut refused, mut urls) = (Vec::new(), 0);
    for document in Document::all() {
        for block in document.blocks().iter().filter(|block| block.info == "text") {
            for url in block.lines.iter().filter(|line| is_store_url(line)) {
                urls += 1;
                if let Err(error) = StoreUrl::parse(url) {
                    refused.push(format!("{}: {url}: {error}", document.path));
                }
            }
        }
    }
    assert!(urls > 15, "the check saw only {urls} URLs");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// `redis+sentinel://` and the like have a scheme with a suffix.
fn is_store_url(line: &str) -> bool {
    let scheme = line.split_once("://").map(|(scheme, _)| scheme);
    let scheme = scheme.map(|scheme| scheme.split_once('+').map_or(scheme, |(kind, _)| kind));
    scheme.is_some_and(|scheme| SCHEMES.contains(&scheme))
}
