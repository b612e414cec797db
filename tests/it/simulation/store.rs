//! A model of Redis: the few commands that headcount sends, and a rule of its own.

use std::collections::HashMap;

/// What survives a restart with an append-only file: the counter; what does not: the script.
#[derive(Debug, Default)]
pub struct ModelStore {
    pub fields: HashMap<String, u64>,
    is_script_loaded: bool,
    pub script_calls: u64,
    /// Numbers that were asked for in calls that ran.
    pub numbers_wanted: u64,
}

impl ModelStore {
    /// All but the data is forgotten.
    pub fn restart(&mut self) {
        self.is_script_loaded = false;
    }

    /// Runs the whole commands at the start of `bytes`, drops them there, and returns the replies.
    pub fn run(&mut self, bytes: &mut Vec<u8>) -> Vec<u8> {
        let mut replies = Vec::new();
        while let Some((words, length)) = command(bytes) {
            replies.extend(self.reply(&words).into_bytes());
            bytes.drain(..length);
        }
        replies
    }

    fn reply(&mut self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["HELLO", ..] => "%1\r\n+role\r\n+master\r\n".to_owned(),
            ["SCRIPT", "LOAD", _] => {
                self.is_script_loaded = true;
                "+hash\r\n".to_owned()
            }
            ["HSETNX", _, field, value] => {
                let value = value.parse().expect("headcount sends numbers");
                self.fields.entry((*field).to_owned()).or_insert(value);
                ":1\r\n".to_owned()
            }
            ["HMGET", _, "taken", "limit"] => match (self.field("taken"), self.field("limit")) {
                (Some(taken), Some(limit)) => format!("*2\r\n:{taken}\r\n:{limit}\r\n"),
                _ => "*2\r\n_\r\n_\r\n".to_owned(),
            },
            ["EVALSHA", _, "1", _, count] => self.take(count.parse().expect("a number")),
            other => panic!("a command that the model does not know: {other:?}"),
        }
    }

    fn take(&mut self, wanted: u64) -> String {
        if !self.is_script_loaded {
            return "-NOSCRIPT No matching script.\r\n".to_owned();
        }
        self.script_calls += 1;
        self.numbers_wanted += wanted;
        let (Some(taken), Some(limit)) = (self.field("taken"), self.field("limit")) else {
            return "-NOCOUNTER gone\r\n".to_owned();
        };
        let granted = if taken + wanted > limit { limit - taken } else { wanted };
        self.fields.insert("taken".to_owned(), taken + granted);
        format!("*3\r\n:{}\r\n:{granted}\r\n:{limit}\r\n", taken + 1)
    }

    fn field(&self, name: &str) -> Option<u64> {
        self.fields.get(name).copied()
    }
}

/// The words of the first whole command (an array of bulk strings) and its length in bytes.
fn command(bytes: &[u8]) -> Option<(Vec<String>, usize)> {
    let (count, mut at) = header(bytes, 0, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, start) = header(bytes, at, b'$')?;
        let word = bytes.get(start..start + length)?;
        at = start + length + 2;
        if at > bytes.len() {
            return None;
        }
        words.push(String::from_utf8_lossy(word).into_owned());
    }
    Some((words, at))
}

fn header(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(line[0], kind, "headcount sends arrays of bulk strings");
    let digits = std::str::from_utf8(&line[1..end]).expect("digits");
    Some((digits.parse().expect("a length"), at + end + 2))
}
