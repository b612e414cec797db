//! What the documents call by name is what the program knows by it: flags, variables, reasons, log
//! messages, tables.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::blocks::{Document, project, read};
use crate::support::daemon::run;

/// Flags of other programs in the documents.
const OTHER_PROGRAMS: &[&str] = &[
    "--appendfsync",      // redis-server
    "--appendonly",       // redis-server
    "--filter",           // podman
    "--lib",              // cargo
    "--maxmemory-policy", // redis-server
    "--path",             // cargo
    "--peers",            // bench.sh
    "--release",          // cargo
    "--retry",            // curl
    "--rm",               // podman
    "--scale",            // bench.sh
    "--screenshots",      // tests/browser/run
    "--test",             // cargo
];

/// Commands with a help of their own.
const COMMANDS: &[&str] = &["create", "set", "reset", "status", "probe"];

#[test]
fn the_documents_have_the_flags_of_the_help_and_no_others() {
    let help = flags_in(&help());
    let configuration = flags_in(&read("docs/configuration.md"));
    let missing: Vec<&String> = help.difference(&configuration).collect();
    assert!(missing.is_empty(), "{missing:?}: docs/configuration.md lacks these");
    let mut documented = BTreeSet::new();
    for document in Document::all() {
        // What the servers of others are started with stands in a table of text.
        let blocks = document.blocks().into_iter().filter(|block| block.info != "text");
        let blocks: Vec<String> = blocks.map(|block| block.lines.join("\n")).collect();
        documented.append(&mut flags_in(&document.prose().join("\n")));
        documented.append(&mut flags_in(&blocks.join("\n")));
    }
    let is_unknown = |flag: &&String| {
        let flag = flag.as_str();
        !help.contains(flag) && !OTHER_PROGRAMS.contains(&flag)
    };
    let unknown: Vec<&String> = documented.iter().filter(is_unknown).collect();
    // The wrong flag of the example.
    assert_eq!(unknown, ["--limt"], "the help does not know these");
}

#[test]
fn the_documents_have_the_variables_of_the_help_and_no_others() {
    let help = variables_in(&help());
    let configuration = variables_in(&read("docs/configuration.md"));
    assert!(help.is_subset(&configuration), "docs/configuration.md lacks some of {help:?}");
    let documents = Document::all();
    let documented: BTreeSet<String> =
        documents.iter().flat_map(|document| variables_in(&document.text)).collect();
    let unknown: Vec<&String> = documented.difference(&help).collect();
    assert!(unknown.is_empty(), "{unknown:?}: the help does not know these");
}

#[test]
fn the_table_of_reasons_has_every_word_of_a_store_error_and_no_other() {
    let source = file_with("enum StoreError", "rs");
    let (_, function) = source.split_once("fn word(self)").expect("an error has a word");
    let (function, _) = function.split_once("\n    }\n").expect("a function has an end");
    let words: BTreeSet<&str> =
        function.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(words.len() > 20, "the check saw only {words:?}");
    let operating = Document::named("docs/operating.md");
    let table = first_cells(operating.section("## Reasons"));
    assert_eq!(table.into_iter().collect::<BTreeSet<_>>(), words);
}

#[test]
fn every_log_message_of_the_table_is_one_of_the_program() {
    let operating = Document::named("docs/operating.md");
    let source: String = files_of("rs").into_iter().map(|(_, text)| text).collect();
    let messages = first_cells(operating.section("## Logs"));
    assert!(messages.len() > 20, "the check saw only {messages:?}");
    let unknown: Vec<&str> =
        messages.into_iter().filter(|message| !source.contains(&format!("\"{message}"))).collect();
    assert!(unknown.is_empty(), "{unknown:?}: no source has these");
}

#[test]
fn the_table_of_log_messages_has_every_message_of_the_program() {
    let operating = Document::named("docs/operating.md");
    let table = first_cells(operating.section("## Logs"));
    let sources = files_of("rs");
    let logged: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| logged_in(text)).collect();
    assert!(logged.len() > 20, "the check saw only {logged:?}");
    let missing: Vec<&str> = logged.into_iter().filter(|it| !table.contains(it)).collect();
    assert!(missing.is_empty(), "{missing:?}: docs/operating.md lacks these");
}

#[test]
fn the_message_of_a_log_line_is_seen() {
    let text = "warn!(error, clients;\n \"too many\");\nx(\"no\");\ninfo!(\"{}\", words);\n";
    assert_eq!(logged_in(text), ["too many"]);
}

/// The messages that a source logs, but for those that it puts together.
fn logged_in(text: &str) -> Vec<&str> {
    let levels = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];
    let calls = levels.iter().flat_map(|level| text.match_indices(level));
    let arguments = calls.filter_map(|(start, level)| {
        let rest = &text[start + level.len()..];
        Some(&rest[..rest.find(");")?])
    });
    let messages = arguments.filter_map(|arguments| arguments.rsplit('"').nth(1));
    messages.filter(|message| !message.contains('{')).collect()
}

#[test]
fn the_sql_of_the_tables_is_the_programs_own() {
    let document = Document::named("docs/postgres.md");
    let blocks = document.blocks();
    let blocks: Vec<String> = blocks.iter().map(|block| block.lines.join("\n")).collect();
    for name in ["table.sql", "migrate.sql"] {
        let found = files_of("sql").into_iter().find(|(path, _)| path.ends_with(name));
        let (_, sql) = found.unwrap_or_else(|| panic!("src has no {name}"));
        assert!(blocks.iter().any(|block| block == sql.trim_end()), "{name} is another one");
    }
}

/// The help of the program, and of each of its commands.
fn help() -> String {
    let mut lines = run(&["--help"], &[]).stdout;
    for command in COMMANDS {
        lines.append(&mut run(&[command, "--help"], &[]).stdout);
    }
    lines.join("\n")
}

/// What begins with two dashes and a small letter.
fn flags_in(text: &str) -> BTreeSet<String> {
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = text.split(|c: char| !is_flag(c));
    let flags = words.filter(|word| word.starts_with("--") && !word.starts_with("---"));
    flags.filter(|word| word.len() > 3).map(str::to_owned).collect()
}

fn variables_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    let variables = words.filter(|word| word.starts_with("HEADCOUNT_") && !word.ends_with('_'));
    variables.map(str::to_owned).collect()
}

/// What stands in backquotes in the first cell of each row of a table.
pub fn first_cells(text: &str) -> Vec<&str> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `"));
    cells.filter_map(|rest| Some(rest.split_once("` |")?.0)).collect()
}

/// The text of the file under `src` that has this in it, wherever it is.
fn file_with(text: &str, extension: &str) -> String {
    let found = files_of(extension).into_iter().find(|(_, source)| source.contains(text));
    found.unwrap_or_else(|| panic!("no file in src has {text}")).1
}

/// Path and text of each file under `src`; what a backslash continues is one line.
fn files_of(extension: &str) -> Vec<(PathBuf, String)> {
    let mut waiting = vec![project().join("src")];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("src has folders").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).expect("a source is text");
                files.push((path, joined(&text)));
            }
        }
    }
    files
}

fn joined(text: &str) -> String {
    let mut pieces = text.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.trim_start())
}
