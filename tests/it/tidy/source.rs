//! The source as the checks see it: files, lines, functions, words.

use std::fs;
use std::path::Path;

/// A source file: its path from the project's folder, and its text.
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    /// Everything before the tests at its end: nothing in a module that has nothing but tests.
    pub fn program(&self) -> impl Iterator<Item = (usize, &str)> {
        let only_tests = self.path.starts_with("src/") && self.is_in(&["tests"]);
        (1..)
            .zip(self.text.lines())
            .take_while(move |(_, line)| *line != "#[cfg(test)]" && !only_tests)
    }

    /// The lines of the program that are no comment.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.program().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// `store/redis` for `src/store/redis.rs`.
    pub fn module(&self) -> &str {
        self.path.trim_start_matches("src/").trim_end_matches(".rs")
    }

    /// The file that must declare it, and its name there: `src/store.rs` and `redis` for
    /// `src/store/redis.rs`. None for the root of a crate.
    pub fn parent(&self) -> Option<(String, &str)> {
        let (folder, file) = self.path.rsplit_once('/')?;
        let name = file.strip_suffix(".rs")?;
        let root = match folder {
            "src" => "src/lib.rs".to_owned(),
            "tests/it" => "tests/it/main.rs".to_owned(),
            folder => format!("{folder}.rs"),
        };
        (!["lib", "main"].contains(&name)).then_some((root, name))
    }

    /// Whether it is one of these files, or lies in one of these folders, under `src`.
    pub fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.module().split('/').any(|part| part == *place))
    }
}

/// Whether the text has the word, and not only as a part of a longer name.
pub fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        let opens = word.starts_with(is_name) && before.is_some_and(is_name);
        let continues = word.ends_with(is_name) && after.is_some_and(is_name);
        !opens && !continues
    })
}

/// The first line of each function, and how many lines it has. In rustfmt's layout a function
/// ends at the first closing brace that stands as far in as its first line.
pub fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let is_function = start.starts_with("fn ") || start.contains(" fn ");
        if !is_function || start.starts_with("//") || !start.contains('(') {
            continue;
        }
        if start.ends_with('}') || start.ends_with(';') {
            found.push((start, 1));
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - start.len()]);
        let length = lines[index..].iter().position(|line| *line == end);
        found.extend(length.map(|length| (start, length + 1)));
    }
    found
}

/// Every file with this extension in these folders, and in the folders in them.
pub fn sources(folders: &[&str], extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut waiting: Vec<_> = folders.iter().map(|folder| project().join(folder)).collect();
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                waiting.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(project()).expect("it lies in the project");
                let name = name.display().to_string();
                found.push(Source { text: read(&name), path: name });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found
}

/// A file of the project as text.
pub fn read(name: &str) -> String {
    let text = fs::read_to_string(project().join(name));
    text.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
