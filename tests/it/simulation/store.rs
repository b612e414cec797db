//! A model of Redis: the commands that headcount sends, and its own scripts, run.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::lua::{Data, Fields, Interpreter, bulk};
use super::oracle::{Asker, Held, Oracle, Take};

const TAKE: &str = include_str!("../../../src/store/redis/take.lua");
const HANDSHAKE: &str = include_str!("../../../src/store/redis/handshake.lua");
const CHANGE: &str = include_str!("../../../src/store/redis/change.lua");

thread_local! {
    /// One for all stores, one after the other: to compile the scripts takes long.
    static INTERPRETER: Interpreter =
        Interpreter::new(&[("take", TAKE), ("handshake", HANDSHAKE), ("change", CHANGE)]);
}

/// What survives a restart with an append-only file: the counter; what does not: the scripts.
pub struct ModelStore {
    pub oracle: Oracle,
    data: Rc<RefCell<Data>>,
    interpreter: Interpreter,
    handshake_hash: String,
    are_scripts_loaded: bool,
    /// The processes by their links.
    processes: HashMap<u64, usize>,
    /// Takes and changes by what came of them: `granted`, `again`, `changed`, or the code of an
    /// error.
    pub calls: HashMap<String, u64>,
    /// Changes of the counter so far, by whomever.
    changes: u64,
    backup: Option<Fields>,
}

/// What the store remembers of one connection that has it track the counter.
#[derive(Debug, Default)]
pub struct Tracking {
    /// The next command is the one whose key is tracked.
    is_next: bool,
    /// Changes of the counter when it was looked at, until the next one is told of.
    looked_at: Option<u64>,
}

impl ModelStore {
    pub fn new() -> ModelStore {
        let interpreter = INTERPRETER.with(Interpreter::clone);
        *interpreter.data.borrow_mut() = Data::new(Fields::new(), 1 << 50);
        ModelStore {
            oracle: Oracle::default(),
            data: Rc::clone(&interpreter.data),
            interpreter,
            handshake_hash: redis::Script::new(HANDSHAKE).get_hash().to_owned(),
            are_scripts_loaded: false,
            processes: HashMap::new(),
            calls: HashMap::new(),
            changes: 0,
            backup: None,
        }
    }

    /// This process has this link.
    pub fn introduce(&mut self, link: u64, process: usize) {
        self.processes.insert(link, process);
    }

    /// Time passes.
    pub fn pass(&mut self, micros: u64) {
        self.data.borrow_mut().clock_us += micros;
    }

    /// What it holds, if that is a counter.
    pub fn held(&self) -> Option<Held> {
        let data = self.data.borrow();
        let number = |name: &str| data.fields.get(name)?.parse().ok();
        Some(Held {
            epoch: number("epoch")?,
            taken: number("taken")?,
            limit: number("limit")?,
            made: data.fields.get("made")?.clone(),
            token: data.fields.get("token").cloned(),
        })
    }

    /// It is out of memory, or is not any more.
    pub fn fill(&mut self, is_full: bool) {
        self.data.borrow_mut().is_full = is_full;
    }

    pub fn is_full(&self) -> bool {
        self.data.borrow().is_full
    }

    /// All but the data is forgotten.
    pub fn restart(&mut self) {
        self.are_scripts_loaded = false;
    }

    /// What is there now may be restored later.
    pub fn back_up(&mut self) {
        self.backup = self.held().map(|_| self.data.borrow().fields.clone());
        self.oracle.backed_up();
    }

    /// A replica that is as old as the backup, if there is one, takes over, with its own clock.
    pub fn roll_back(&mut self, clock_us: u64) -> bool {
        let Some(fields) = self.backup.take() else {
            return false;
        };
        self.lose(fields, clock_us);
        true
    }

    /// All data is lost; the clock is another one.
    pub fn flush(&mut self, clock_us: u64) {
        self.lose(Fields::new(), clock_us);
    }

    fn lose(&mut self, fields: Fields, clock_us: u64) {
        *self.data.borrow_mut() = Data::new(fields, clock_us);
        self.changes += 1;
        let held = self.held();
        self.oracle.lost(held.as_ref());
    }

