//! A model of Redis: the few commands that headcount sends, and a rule of its own.

use std::collections::HashMap;

/// What survives a restart with an append-only file: the counter; what does not: the script.
#[derive(Debug, Default)]
pub struct ModelStore {
    pub fields: HashMap<String, u64>,
    is_script_loaded: bool,
    pub script_calls: u64,
    /// Asks that came again and were answered from memory.
    pub answered_again: u64,
    /// The last answer in each place of each link: sequence number, first, granted.
    remembered: HashMap<String, (u64, u64, u64)>,
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
            ["INFO"] => "-NOPERM\r\n".to_owned(),
            ["HSETNX", _, field, value] => {
                let value = value.parse().expect("headcount sends numbers");
                self.fields.entry((*field).to_owned()).or_insert(value);
                ":1\r\n".to_owned()
            }
            ["GET", _] => "_\r\n".to_owned(),
            ["SET", ..] => "+OK\r\n".to_owned(),
            ["EVALSHA", _, "2", _, place, count, sequence, _, _, taken] => {
                let number = |text: &&str| text.parse().expect("a number");
                let (taken, sight) = (self.field("taken").unwrap_or_default(), number(taken));
                assert!(taken >= sight, "{taken} are taken, and {sight} were seen");
                self.ask(place, number(count), number(sequence))
            }
            other => panic!("a command that the model does not know: {other:?}"),
        }
    }

    fn ask(&mut self, place: &str, wanted: u64, sequence: u64) -> String {
        if !self.is_script_loaded {
            return "-NOSCRIPT No matching script.\r\n".to_owned();
        }
        let (Some(taken), Some(limit)) = (self.field("taken"), self.field("limit")) else {
            return "-NOCOUNTER gone\r\n".to_owned();
        };
        match self.remembered.get(place) {
            Some((told, first, granted)) if *told == sequence && wanted > 0 => {
                self.answered_again += 1;
                return format!("*4\r\n:{first}\r\n:{granted}\r\n:{limit}\r\n:5\r\n");
            }
            Some((told, ..)) if *told > sequence && wanted > 0 => {
                return "-STALE\r\n".to_owned();
            }
            _ => {}
        }
        self.script_calls += 1;
        let granted = if taken + wanted > limit { limit - taken } else { wanted };
        if granted > 0 {
            self.fields.insert("taken".to_owned(), taken + granted);
            self.remembered.insert(place.to_owned(), (sequence, taken + 1, granted));
        }
        format!("*4\r\n:{}\r\n:{granted}\r\n:{limit}\r\n:5\r\n", taken + 1)
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
