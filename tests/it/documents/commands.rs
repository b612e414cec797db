//! Every command of the documents is run as it stands, or is on a list that says why not.

use std::thread;

use super::blocks::{Block, Document, project, read};
use super::terminal::Terminal;

/// Blocks that are not run here: the document, the first line, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo run --release", "it builds the program, and serves until it is ended"),
    ("README.md", "./tests/run", "it runs this test"),
    ("docs/contributing.md", "cargo test --lib batcher", "it runs this test"),
    ("docs/contributing.md", "cargo +nightly fuzz run http", "it has no end"),
    ("docs/contributing.md", "cargo build", "it takes minutes, in a browser"),
    ("docs/operating.md", POD, "tests/pod runs its commands"),
    ("docs/operating.md", "$ podman volume rm headcount-redis", "tests/pod runs it"),
    ("docs/operating.md", RAISE, "tests/pod runs it"),
    ("docs/operating.md", WITH_FILE, "tests/pod runs its commands"),
    ("docs/operating.md", RAISE_IN_FILE, "tests/pod runs it"),
    ("docs/operating.md", PUSH, "it needs a registry; tests/pod builds the image"),
    ("docs/operating.md", APPLY[0], NEEDS_CLUSTER),
    ("docs/operating.md", APPLY[1], NEEDS_CLUSTER),
    ("docs/operating.md", APPLY[2], NEEDS_CLUSTER),
];

const POD: &str = "$ podman build -f Containerfile.scratch -t localhost/headcount:0.1.0 .";

const RAISE: &str = "$ podman exec \"$(podman ps -q --filter name=headcount-pod)\" \
    /headcount set default --limit 200";
const WITH_FILE: &str = "$ podman play kube deploy/podman/with-file.yaml";
const RAISE_IN_FILE: &str = "$ podman run --rm -v headcount-file:/data \
    localhost/headcount:0.1.0 set default --limit 200 --store file:/data/count";
const PUSH: &str =
    "podman build -f Containerfile.scratch -t registry.example.com/shop/headcount:0.1.0 .";
const APPLY: [&str; 3] = [
    "kubectl apply -k deploy/kubernetes/with-redis",
    "kubectl apply -k deploy/kubernetes/with-sentinel",
    "kubectl apply -k deploy/kubernetes/own-redis",
];
const NEEDS_CLUSTER: &str = "it needs a cluster; tests/deploy checks what it applies";

/// What stands behind the fence of a block that has no commands.
const NO_COMMANDS: &[&str] =
    &["caddy", "go", "haproxy", "html", "js", "json", "nginx", "php", "python", "sql", "text"];

#[test]
fn every_console_block_prints_what_it_says() {
    let documents = Document::all();
    let failed = thread::scope(|scope| {
        let runs: Vec<_> =
            documents.iter().map(|document| scope.spawn(|| failures_of(document))).collect();
        let failed = runs.into_iter().map(|run| run.join().expect("no document panics"));
        failed.flatten().collect::<Vec<_>>()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// How the blocks of a document fail.
fn failures_of(document: &Document) -> Vec<String> {
    let blocks = document.blocks();
    let consoles: Vec<&Block> = blocks.iter().filter(|block| block.info == "console").collect();
    let mut failures = Vec::new();
    if consoles.is_empty() {
        return failures;
    }
    let mut terminal = Terminal::open(&document.text);
    for block in consoles {
        let steps = block.steps();
        if let Err(difference) = steps.iter().try_for_each(|step| terminal.run(step)) {
            failures.push(format!("{}: {difference}", document.path));
        }
    }
    failures
}

#[test]
fn every_block_that_is_not_run_is_on_the_list() {
    let mut not_run = Vec::new();
    for document in Document::all() {
        for block in document.blocks() {
            let info = block.info.as_str();
            if ["sh", "console pod"].contains(&info) {
                not_run.push((document.path.clone(), block.lines[0].clone()));
            } else {
                let is_known = info == "console" || NO_COMMANDS.contains(&info);
                assert!(is_known, "{}: a block of the kind '{info}'", document.path);
            }
        }
    }
    let mut listed: Vec<_> =
        NOT_RUN.iter().map(|(path, line, _)| ((*path).to_owned(), (*line).to_owned())).collect();
    not_run.sort();
    listed.sort();
    assert_eq!(not_run, listed);
}

#[test]
fn the_commands_of_the_pod_are_those_that_its_test_runs() {
    let test = read("tests/pod");
    let mut commands = 0;
    let blocks = Document::named("docs/operating.md").blocks();
    for block in blocks.iter().filter(|block| block.info == "console pod") {
        for step in block.steps() {
            let words: Vec<&str> = step.command.split(' ').collect();
            let is_verb = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
            let verbs: Vec<&str> = words.iter().take_while(is_verb).copied().collect();
            assert!(test.contains(&verbs.join(" ")), "tests/pod does not run {}", step.command);
            for word in words.iter().filter(|word| project().join(word).is_file()) {
                assert!(test.contains(word), "tests/pod does not use {word}");
            }
            commands += 1;
        }
    }
    assert!(commands > 3, "the check saw only {commands} commands");
}
