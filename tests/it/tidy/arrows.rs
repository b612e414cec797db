//! Which module may use which, and that no files use each other in a circle.
//!
//! What a file uses is read from its `use` lines and its `crate::` and `super::` paths: the file
//! of the longest module path that is one.

use std::collections::{BTreeMap, BTreeSet};

use super::assert_none;
use super::source::{Source, sources};

/// Which modules each module of the crate may use, beside itself and the leaves. Downward only.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["server", "config", "logging"]),
    ("server", &["net", "engine", "api", "http", "store", "config", "logging"]),
    ("net", &["engine", "api", "http", "store", "config"]),
    ("engine", &["api", "http", "store"]),
    ("api", &["http", "store"]),
    ("store", &["config"]),
    ("http", &[]),
    ("config", &[]),
    ("logging", &[]),
];

/// What every module may use, and what uses nothing but the limits.
const LEAVES: &[&str] = &["counter", "limits", "linger_score", "metrics", "send_buffer", "token"];

#[test]
fn modules_use_only_those_below_them() {
    let sources = sources(&["src"], "rs");
    let mut wrong = Vec::new();
    for (user, used) in arrows(&sources) {
        let (from, to) = (top(&user), top(&used));
        let allowed = ARROWS.iter().find(|(module, _)| *module == from).map(|(_, below)| *below);
        let is_leaf = LEAVES.contains(&from);
        assert!(allowed.is_some() || is_leaf || from == "lib", "{user} is in no table");
        let is_allowed = from == to
            || (!is_leaf && LEAVES.contains(&to))
            || (is_leaf && to == "limits")
            || allowed.is_some_and(|below| below.contains(&to));
        if !is_allowed {
            wrong.push(format!("src/{user}.rs uses {used}: {from} may not use {to}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = sources(&["src"], "rs");
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (user, used) in arrows(&sources) {
        uses.entry(user).or_default().insert(used);
    }
    assert_none(&circles(uses));
}

#[test]
fn the_check_of_arrows_sees_them_and_their_circles() {
    let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let sources = [
        file("src/a.rs", "pub mod b;\nuse b::c::C;\n"),
        file("src/a/b.rs", "use crate::d::{\n    D,\n};\n#[cfg(test)]\nuse crate::a::A;\n"),
        file("src/a/b/c.rs", "use super::super::A;\nfn f(_: crate::d::D) {}\n"),
        file("src/d.rs", "// use crate::a;\n"),
    ];
    let found = arrows(&sources);
    let expected = [("a", "a/b/c"), ("a/b", "d"), ("a/b/c", "a"), ("a/b/c", "d")];
    let expected = expected.map(|(user, used)| (user.to_owned(), used.to_owned()));
    assert_eq!(found, expected);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    found.into_iter().for_each(|(user, used)| {
        uses.entry(user).or_default().insert(used);
    });
    assert_eq!(circles(uses), [r#"a -> {"a/b/c"}"#, r#"a/b/c -> {"a"}"#]);
}

/// The arrows that are left when files that use nothing, or that nobody uses, are taken away, again
/// and again.
fn circles(mut uses: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let users: BTreeSet<String> = uses.keys().cloned().collect();
        let used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        let before = users.len();
        uses.retain(|user, uses| {
            uses.retain(|used| users.contains(used));
            !uses.is_empty() && used.contains(user)
        });
        if uses.is_empty() {
            return Vec::new();
        }
        if uses.len() == before {
            let arrow = |(user, used): (&String, &BTreeSet<String>)| format!("{user} -> {used:?}");
            return uses.iter().map(arrow).collect();
        }
    }
}

/// (a file, another one that it uses), in order.
fn arrows(sources: &[Source]) -> Vec<(String, String)> {
    let modules: BTreeSet<&str> = sources.iter().map(Source::module).collect();
    let mut found = BTreeSet::new();
    for source in sources {
        let user = source.module();
        for (_, line) in source.code() {
            for path in paths(user, line) {
                let used = longest(&modules, path);
                found.extend(used.map(|used| (user.to_owned(), used)));
            }
        }
    }
    found.retain(|(user, used)| user != used);
    found.into_iter().collect()
}

/// The module paths, as `a/b/Name`, that a line of `user` names.
fn paths(user: &str, line: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for start in ["crate::", "use headcount::"] {
        let rests = line.match_indices(start).map(|(at, _)| &line[at + start.len()..]);
        paths.extend(rests.map(path_at));
    }
    if let Some(at) = line.find("super::") {
        let rest = &line[at..];
        let ups = rest.matches("super::").count();
        let above = user.rsplitn(ups + 1, '/').nth(ups).unwrap_or("");
        let path = path_at(rest.trim_start_matches("super::"));
        paths.push(format!("{above}/{path}").trim_start_matches('/').to_owned());
    }
    // A module of its own folder.
    let own = line.trim_start().trim_start_matches("pub ").strip_prefix("use ");
    paths.extend(own.map(|rest| format!("{user}/{}", path_at(rest))));
    paths
}

fn path_at(text: &str) -> String {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !is_path(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(':').replace("::", "/")
}

/// The file of the longest part of `path`, from its start, that is a module.
fn longest(modules: &BTreeSet<&str>, path: String) -> Option<String> {
    let mut path = path;
    loop {
        if modules.contains(path.as_str()) {
            return Some(path);
        }
        path.truncate(path.rfind('/')?);
    }
}

fn top(module: &str) -> &str {
    module.split('/').next().unwrap_or(module)
}
