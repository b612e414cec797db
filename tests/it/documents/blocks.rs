//! The documents as the checks see them: fenced blocks, and the commands in them.

use std::fs;
use std::path::Path;

/// A document: its path from the project's folder, and its text.
pub struct Document {
    pub path: String,
    pub text: String,
}

/// A fenced block: what stands behind its fence, and its lines.
pub struct Block {
    pub info: String,
    pub lines: Vec<String>,
}

/// A command of a block, and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    pub command: String,
    pub expected: Vec<String>,
}

impl Document {
    /// README.md, and everything in `docs`.
    pub fn all() -> Vec<Document> {
        let folder = project().join("docs").read_dir().expect("the project has a folder docs");
        let names = folder.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut paths: Vec<String> =
            names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
        paths.sort();
        paths.insert(0, "README.md".to_owned());
        paths.into_iter().map(|path| Document { text: read(&path), path }).collect()
    }

    /// One of them.
    pub fn named(path: &str) -> Document {
        Document { path: path.to_owned(), text: read(path) }
    }

    /// Its fenced blocks, in order.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if let Some(info) = line.strip_prefix("```") {
                let body = lines.by_ref().take_while(|line| *line != "```");
                let body = body.map(str::to_owned).collect();
                blocks.push(Block { info: info.to_owned(), lines: body });
            }
        }
        blocks
    }

    /// Its lines that are in no fenced block.
    pub fn prose(&self) -> Vec<&str> {
        let mut is_in_block = false;
        let mut prose = Vec::new();
        for line in self.text.lines() {
            let is_fence = line.starts_with("```");
            if !is_fence && !is_in_block {
                prose.push(line);
            }
            is_in_block ^= is_fence;
        }
        prose
    }

    /// What stands between a heading and the next of its level.
    pub fn section(&self, heading: &str) -> &str {
        let start = self.text.find(&format!("\n{heading}\n"));
        let start = start.unwrap_or_else(|| panic!("{} has no {heading}", self.path));
        let text = &self.text[start + heading.len() + 2..];
        text.find("\n## ").map_or(text, |end| &text[..end])
    }
}

impl Block {
    /// Its commands: a line that begins with `$ `, and the lines below one that ends in a
    /// backslash. What follows up to the next command is what it prints.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in &self.lines {
            let open = steps.last_mut().filter(|step| step.command.ends_with('\\'));
            if let Some(step) = open {
                step.command.push('\n');
                step.command.push_str(line);
            } else if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), expected: Vec::new() });
            } else {
                let step = steps.last_mut().expect("a console block begins with a command");
                step.expected.push(line.clone());
            }
        }
        steps
    }
}

/// A file of the project as text.
pub fn read(path: &str) -> String {
    let text = fs::read_to_string(project().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn commands_and_what_they_print_are_told_apart() {
    let text = "a\n```console\n$ one \\\n    two\nprinted\n\n$ three\n```\nb\n".to_owned();
    let document = Document { path: String::new(), text };
    let blocks = document.blocks();
    assert_eq!((blocks.len(), blocks[0].info.as_str()), (1, "console"));
    assert_eq!(document.prose(), ["a", "b"]);
    let step = |command: &str, expected: &[&str]| Step {
        command: command.to_owned(),
        expected: expected.iter().map(|&line| line.to_owned()).collect(),
    };
    let expected = [step("one \\\n    two", &["printed", ""]), step("three", &[])];
    assert_eq!(blocks[0].steps(), expected);
}
