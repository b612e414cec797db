//! A model of Redis: the commands that headcount sends, and its own scripts, run.

mod mishaps;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::keys::{Key, NAMES, key_of, place};
use super::lua::{Data, Interpreter, OUT_OF_MEMORY, WRONG_TYPE, bulk};
use super::oracle::{Asker, Held, KeyReply, Oracle, Take};
use super::resp;

const TAKE: &str = include_str!("../../../src/store/redis/take.lua");
const CONFIRM: &str = include_str!("../../../src/store/redis/confirm.lua");
const CHANGE: &str = include_str!("../../../src/store/redis/change.lua");

thread_local! {
    /// One for all stores, one after the other: to compile the scripts takes long.
    static INTERPRETER: Interpreter =
        Interpreter::new(&[("take", TAKE), ("confirm", CONFIRM), ("change", CHANGE)]);
}

/// What survives a restart with an append-only file: the counters; what does not: the scripts.
pub struct ModelStore {
    /// By the places of the counters, as whatever there is one of for each.
    pub oracles: Vec<Oracle>,
    data: Rc<RefCell<Data>>,
    interpreter: Interpreter,
    confirm_hash: String,
    are_scripts_loaded: bool,
    /// The processes by their links.
    processes: HashMap<u64, usize>,
    /// Takes and changes by what came of them: `granted`, `again`, `changed`, or the code of an
    /// error.
    pub calls: HashMap<String, u64>,
    /// Changes of each counter so far, by whomever.
    changes: Vec<u64>,
    backup: Option<Vec<Key>>,
}

/// Of which counters something was refused, and behind them, at [`WRITES`], whether that was
/// because all writes are.
pub type Refused = [bool; NAMES.len() + 1];

/// See [`Refused`].
pub const WRITES: usize = NAMES.len();

/// What the store remembers of one connection that has it track counters.
#[derive(Debug, Default)]
pub struct Tracking {
    /// The next command is the one whose key is tracked.
    is_next: bool,
    /// Changes of each counter when it was looked at, until the next one is told of.
    looked_at: [Option<u64>; NAMES.len()],
    /// Of what something was refused: no store remembers that, but tests must.
    pub refused: Refused,
    /// Where the last reply of the handshake ends, if this run has given it: among its replies.
    pub handshake_end: Option<usize>,
}

