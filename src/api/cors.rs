//! CORS (the Fetch standard, section 3.2): what the pages of allowed origins may send and read.
//!
//! The fields are made once, for each origin. An answer only knows which, by a number.

use crate::http::{Method, Request};
use crate::limits::{ORIGIN_BYTES_MAX, ORIGINS_MAX};

/// The fields of CORS for one process.
#[derive(Debug, Default)]
pub struct Cors {
    /// As browsers write them. [`ANY`] alone stands for all.
    origins: Vec<String>,
    /// Whole lines with their CRLF: none, those for no allowed origin, then for each origin those
    /// of an answer and those of a preflight's answer. Empty without origins: then nothing is sent.
    lines: Vec<Vec<u8>>,
}

/// Which lines of a [`Cors`] belong to an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorsLines(u8);

impl CorsLines {
    /// No lines, whatever is allowed.
    pub const NONE: CorsLines = CorsLines(0);
    /// The request is from no allowed origin, or this is not known.
    pub const NO_ORIGIN: CorsLines = CorsLines(1);
    /// The index of the first origin's answer lines; its preflight lines follow.
    const FIRST: usize = 2;
}

/// Stands for every origin.
const ANY: &str = "*";

/// The last place in `lines` has a number that fits.
const _: () = assert!(CorsLines::FIRST + 2 * ORIGINS_MAX <= u8::MAX as usize);

impl Cors {
    /// For these origins, at most `ORIGINS_MAX` and each at most `ORIGIN_BYTES_MAX` bytes long;
    /// `*` is all of them. `methods` are those that take a number, `key_field` has its key.
    pub fn new(origins: &[String], methods: &str, key_field: &str) -> Cors {
        debug_assert!(origins.len() <= ORIGINS_MAX);
        debug_assert!(origins.iter().all(|origin| origin.len() <= ORIGIN_BYTES_MAX));
        let is_any = origins.iter().any(|origin| origin == ANY);
        let origins = if is_any { vec![ANY.to_owned()] } else { origins.to_vec() };
        let mut lines = Vec::new();
        if let Some(first) = origins.first() {
            // What is for all need not be asked for.
            let no_origin = if is_any { answer_lines(first) } else { VARY.as_bytes().to_vec() };
            lines.extend([Vec::new(), no_origin]);
        }
        for origin in &origins {
            lines.extend([answer_lines(origin), preflight_lines(origin, methods, key_field)]);
        }
        Cors { origins, lines }
    }

    /// Whether every origin is allowed.
    pub fn allows_any(&self) -> bool {
        self.origins.first().is_some_and(|origin| origin == ANY)
    }

    /// Whether pages of this origin are allowed. Browsers write an origin in one way only, and so
    /// it is compared byte by byte.
    pub fn allows(&self, origin: &[u8]) -> bool {
        self.place(origin).is_some()
    }

    /// The lines for the answer to `request`, whatever it will be.
    #[cold]
    pub fn lines_for(&self, request: &Request<'_>) -> CorsLines {
        let fields = request.fields;
        let origin = fields.single("Origin").filter(|_| !self.origins.is_empty());
        let Some(place) = origin.and_then(|origin| self.place(origin)) else {
            return CorsLines::NO_ORIGIN;
        };
        let asks = fields.values("Access-Control-Request-Method").next().is_some();
        let is_preflight = request.method == Method::Options && asks;
        let number = CorsLines::FIRST + 2 * place + usize::from(is_preflight);
        CorsLines(u8::try_from(number).expect("a place is below ORIGINS_MAX"))
    }

    /// The lines as bytes; none where no origin is allowed.
    #[inline]
    pub fn bytes(&self, lines: CorsLines) -> &[u8] {
        self.lines.get(usize::from(lines.0)).map_or(&[], Vec::as_slice)
    }

    fn place(&self, origin: &[u8]) -> Option<usize> {
        self.origins.iter().position(|allowed| allowed == ANY || allowed.as_bytes() == origin)
    }
}

/// What an answer depends on: said in each, so that no cache gives one page the answer of another.
const VARY: &str = "Vary: Origin\r\n";

/// Fields of an answer that a script may read beside those that it always may.
const EXPOSED: &str = "Idempotent-Replayed, Retry-After";

/// Fields that a script may send beside those that it always may, and the key's.
const ALLOWED_FIELDS: &str = "content-type, traceparent";

/// For how long a browser may keep a preflight's answer, in seconds: what Chromium keeps at most.
const MAX_AGE_S: u32 = 7_200;

fn answer_lines(origin: &str) -> Vec<u8> {
    let origin = format!("Access-Control-Allow-Origin: {origin}\r\n");
    let exposed = format!("Access-Control-Expose-Headers: {EXPOSED}\r\n");
    [origin.as_str(), &exposed, VARY].concat().into_bytes()
}

