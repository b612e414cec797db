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
    /// Asks refused because the count was lower than the asker had seen.
    pub backwards: u64,
    pub resets: u64,
    /// Changes of the counter so far, by whomever.
    changes: u64,
    remembered: Answers,
    backup: Option<(HashMap<String, u64>, Answers)>,
}

/// The last answer in each place of each link: sequence number, first, granted, generation.
type Answers = HashMap<String, (u64, u64, u64, u64)>;

/// What the store remembers of one connection that has it track the counter.
#[derive(Debug, Default)]
pub struct Tracking {
    /// The next command is the one whose key is tracked.
    is_next: bool,
    /// Changes of the counter when it was looked at, until the next one is told of.
    looked_at: Option<u64>,
}

/// Later than the generation that the nodes create the counter with.
const CLOCK: u64 = 10;

impl ModelStore {
    /// All but the data is forgotten.
    pub fn restart(&mut self) {
        self.is_script_loaded = false;
    }

    /// What is there now may be restored later.
    pub fn back_up(&mut self) {
        self.backup = Some((self.fields.clone(), self.remembered.clone()));
    }

    /// Restores the backup, if there is one.
    pub fn roll_back(&mut self) -> bool {
        let backup = self.backup.clone().filter(|(fields, _)| fields.contains_key("taken"));
        if let Some((fields, remembered)) = backup.clone() {
            (self.fields, self.remembered) = (fields, remembered);
            self.changes += 1;
        }
        backup.is_some()
    }

    /// What `reset.lua` does to a counter that is there.
    pub fn reset(&mut self) -> bool {
        let Some(generation) = self.field("generation") else {
            return false;
        };
        self.resets += 1;
        self.changes += 1;
        self.fields.insert("taken".to_owned(), 0);
        // The clock is what a rollback does not set back.
        self.fields.insert("generation".to_owned(), generation.max(CLOCK + self.resets));
        true
    }

    /// Runs the whole commands at the start of `bytes`, drops them there, and returns the replies,
    /// with word of a change of what is tracked in its place among them.
    pub fn run(&mut self, bytes: &mut Vec<u8>, tracking: &mut Tracking) -> Vec<u8> {
        let mut replies = self.word_of_change(tracking);
        while let Some((words, length)) = command(bytes) {
            if words[0] == "EVALSHA" && std::mem::take(&mut tracking.is_next) {
                tracking.looked_at = Some(self.changes);
            }
            tracking.is_next |= words.starts_with(&["CLIENT".to_owned(), "CACHING".to_owned()]);
            replies += &self.reply(&words);
            replies += &self.word_of_change(tracking);
            bytes.drain(..length);
        }
        replies.into_bytes()
    }

    fn word_of_change(&self, tracking: &mut Tracking) -> String {
        match tracking.looked_at.take_if(|changes| *changes < self.changes) {
            Some(_) => ">2\r\n$10\r\ninvalidate\r\n*1\r\n$7\r\ncounter\r\n".to_owned(),
            None => String::new(),
        }
    }

    fn reply(&mut self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["HELLO", ..] => "%1\r\n+role\r\n+master\r\n".to_owned(),
            ["SCRIPT", "LOAD", _] => {
                self.is_script_loaded = true;
                "+hash\r\n".to_owned()
            }
            ["CLIENT", "TRACKING", "ON", "OPTIN"] | ["CLIENT", "CACHING", "YES"] => {
                "+OK\r\n".to_owned()
            }
            ["INFO"] => "-NOPERM\r\n".to_owned(),
            ["HSETNX", _, field, value] => {
                let value = value.parse().expect("headcount sends numbers");
                self.changes += 1;
                self.fields.entry((*field).to_owned()).or_insert(value);
                ":1\r\n".to_owned()
            }
            ["GET", _] => "_\r\n".to_owned(),
            ["SET", ..] => "+OK\r\n".to_owned(),
            ["EVALSHA", _, "2", _, place, count, sequence, _, generation, taken] => {
                let number = |text: &&str| text.parse().expect("a number");
                let seen = (number(generation), number(taken));
                self.ask(place, number(count), number(sequence), seen)
            }
            other => panic!("a command that the model does not know: {other:?}"),
        }
    }

    /// What `take.lua` does.
    fn ask(&mut self, place: &str, wanted: u64, sequence: u64, seen: (u64, u64)) -> String {
        if !self.is_script_loaded {
            return "-NOSCRIPT No matching script.\r\n".to_owned();
        }
        let counter = (self.field("taken"), self.field("limit"), self.field("generation"));
        let (Some(taken), Some(limit), Some(generation)) = counter else {
            return "-NOCOUNTER gone\r\n".to_owned();
        };
        if (generation, taken) < seen {
            self.backwards += 1;
            return "-BACKWARDS\r\n".to_owned();
        }
        match self.remembered.get(place) {
            Some(told) if told.0 == sequence && wanted > 0 && told.3 == generation => {
                self.answered_again += 1;
                return format!("*4\r\n:{}\r\n:{}\r\n:{limit}\r\n:{}\r\n", told.1, told.2, told.3);
            }
            Some((told, ..)) if *told > sequence && wanted > 0 => {
                return "-STALE\r\n".to_owned();
            }
            _ => {}
        }
        self.script_calls += 1;
        let granted = if taken + wanted > limit { limit - taken } else { wanted };
        if granted > 0 {
            self.changes += 1;
            self.fields.insert("taken".to_owned(), taken + granted);
            self.remembered.insert(place.to_owned(), (sequence, taken + 1, granted, generation));
        }
        format!("*4\r\n:{}\r\n:{granted}\r\n:{limit}\r\n:{generation}\r\n", taken + 1)
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
