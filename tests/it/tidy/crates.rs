//! What the program is built from: licences, sources and build scripts of its crates.
//!
//! Not looked at are advisories, whose database is on the network.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

/// What a program may be given away under with no more than a notice.
const LICENCES: &[&str] =
    &["MIT", "Apache-2.0", "BSD-3-Clause", "BSL-1.0", "CDLA-Permissive-2.0", "ISC", "Unicode-3.0"];

const SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates that are in this repository.
const OWN: &[&str] = &["headcount", "stringprep", "unwind"];

/// Crates that run code of their own when they are built. A new one is to be looked at first.
const BUILD_SCRIPTS: &[&str] = &[
    "getrandom",
    "httparse",
    "libc",
    "mlua-sys",
    "num-traits",
    "parking_lot_core",
    "ring",
    "rustix",
    "rustls",
    "serde",
    "serde_core",
    "serde_json",
    "signal-hook",
    "zmij",
];

/// Crates that are there in two versions, which cost little: ring wants an older one.
const TWICE: &[&str] = &["getrandom"];

#[test]
fn crates_are_free_single_and_from_one_source() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--locked", "--format-version=1", "--filter-platform"];
    let output = Command::new(cargo)
        .args(arguments)
        .arg("x86_64-unknown-linux-musl")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is here: it built this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    assert!(packages.len() > 20, "only {} packages", packages.len());
    super::assert_none(&wrongs(packages));
}

#[test]
fn a_crate_that_is_wrong_is_seen() {
    let package = |name: &str, licence: &str, source: &str, kind: &str| {
        let targets = json!([{ "kind": [kind] }]);
        json!({ "name": name, "license": licence, "source": source, "targets": targets })
    };
    let good = [
        package("one", "MIT/Apache-2.0", SOURCE, "lib"),
        package("two", "GPL-3.0 OR (MIT AND Unicode-3.0)", SOURCE, "lib"),
        package("libc", "(MIT OR GPL-3.0) AND BSL-1.0", SOURCE, "custom-build"),
    ];
    assert_eq!(wrongs(&good), [""; 0]);
    for wrong in [
        package("three", "MIT AND GPL-3.0", SOURCE, "lib"),
        package("three", "", SOURCE, "lib"),
        package("three", "MIT", "git+https://example.org/three", "lib"),
        package("three", "MIT", SOURCE, "custom-build"),
        package("one", "MIT", SOURCE, "lib"),
    ] {
        let packages = [good.as_slice(), std::slice::from_ref(&wrong)].concat();
        assert_eq!(wrongs(&packages).len(), 1, "{wrong}");
    }
}

fn wrongs(packages: &[Value]) -> Vec<String> {
    let (mut wrongs, mut names) = (Vec::new(), BTreeSet::new());
    for package in packages {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let (name, licence, source) = (text("name"), text("license"), text("source"));
        if !is_free(&licence.replace('/', " OR ")) {
            wrongs.push(format!("{name} has the licence '{licence}'"));
        }
        if source != SOURCE && !OWN.contains(&name) {
            wrongs.push(format!("{name} is from '{source}'"));
        }
        if !names.insert(name) && !TWICE.contains(&name) {
            wrongs.push(format!("{name} is there in two versions"));
        }
        let has_script = package["targets"].to_string().contains("custom-build");
        if has_script && !BUILD_SCRIPTS.contains(&name) {
            wrongs.push(format!("{name} has a build script and is not on the list"));
        }
    }
    wrongs
}

/// Whether an SPDX expression can be met with the licences above.
fn is_free(expression: &str) -> bool {
    let expression = expression.trim();
    if let Some((left, right)) = split(expression, " AND ") {
        return is_free(left) && is_free(right);
    }
    if let Some((left, right)) = split(expression, " OR ") {
        return is_free(left) || is_free(right);
    }
    match expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some(inner) => is_free(inner),
        None => LICENCES.contains(&expression),
    }
}

/// Parts an expression at its first operator outside of parentheses.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let is_outside = |at: &usize| {
        let before = &expression[..*at];
        before.matches('(').count() == before.matches(')').count()
    };
    let (at, _) = expression.match_indices(operator).find(|(at, _)| is_outside(at))?;
    Some((&expression[..at], &expression[at + operator.len()..]))
}