fn preflight_lines(origin: &str, methods: &str, key_field: &str) -> Vec<u8> {
    let origin = format!("Access-Control-Allow-Origin: {origin}\r\n");
    let methods = format!("Access-Control-Allow-Methods: {methods}\r\n");
    let key_field = key_field.to_ascii_lowercase();
    let fields = format!("Access-Control-Allow-Headers: {ALLOWED_FIELDS}, {key_field}\r\n");
    let age = format!("Access-Control-Max-Age: {MAX_AGE_S}\r\n");
    [origin.as_str(), &methods, &fields, &age, VARY].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    const SHOP: &str = "https://shop.example";
    const OTHER: &str = "http://localhost:3000";

    fn cors(origins: &[&str]) -> Cors {
        let origins: Vec<String> = origins.iter().map(|&origin| origin.to_owned()).collect();
        Cors::new(&origins, "GET, POST", "Idempotency-Key")
    }

    fn text(cors: &Cors, method: &str, fields: &str) -> String {
        let bytes = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let parsed = http::parse(bytes.as_bytes()).expect("it keeps the rules");
        let (request, _) = parsed.expect("it is whole");
        String::from_utf8(cors.bytes(cors.lines_for(&request)).to_vec()).expect("it is ASCII")
    }

    #[test]
    fn without_an_allowed_origin_nothing_is_said() {
        for cors in [cors(&[]), Cors::default()] {
            assert!(!cors.allows(SHOP.as_bytes()) && !cors.allows_any());
            let preflight = format!("Origin: {SHOP}\r\nAccess-Control-Request-Method: POST\r\n");
            assert_eq!(text(&cors, "OPTIONS", &preflight), "");
            assert_eq!(text(&cors, "GET", ""), "");
            assert_eq!(cors.bytes(CorsLines::NO_ORIGIN), b"");
        }
    }

    #[test]
    fn an_answer_names_the_origin_of_its_request_if_it_is_allowed() {
        let cors = cors(&[SHOP, OTHER]);
        for origin in [SHOP, OTHER] {
            let expected = format!(
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Expose-Headers: Idempotent-Replayed, Retry-After\r\n\
                 Vary: Origin\r\n"
            );
            for method in ["GET", "POST", "HEAD", "OPTIONS", "DELETE"] {
                assert_eq!(text(&cors, method, &format!("Origin: {origin}\r\n")), expected);
            }
            let asks = format!("Origin: {origin}\r\nAccess-Control-Request-Method: POST\r\n");
            assert_eq!(text(&cors, "GET", &asks), expected, "only OPTIONS is a preflight");
        }
    }

    #[test]
    fn another_origin_or_more_than_one_is_told_only_what_the_answer_depends_on() {
        let fields = [
            String::new(),
            "Origin: null\r\n".to_owned(),
            "Origin: \r\n".to_owned(),
            "Origin: *\r\n".to_owned(),
            "Origin: HTTPS://shop.example\r\n".to_owned(),
            format!("Origin: {SHOP}/\r\n"),
            format!("Origin: {SHOP}.evil.example\r\n"),
            format!("Origin: {SHOP}, {OTHER}\r\n"),
            format!("Origin: {SHOP}\r\nOrigin: {SHOP}\r\n"),
            "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n".to_owned(),
        ];
        for fields in fields {
            for method in ["GET", "OPTIONS"] {
                assert_eq!(text(&cors(&[SHOP, OTHER]), method, &fields), VARY, "{fields}");
            }
        }
    }

    #[test]
    fn a_preflight_is_told_what_may_be_sent() {
        let expected = "Access-Control-Allow-Origin: http://localhost:3000\r\n\
            Access-Control-Allow-Methods: GET, POST\r\n\
            Access-Control-Allow-Headers: content-type, traceparent, idempotency-key\r\n\
            Access-Control-Max-Age: 7200\r\nVary: Origin\r\n";
        let preflight = format!("Origin: {OTHER}\r\nAccess-Control-Request-Method: PUT\r\n");
        assert_eq!(text(&cors(&[SHOP, OTHER]), "OPTIONS", &preflight), expected);
    }

    #[test]
    fn where_no_lines_are_wanted_there_are_none() {
        for origins in [&[][..], &[SHOP], &[ANY]] {
            assert_eq!(cors(origins).bytes(CorsLines::NONE), b"");
        }
    }

    #[test]
    fn a_star_is_every_origin_and_is_said_to_everyone() {
        let cors = cors(&[SHOP, ANY]);
        assert!(cors.allows_any() && cors.allows(b"null") && cors.allows(OTHER.as_bytes()));
        let answer = "Access-Control-Allow-Origin: *\r\n\
            Access-Control-Expose-Headers: Idempotent-Replayed, Retry-After\r\nVary: Origin\r\n";
        for fields in ["", "Origin: null\r\n", "Origin: https://a\r\nOrigin: https://b\r\n"] {
            assert_eq!(text(&cors, "POST", fields), answer, "{fields}");
        }
        let preflight = "Origin: https://a\r\nAccess-Control-Request-Method: POST\r\n";
        let preflight = text(&cors, "OPTIONS", preflight);
        assert!(preflight.starts_with("Access-Control-Allow-Origin: *\r\n"), "{preflight}");
        assert!(preflight.contains("Max-Age"), "{preflight}");
    }

    #[test]
    fn the_last_of_the_most_origins_has_its_own_lines() {
        let origins: Vec<String> = (0..ORIGINS_MAX).map(|n| format!("https://s{n}")).collect();
        let cors = Cors::new(&origins, "POST", "X-Key");
        let last = origins.last().expect("there are some");
        let preflight = format!("Origin: {last}\r\nAccess-Control-Request-Method: POST\r\n");
        let text = text(&cors, "OPTIONS", &preflight);
        assert!(text.starts_with(&format!("Access-Control-Allow-Origin: {last}\r\n")), "{text}");
    }
}
