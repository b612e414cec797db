//! One log record as one line of JSON. Pure.
//!
//! Invariant: a line is a JSON object (RFC 8259) with `ts`, `level`, `target` and `msg` once each,
//! in this order, then the record's fields; it ends in the only line end it holds, and nothing in
//! it can move a terminal's cursor.

use std::fmt;
use std::io::Write;

use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};

/// Appends `record` as a line. `timestamp` is plain text.
pub(super) fn write_line(out: &mut Vec<u8>, timestamp: &[u8], record: &Record<'_>) {
    let start = out.len();
    out.extend_from_slice(b"{\"ts\":\"");
    out.extend_from_slice(timestamp);
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(record.level().as_str().as_bytes());
    out.extend_from_slice(b"\",\"target\":");
    write_text(out, record.target());
    out.extend_from_slice(b",\"msg\":");
    write_shown(out, *record.args());
    // The visitor below never fails, so no field is left out.
    let _ = record.key_values().visit(&mut Fields { out });
    out.extend_from_slice(b"}");
    escape_unseen(out, start);
    out.push(b'\n');
}

/// Appends the line that says how many lines were dropped, and why: since stdout was read too
/// slowly, or since writes to it failed, of which `last_error` is the last.
pub(super) fn write_dropped(
    out: &mut Vec<u8>,
    timestamp: &[u8],
    lines_dropped: u64,
    last_error: Option<&str>,
) {
    let count = Value::from(lines_dropped);
    let slow = [("lines_dropped", count.clone()), ("reason", Value::from("slow"))];
    let failed = [
        ("lines_dropped", count),
        ("reason", Value::from("failed")),
        ("detail", Value::from(last_error.unwrap_or_default())),
    ];
    let fields = if last_error.is_some() { failed.as_slice() } else { &slow };
    let mut record = Record::builder();
    record.level(Level::Warn).target("headcount::logging");
    record.key_values(&fields).args(format_args!("log lines dropped"));
    write_line(out, timestamp, &record.build());
}

/// Appends the fields of a record, each preceded by a comma.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        self.out.push(b',');
        match key.as_str() {
            // Readers disagree about a name that comes twice (RFC 8259, section 4).
            "ts" | "level" | "target" | "msg" => write_shown(self.out, format_args!("_{key}")),
            key => write_text(self.out, key),
        }
        self.out.push(b':');
        value.visit(FieldValue { out: self.out })
    }
}

/// Appends the value of a field: numbers and booleans as such, anything else as a string.
struct FieldValue<'a> {
    out: &'a mut Vec<u8>,
}

impl FieldValue<'_> {
    fn write_plain(&mut self, value: fmt::Arguments<'_>) -> Result<(), Error> {
        write!(self.out, "{value}").expect(INFALLIBLE);
        Ok(())
    }
}

impl<'v> VisitValue<'v> for FieldValue<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        write_shown(self.out, format_args!("{value}"));
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.write_plain(format_args!("null"))
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(digits.format(value).as_bytes());
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.write_plain(format_args!("{value}"))
    }

    fn visit_u128(&mut self, value: u128) -> Result<(), Error> {
        self.write_plain(format_args!("{value}"))
    }

    fn visit_i128(&mut self, value: i128) -> Result<(), Error> {
        self.write_plain(format_args!("{value}"))
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        if !value.is_finite() {
            // JSON has no infinity and no NaN (RFC 8259, section 6).
            return self.visit_any(Value::from(value));
        }
        serde_json::to_writer(&mut *self.out, &value).expect(INFALLIBLE);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        write_text(self.out, value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.write_plain(format_args!("{value}"))
    }
}

/// Most texts need no escape; a look that takes 16 bytes at once tells them from the others.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    if !text.bytes().fold(true, |plain, byte| plain & is_plain(byte)) {
        return serde_json::to_writer(out, text).expect(INFALLIBLE);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Appends a string that is not yet one text.
fn write_shown(out: &mut Vec<u8>, shown: fmt::Arguments<'_>) {
    match shown.as_str() {
        Some(text) => write_text(out, text),
        None => serde_json::to_writer(out, &shown).expect(INFALLIBLE),
    }
}

