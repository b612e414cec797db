//! The fields of a head whose lines were checked, for the few who look for one by its name.
//!
//! A request that nobody looks into costs nothing here: the section is read when it is asked.

/// The fields of one head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Its lines with their CRLF, and the blank line behind them.
    section: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of a section that was read whole, and that no rule refused.
    pub(super) const fn new(section: &'a [u8]) -> Fields<'a> {
        Fields { section }
    }

    /// The values of the fields of this name, in order, without the white space around them. Names
    /// are compared without regard to case (RFC 9110, section 5.1).
    pub fn values(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.section.split(|&byte| byte == b'\n');
        lines.filter_map(move |line| {
            let (line_name, rest) = line.split_at_checked(name.len())?;
            let is_named = line_name.eq_ignore_ascii_case(name.as_bytes());
            let value = rest.strip_prefix(b":").filter(|_| is_named)?;
            Some(value.trim_ascii())
        })
    }

    /// The value of the only field of this name; `None` if there is none, or more than one.
    pub fn single(self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use crate::http::parse;

    fn fields(lines: &str) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").into_bytes()
    }

    fn values<'a>(bytes: &'a [u8], name: &str) -> Vec<&'a [u8]> {
        let (request, _) = parse(bytes).expect("it keeps the rules").expect("it is whole");
        request.fields.values(name).collect()
    }

    #[test]
    fn values_are_found_by_their_whole_name_in_any_case() {
        let bytes = fields("Origin: https://a\r\norigin:\t b \r\nOrigins: c\r\nX: Origin: d\r\n");
        assert_eq!(values(&bytes, "ORIGIN"), [&b"https://a"[..], b"b"]);
        assert_eq!(values(&bytes, "orig"), [&b""[..]; 0]);
        assert_eq!(values(&bytes, "host"), [b"a"]);
    }

    #[test]
    fn a_field_that_comes_twice_is_not_single() {
        let bytes = fields("A: 1\r\nB: 2\r\nA: 1\r\n");
        let (request, _) = parse(&bytes).expect("it keeps the rules").expect("it is whole");
        assert_eq!(request.fields.single("a"), None);
        assert_eq!(request.fields.single("b"), Some(&b"2"[..]));
        assert_eq!(request.fields.single("c"), None);
    }
}