impl ModelStore {
    /// A store without anything, for so many counters.
    pub fn new(counters: usize) -> ModelStore {
        let interpreter = INTERPRETER.with(Interpreter::clone);
        *interpreter.data.borrow_mut() = Data::new(vec![Key::default(); counters], 1 << 50);
        ModelStore {
            oracles: (0..counters).map(|_| Oracle::default()).collect(),
            data: Rc::clone(&interpreter.data),
            interpreter,
            confirm_hash: redis::Script::new(CONFIRM).get_hash().to_owned(),
            are_scripts_loaded: false,
            processes: HashMap::new(),
            calls: HashMap::new(),
            changes: vec![0; counters],
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

    /// What it holds of a counter, if that is one.
    pub fn held(&self, counter: usize) -> Option<Held> {
        let data = self.data.borrow();
        let key = Some(&data.keys[counter]).filter(|key| !key.is_text)?;
        let number = |name: &str| key.fields.get(name)?.parse().ok();
        Some(Held {
            epoch: number("epoch")?,
            taken: number("taken")?,
            limit: number("limit")?,
            made: key.fields.get("made")?.clone(),
            token: key.fields.get("token").cloned(),
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

    fn noticed(&mut self, counter: usize) {
        self.changes[counter] += 1;
        let held = self.held(counter);
        self.oracles[counter].changed(held.as_ref());
    }

    /// Runs the whole commands at the start of `bytes`, drops them there, and returns the replies,
    /// with word of a change of what is tracked in its place among them.
    pub fn run(&mut self, bytes: &mut Vec<u8>, tracking: &mut Tracking) -> Vec<u8> {
        let mut replies = self.word_of_change(tracking);
        let mut done = 0;
        while let Some((words, length)) = resp::command(&bytes[done..]) {
            let key = words.iter().find(|word| word.starts_with("headcount:{"));
            let counter = key.map(|key| place(key));
            if let (Some(counter), true) = (counter, std::mem::take(&mut tracking.is_next)) {
                tracking.looked_at[counter] = Some(self.changes[counter]);
            }
            tracking.is_next |= words.starts_with(&["CLIENT", "CACHING"]);
            let reply = self.reply(&words, counter.unwrap_or_default());
            if let (Some(counter), true) = (counter, reply.starts_with('-')) {
                tracking.refused[counter] = true;
                tracking.refused[WRITES] |= reply.contains(OUT_OF_MEMORY);
            }
            replies += &reply;
            if words.starts_with(&["CLIENT", "TRACKING"]) {
                tracking.handshake_end = Some(replies.len());
            }
            replies += &self.word_of_change(tracking);
            done += length;
        }
        bytes.drain(..done);
        replies.into_bytes()
    }

    /// Whether there is a change that this connection is still to be told of.
    pub fn has_word(&self, tracking: &Tracking) -> bool {
        let mut pairs = tracking.looked_at.iter().zip(&self.changes);
        pairs.any(|(looked_at, changes)| looked_at.is_some_and(|it| it < *changes))
    }

    fn word_of_change(&self, tracking: &mut Tracking) -> String {
        let mut word = String::new();
        for (counter, changes) in self.changes.iter().enumerate() {
            if tracking.looked_at[counter].take_if(|it| *it < *changes).is_some() {
                word += ">2\r\n$10\r\ninvalidate\r\n*1\r\n";
                word += &bulk(&key_of(counter));
            }
        }
        word
    }

    fn reply(&mut self, words: &[&str], counter: usize) -> String {
        match words {
            ["HELLO", ..] => "%1\r\n+role\r\n+master\r\n".to_owned(),
            ["SCRIPT", "LOAD", _] => {
                self.are_scripts_loaded = true;
                "+hash\r\n".to_owned()
            }
            ["CLIENT", "TRACKING", "ON", "OPTIN"] | ["CLIENT", "CACHING", "YES"] => {
                "+OK\r\n".to_owned()
            }
            ["INFO"] => "-NOPERM\r\n".to_owned(),
            ["SETRANGE", _, "0", ""] => self.check(counter),
            ["HGET", _, name] => self.field(counter, name),
            ["HMGET", _, names @ ..] => self.fields(counter, names),
            ["EVAL", CHANGE, "1", _, arguments @ ..] => self.change(counter, arguments),
            ["EVALSHA", ..] if !self.are_scripts_loaded => "-NOSCRIPT none\r\n".to_owned(),
            ["EVALSHA", hash, "1", _, arguments @ ..] if *hash == self.confirm_hash => {
                self.script("confirm", counter, arguments).1
            }
            ["EVALSHA", _, "1", _, arguments @ ..] => self.take(counter, arguments),
            other => panic!("a command that the model does not know: {other:?}"),
        }
    }

    /// A write that changes nothing.
    fn check(&self, counter: usize) -> String {
        let data = self.data.borrow();
        let key = &data.keys[counter];
        match (data.is_full, key.is_text || key.fields.is_empty()) {
            (true, _) => format!("-{OUT_OF_MEMORY}\r\n"),
            (false, false) => format!("-{WRONG_TYPE}\r\n"),
            (false, true) => ":0\r\n".to_owned(),
        }
    }

    fn field(&self, counter: usize, name: &str) -> String {
        let key = &self.data.borrow().keys[counter];
        match (key.is_text, key.fields.get(name)) {
            (true, _) => format!("-{WRONG_TYPE}\r\n"),
            (false, Some(value)) => bulk(value),
            (false, None) => "_\r\n".to_owned(),
        }
    }

    fn fields(&self, counter: usize, names: &[&str]) -> String {
        if self.data.borrow().keys[counter].is_text {
            return format!("-{WRONG_TYPE}\r\n");
        }
        let values: String = names.iter().map(|name| self.field(counter, name)).collect();
        format!("*{}\r\n{values}", names.len())
    }

    fn take(&mut self, counter: usize, arguments: &[&str]) -> String {
        let number = |place: usize| arguments[place].parse().expect("headcount sends numbers");
        let link = u64::from_str_radix(&arguments[2][2..18], 16).expect("a link");
        let seen = (number(4), number(5));
        let process = self.processes.get(&link).copied().unwrap_or(usize::MAX);
        let asker = Asker { process, link, sequence: number(1), seen };
        let (before, reply, after) = self.script("take", counter, arguments);
        let (before, after, granted) = (before.as_ref(), after.as_ref(), granted(&reply));
        let keyed: Vec<(&str, KeyReply)> =
            arguments[7..].iter().copied().zip(keyed(&reply)).collect();
        let is_taken = before.map(|held| held.taken) < after.map(|held| held.taken);
        let is_new = keyed.iter().any(|(_, reply)| matches!(reply, KeyReply::New(_)));
        let is_again = (granted.is_some_and(|(_, count)| count > 0) || is_new) && !is_taken;
        self.count(&reply, if is_again { "again" } else { "granted" });
        let can_tell = !self.is_full() && !self.is_damaged(counter);
        self.oracles[counter].took(&Take { asker, before, after, granted, keyed, can_tell });
        reply
    }

    /// A reset or a set. One that is done leaves the limit that it names, or else the one that was
    /// there, or else its own default.
    fn change(&mut self, counter: usize, arguments: &[&str]) -> String {
        let was_damaged = self.is_damaged(counter);
        let (before, reply, after) = self.script("change", counter, arguments);
        self.count(&reply, "changed");
        if after != before && !was_damaged {
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

    /// What the store held before, the script's reply, and what the store holds then.
    fn script(
        &mut self,
        name: &str,
        counter: usize,
        arguments: &[&str],
    ) -> (Option<Held>, String, Option<Held>) {
        let before = self.held(counter);
        let reply = self.interpreter.run(name, &key_of(counter), arguments);
        if !self.data.borrow().has_written {
            return (before.clone(), reply, before);
        }
        self.changes[counter] += 1;
        let after = self.held(counter);
        if after != before {
            self.oracles[counter].changed(after.as_ref());
        }
        (before, reply, after)
    }
}

/// The first number of a grant, and how many there are.
fn granted(reply: &str) -> Option<(u64, u64)> {
    let mut numbers = reply.strip_prefix('*')?.split("\r\n").skip(1);
    let mut next = || numbers.next()?.strip_prefix(':')?.parse().ok();
    Some((next()?, next()?))
}

/// What a reply says of its keys: nothing if the request was of another epoch.
fn keyed(reply: &str) -> Vec<KeyReply> {
    let lines = reply.split("\r\n").skip(5).filter(|line| !line.starts_with('$'));
    lines.map_while(KeyReply::parse).collect()
}
