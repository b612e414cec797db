//! The scripts of Redis, run as Redis runs them: on one hash of several, with a clock.
//! See redis.io/docs/latest/develop/programmability/lua-api.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::keys::{Key, place};

/// What the scripts read and write.
#[derive(Debug)]
pub struct Data {
    /// By the places of the counters' names in `NAMES`.
    pub keys: Vec<Key>,
    pub clock_us: u64,
    /// It is out of memory.
    pub is_full: bool,
    /// The script that runs has written something.
    pub has_written: bool,
}

pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
pub const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

impl Data {
    pub fn new(keys: Vec<Key>, clock_us: u64) -> Data {
        Data { keys, clock_us, is_full: false, has_written: false }
    }

    /// Why a command of a script is refused, if it is. Where memory is full, that is a write which
    /// needs some, unless the script has written before: it must not be left half done.
    fn refusal(&mut self, words: &[String]) -> Option<&'static str> {
        let command = words[0].as_str();
        let is_of_hash = matches!(command, "HSET" | "HDEL" | "HGET" | "HMGET");
        if self.is_full && command == "HSET" && !self.has_written {
            return Some(OUT_OF_MEMORY);
        } else if is_of_hash && self.keys[place(&words[1])].is_text {
            return Some(WRONG_TYPE);
        }
        self.has_written |= matches!(command, "HSET" | "HDEL" | "UNLINK");
        None
    }
}

/// An interpreter, with the scripts it was given; a clone is the same one.
#[derive(Clone)]
pub struct Interpreter {
    lua: Lua,
    pub data: Rc<RefCell<Data>>,
    compiled: HashMap<&'static str, Function>,
}

impl Interpreter {
    pub fn new(scripts: &[(&'static str, &str)]) -> Interpreter {
        let data = Rc::new(RefCell::new(Data::new(Vec::new(), 0)));
        let lua = Lua::new();
        let redis = lua.create_table().expect("a table");
        let error_reply =
            lua.create_function(|lua, text: String| lua.create_table_from([("err", text)]));
        redis.set("call", caller(&lua, &data, true)).expect("a new table");
        redis.set("pcall", caller(&lua, &data, false)).expect("a new table");
        redis.set("error_reply", error_reply.expect("a function")).expect("a new table");
        lua.globals().set("redis", redis).expect("no other has the name");
        let compile = |source: &str| lua.load(source).into_function().expect("the script is Lua");
        let compiled = scripts.iter().map(|(name, source)| (*name, compile(source))).collect();
        Interpreter { lua, data, compiled }
    }

    /// Runs a script, and returns its reply in RESP3.
    pub fn run(&self, script: &str, key: &str, arguments: &[&str]) -> String {
        let list = |words: &[&str]| self.lua.create_sequence_from(words.iter().copied());
        let globals = self.lua.globals();
        globals.set("KEYS", list(&[key]).expect("a table")).expect("a global");
        globals.set("ARGV", list(arguments).expect("a table")).expect("a global");
        self.data.borrow_mut().clock_us += 1;
        self.data.borrow_mut().has_written = false;
        match self.compiled[script].call(()) {
            Ok(reply) => resp(&reply),
            Err(error) => {
                let text = error.to_string();
                let refusal = [OUT_OF_MEMORY, WRONG_TYPE].into_iter().find(|it| text.contains(it));
                format!(
                    "-{}\r\n",
                    refusal.unwrap_or_else(|| panic!("the script has a fault: {text}"))
                )
            }
        }
    }
}

/// `redis.call`, which raises an error, or `redis.pcall`, which returns it.
fn caller(lua: &Lua, data: &Rc<RefCell<Data>>, raises: bool) -> Function {
    let data = Rc::clone(data);
    let caller = lua.create_function(move |lua, words: MultiValue| {
        let words: Vec<String> = words.iter().map(text).collect();
        let mut data = data.borrow_mut();
        match data.refusal(&words) {
            None => command(lua, &mut data, &words),
            Some(refusal) if raises => Err(mlua::Error::runtime(refusal)),
            Some(refusal) => Ok(Value::Table(lua.create_table_from([("err", refusal)])?)),
        }
    });
    caller.expect("a function")
}

/// A word of a command: Redis takes numbers for their digits.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string_lossy().clone(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => format!("{number:.0}"),
        value => panic!("no word of a command: {value:?}"),
    }
}

fn command(lua: &Lua, data: &mut Data, words: &[String]) -> mlua::Result<Value> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let clock_us = data.clock_us;
    let none = &mut Key::default();
    let key = words.get(1).map_or(none, |key| &mut data.keys[place(key)]);
    let fields = &mut key.fields;
    let text = |value: &str| Ok(Value::String(lua.create_string(value)?));
    let integer = |count: usize| Ok(Value::Number(count as f64));
    match words.as_slice() {
        ["HMGET", _, names @ ..] => {
            let values = lua.create_table()?;
            for (index, name) in (1..).zip(names) {
                match fields.get(*name) {
                    Some(value) => values.set(index, value.as_str())?,
                    None => values.set(index, false)?,
                }
            }
            Ok(Value::Table(values))
        }
        ["HGET", _, name] => fields.get(*name).map_or(Ok(Value::Boolean(false)), |it| text(it)),
        ["HSET", _, pairs @ ..] => {
            let set = |pair: &[&str]| fields.insert(pair[0].to_owned(), pair[1].to_owned());
            integer(pairs.chunks(2).map(set).filter(Option::is_none).count())
        }
        ["HDEL", _, names @ ..] => {
            integer(names.iter().filter(|name| fields.remove(**name).is_some()).count())
        }
        ["UNLINK", _] => integer(usize::from(!std::mem::take(fields).is_empty())),
        ["TIME"] => {
            let (seconds, micros) = (clock_us / 1_000_000, clock_us % 1_000_000);
            let time = [seconds.to_string(), micros.to_string()];
            Ok(Value::Table(lua.create_sequence_from(time)?))
        }
        other => panic!("a command that the interpreter does not know: {other:?}"),
    }
}

/// What Redis makes of a script's value.
fn resp(value: &Value) -> String {
    match value {
        Value::Nil | Value::Boolean(false) => "_\r\n".to_owned(),
        Value::Boolean(true) => ":1\r\n".to_owned(),
        Value::Integer(number) => format!(":{number}\r\n"),
        Value::Number(number) => format!(":{:.0}\r\n", number.trunc()),
        Value::String(text) => bulk(&text.to_string_lossy()),
        Value::Table(table) => list(table),
        value => panic!("no reply: {value:?}"),
    }
}

pub fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn list(table: &Table) -> String {
    if let Ok(error) = table.get::<String>("err") {
        return format!("-{error}\r\n");
    }
    let values: Vec<Value> = table.sequence_values().map(|it| it.expect("a value")).collect();
    let replies: String = values.iter().map(resp).collect();
    format!("*{}\r\n{replies}", values.len())
}
