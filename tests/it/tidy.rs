//! The rules of the source that a machine can check.
//!
//! The checks are by line and need rustfmt's layout, which the build checks on its own.

mod arrows;
mod crates;
mod source;

use source::{functions, has_word, project, read, sources};

/// Columns of a line.
const COLUMNS_MAX: usize = 100;
/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 300;
/// Lines of a function, its first and its last included.
const FUNCTION_LINES_MAX: usize = 40;

/// What only some files may name: (text, those files or folders under `src`).
const CONFINED: &[(&str, &[&str])] = &[
    ("mio::", &["net", "server"]),
    ("TcpStream", &["net"]),
    ("TcpListener", &["net", "server"]),
    ("UnixStream", &["net"]),
    ("Instant::now", &["event_loop", "committer", "server"]),
    ("SystemTime::now", &["event_loop", "committer", "server", "logging"]),
    ("thread::", &["server", "resolver", "logging", "main", "file_disk"]),
    ("ToSocketAddrs", &["resolver"]),
];

/// What no source outside of tests may have.
const FORBIDDEN: &[&str] =
    &["unsafe", ".unwrap()", "todo!", "unimplemented!", "macro_rules!", "println!", "dbg!"];

/// Words of a work in progress, put together here so that this file has none of them.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

#[test]
fn lines_are_short_and_end_cleanly() {
    let mut wrong = Vec::new();
    for source in sources(&["src", "tests", "fuzz", "unwind", "stringprep"], "rs") {
        for (number, line) in (1..).zip(source.text.lines()) {
            if line.chars().count() > COLUMNS_MAX {
                wrong.push(format!("{}:{number} is over {COLUMNS_MAX} columns", source.path));
            }
            if line.trim_end() != line || line.contains('\t') {
                wrong.push(format!("{}:{number} has a tab or ends in space", source.path));
            }
        }
        if !source.text.ends_with('\n') || source.text.ends_with("\n\n") {
            wrong.push(format!("{} does not end in one newline", source.path));
        }
    }
    assert_none(&wrong);
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    for source in sources(&["src", "tests", "fuzz", "unwind", "stringprep"], "rs") {
        let lines = source.program().count();
        if lines >= FILE_LINES_MAX {
            wrong.push(format!("{} has {lines} lines before its tests", source.path));
        }
        // A table of rows in a test may be long: there only the files of this binary count.
        let text: Vec<&str> = source.program().map(|(_, line)| line).collect();
        for (name, lines) in functions(&text.join("\n")) {
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!("{}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_check_of_functions_sees_them() {
    let text =
        "fn one() {}\n\nimpl X {\n    pub fn two(\n        a: u8,\n    ) {\n        a;\n    }\n}\n";
    assert_eq!(functions(text), [("fn one() {}", 1), ("pub fn two(", 5)]);
    let this_file = functions(include_str!("tidy.rs"));
    assert!(this_file.iter().any(|(name, lines)| name.contains("fn assert_none") && *lines == 3));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let mut wrong = Vec::new();
    for source in sources(&["src", "tests"], "rs") {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{} does not open with a //! line", source.path));
        }
    }
    assert_none(&wrong);
}

#[test]
fn nothing_forbidden_is_in_the_program() {
    let mut wrong = Vec::new();
    for source in sources(&["src"], "rs") {
        for (number, line) in source.code() {
            let found = FORBIDDEN.iter().find(|word| has_word(line, word));
            wrong.extend(found.map(|word| format!("{}:{number} has {word}", source.path)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut wrong = Vec::new();
    for source in sources(&["src", "tests", "fuzz", "unwind", "stringprep"], "rs") {
        for (number, line) in (1..).zip(source.text.lines()) {
            let found = UNFINISHED.iter().find(|word| has_word(line, word));
            wrong.extend(found.map(|word| format!("{}:{number} has {word}", source.path)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn only_the_shell_touches_sockets_clocks_and_threads() {
    let mut wrong = Vec::new();
    for source in sources(&["src"], "rs") {
        for (number, line) in source.code() {
            let found = CONFINED
                .iter()
                .find(|(word, places)| has_word(line, word) && !source.is_in(places));
            wrong.extend(found.map(|(word, _)| format!("{}:{number} has {word}", source.path)));
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_page_of_the_architecture_names_every_module_of_the_crate() {
    let page = read("src/lib.rs");
    let page: Vec<&str> = page.lines().filter(|line| line.starts_with("//!")).collect();
    let page = page.join("\n");
    let mut wrong = Vec::new();
    for source in sources(&["src"], "rs") {
        let module = source.module();
        let is_on_top = !module.contains('/') && !["lib", "main"].contains(&module);
        if is_on_top && !has_word(&page, module) {
            wrong.push(format!("the page at the top of src/lib.rs does not name {module}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_file_is_a_module_of_the_one_above_it() {
    let mut wrong = Vec::new();
    for source in sources(&["src", "tests/it"], "rs") {
        let Some((parent, name)) = source.parent() else { continue };
        if !has_word(&read(&parent), &format!("mod {name};")) {
            wrong.push(format!("{} is dead: {parent} has no mod {name}", source.path));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_dependency_has_its_reason_above_it() {
    let manifest = read("Cargo.toml");
    let mut wrong = Vec::new();
    let mut dependencies = 0;
    let (mut section, mut previous) = ("", "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.contains("dependencies]") && line.contains(" = ") {
            dependencies += 1;
            if !previous.starts_with("# ") {
                wrong.push(format!("no reason above: {line}"));
            }
        }
        previous = line;
    }
    assert!(dependencies > 5, "the check saw only {dependencies} dependencies");
    assert_none(&wrong);
}

/// They come first, and in this order.
#[test]
fn the_two_set_up_commands_of_the_readme_stand() {
    let readme = read("README.md");
    let mut lines = readme.lines().filter(|line| !line.is_empty());
    let mut commands = Vec::new();
    while commands.len() < 2 {
        assert!(lines.any(|line| line == "```sh"), "README.md begins with two fenced commands");
        commands.extend(lines.by_ref().take_while(|line| *line != "```"));
    }
    assert_eq!(commands, ["cargo run --release", "./tests/run"]);
    assert!(project().join("tests/run").is_file());
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