    /// An operator writes the field by hand, if there is a counter, and room.
    pub fn set_limit(&mut self, limit: u64) -> bool {
        if self.held().is_none() || self.is_full() {
            return false;
        }
        self.data.borrow_mut().fields.insert("limit".to_owned(), limit.to_string());
        self.changes += 1;
        self.oracle.changed(self.held().as_ref());
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
                self.are_scripts_loaded = true;
                "+hash\r\n".to_owned()
            }
            ["CLIENT", "TRACKING", "ON", "OPTIN"] | ["CLIENT", "CACHING", "YES"] => {
                "+OK\r\n".to_owned()
            }
            ["INFO"] => "-NOPERM\r\n".to_owned(),
            ["HGET", _, name] => {
                let value = self.data.borrow().fields.get(*name).cloned();
                value.map_or("_\r\n".to_owned(), |value| bulk(&value))
            }
            ["EVAL", CHANGE, "1", _, arguments @ ..] => self.change(arguments),
            ["EVALSHA", ..] if !self.are_scripts_loaded => "-NOSCRIPT none\r\n".to_owned(),
            ["EVALSHA", hash, "1", _, arguments @ ..] if *hash == self.handshake_hash => {
                self.script("handshake", arguments)
            }
            ["EVALSHA", _, "1", _, arguments @ ..] => self.take(arguments),
            other => panic!("a command that the model does not know: {other:?}"),
        }
    }

    fn take(&mut self, arguments: &[&str]) -> String {
        let number = |place: usize| arguments[place].parse().expect("headcount sends numbers");
        let link = u64::from_str_radix(&arguments[2][2..18], 16).expect("a link");
        let seen = (number(4), number(5));
        let process = self.processes.get(&link).copied().unwrap_or(usize::MAX);
        let asker = Asker { process, link, sequence: number(1), seen };
        let before = self.held();
        let reply = self.script("take", arguments);
        let after = self.held();
        let (before, after, granted) = (before.as_ref(), after.as_ref(), granted(&reply));
        let is_taken = before.map(|held| held.taken) < after.map(|held| held.taken);
        let is_again = granted.is_some_and(|(_, count)| count > 0) && !is_taken;
        self.count(&reply, if is_again { "again" } else { "granted" });
        let is_full = self.is_full();
        self.oracle.took(&Take { asker, before, after, granted, is_full });
        reply
    }

    /// A reset or a set. One that is done leaves the limit that it names, or else the one that was
    /// there, or else its own default.
    fn change(&mut self, arguments: &[&str]) -> String {
        let before = self.held();
        let reply = self.script("change", arguments);
        self.count(&reply, "changed");
        let after = self.held();
        if after != before {
            let number = |place: usize| arguments[place].parse().ok();
            let limit = number(2).or(before.map(|held| held.limit)).or(number(4));
            assert_eq!(after.map(|held| held.limit), limit, "the limit after {arguments:?}");
        }
        reply
    }

    /// A call had this outcome, unless it was refused.
    fn count(&mut self, reply: &str, outcome: &str) {
        let code = reply.strip_prefix('-').and_then(|words| words.split(' ').next());
        *self.calls.entry(code.unwrap_or(outcome).to_owned()).or_default() += 1;
    }

    fn script(&mut self, name: &str, arguments: &[&str]) -> String {
        let (before, fields) = (self.held(), self.data.borrow().fields.clone());
        let reply = self.interpreter.run(name, arguments);
        self.changes += u64::from(self.data.borrow().fields != fields);
        if self.held() != before {
            self.oracle.changed(self.held().as_ref());
        }
        reply
    }
}

/// The first number of a grant, and how many there are.
fn granted(reply: &str) -> Option<(u64, u64)> {
    let mut numbers = reply.strip_prefix("*4\r\n")?.split("\r\n").map(|it| it.strip_prefix(':'));
    let mut next = || numbers.next()??.parse().ok();
    Some((next()?, next()?))
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
        words.push(String::from_utf8(word.to_vec()).expect("headcount sends text"));
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