/// Escapes what RFC 8259 lets stand in a string and what is not to reach a terminal or a reader of
/// lines as it is: DEL, the C1 controls, line separators, changes of writing direction.
///
/// All of `out` from `start` is JSON with every control character below U+0020 escaped; so such a
/// character can stand only within a string, and never behind a backslash.
fn escape_unseen(out: &mut Vec<u8>, start: usize) {
    // Without a way out of the loop the compiler looks at many bytes at once.
    let plain = |plain: bool, byte: &u8| plain & matches!(byte, b' '..=b'~');
    if out[start..].iter().fold(true, plain) {
        return;
    }
    let line = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    for character in line.chars() {
        match character {
            '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                write!(out, "\\u{:04x}", u32::from(character)).expect(INFALLIBLE);
            }
            _ if character.is_control() => {
                write!(out, "\\u{:04x}", u32::from(character)).expect(INFALLIBLE);
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

const INFALLIBLE: &str = "a Vec takes all that is written to it";

#[cfg(test)]
mod tests {
    use super::*;
    use log::kv::Source;

    const TIME: &str = "1970-01-01T00:00:00.000Z";

    fn line(message: fmt::Arguments<'_>, fields: &dyn Source) -> String {
        let mut out = b"before\n".to_vec();
        let mut record = Record::builder();
        record.level(Level::Info).target("t").key_values(fields);
        write_line(&mut out, TIME.as_bytes(), &record.args(message).build());
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("before\n").unwrap().to_owned()
    }

    #[test]
    fn a_line_has_time_level_target_message_and_fields_in_this_order() {
        let fields = [("request_num", Value::from(17)), ("store", Value::from("memory:"))];
        let expected = format!(
            "{{\"ts\":\"{TIME}\",\"level\":\"INFO\",\"target\":\"t\",\"msg\":\"number 17\",\
             \"request_num\":17,\"store\":\"memory:\"}}\n"
        );
        assert_eq!(line(format_args!("number {}", 17), &fields), expected);
        let without = expected.replace(",\"request_num\":17,\"store\":\"memory:\"", "");
        let none: [(&str, Value<'_>); 0] = [];
        assert_eq!(line(format_args!("number 17"), &none), without);
    }

    #[test]
    fn text_is_escaped_and_read_back_as_it_was() {
        let table = [
            ("say \"hi\" \\n", r#""say \"hi\" \\n""#),
            ("a\nb\r\tc", r#""a\nb\r\tc""#),
            ("\0\x1b[31m\x1f", r#""\u0000\u001b[31m\u001f""#),
            ("\x7f\u{80}\u{85}\u{9b}", r#""\u007f\u0080\u0085\u009b""#),
            ("a\u{2028}b\u{2029}c", r#""a\u2028b\u2029c""#),
            ("\u{202e}\u{2066}\u{200f}", r#""\u202e\u2066\u200f""#),
            ("\u{61c}\u{ad}\u{200b}\u{2060}\u{feff}", r#""\u061c\u00ad\u200b\u2060\ufeff""#),
            ("\\\u{7f}", r#""\\\u007f""#),
            ("žluťoučký 🐎", r#""žluťoučký 🐎""#),
            ("", r#""""#),
        ];
        for (text, expected) in table {
            let line = line(format_args!("{text}"), &[(text, text)]);
            assert!(
                line.contains(&format!("\"msg\":{expected},{expected}:{expected}}}\n")),
                "{line}"
            );
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(object["msg"], text);
            assert_eq!(object[text], text);
        }
    }

    #[test]
    fn a_field_is_a_number_a_boolean_or_a_string() {
        let path = std::path::PathBuf::from("/a\n");
        let table = [
            (Value::from(0_u8), "0"),
            (Value::from(u64::MAX), "18446744073709551615"),
            (Value::from(9_007_199_254_740_993_u64), "9007199254740993"),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::from(u128::MAX), "340282366920938463463374607431768211455"),
            (Value::from(i128::MIN), "-170141183460469231731687303715884105728"),
            (Value::from(true), "true"),
            (Value::from(false), "false"),
            (Value::from(1.5), "1.5"),
            (Value::from(-0.0), "-0.0"),
            (Value::from(f64::NAN), "\"NaN\""),
            (Value::from(f64::NEG_INFINITY), "\"-inf\""),
            (Value::from("17"), "\"17\""),
            (Value::from('"'), r#""\"""#),
            (Value::null(), "null"),
            (Value::from_debug(&path), r#""\"/a\\n\"""#),
            (Value::from_display(&17), "\"17\""),
        ];
        for (value, expected) in table {
            let line = line(format_args!(""), &[("field", value)]);
            assert!(line.ends_with(&format!(",\"field\":{expected}}}\n")), "{line}");
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    #[test]
    fn a_finite_float_of_any_size_is_a_json_number() {
        for value in [f64::MAX, f64::MIN_POSITIVE, 1e300, -1e-300, 5e-324] {
            let line = line(format_args!(""), &[("field", value)]);
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(object["field"].is_f64(), "{line}");
        }
    }

    #[test]
    fn a_reserved_name_of_a_field_is_prefixed() {
        let fields = [("ts", 1), ("level", 2), ("target", 3), ("msg", 4), ("TS", 5)];
        let line = line(format_args!("m"), &fields);
        let expected = r#""msg":"m","_ts":1,"_level":2,"_target":3,"_msg":4,"TS":5}"#;
        assert!(line.ends_with(&format!("{expected}\n")), "{line}");
    }

    #[test]
    fn the_line_about_dropped_lines_counts_them_and_says_why() {
        let failed = r#","reason":"failed","detail":"No \"space\" left""#;
        let table = [(None, r#","reason":"slow""#), (Some("No \"space\" left"), failed)];
        for (last_error, expected) in table {
            let mut out = Vec::new();
            write_dropped(&mut out, TIME.as_bytes(), 12, last_error);
            let expected = format!(
                "{{\"ts\":\"{TIME}\",\"level\":\"WARN\",\"target\":\"headcount::logging\",\
                 \"msg\":\"log lines dropped\",\"lines_dropped\":12{expected}}}\n"
            );
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
