//! Answers: statuses, the Date field, and the bytes of a response (RFC 9112, section 4).
//!
//! This is on the way of every request: an answer is copied together from parts that exist, and
//! nothing is allocated beside the buffer that it goes to.

use std::io::Write;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;

/// The interim answer to `Expect: 100-continue` (RFC 9110, section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Room for every field that an answer can have, so that the buffer grows at most once.
const HEAD_BYTES_ESTIMATE: usize = 320;

/// What becomes of a connection after an answer, and how the answer says it (RFC 9112,
/// section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It stays, as is the rule in HTTP/1.1: nothing is said.
    KeepAlive,
    /// It stays because a client of HTTP/1.0 asked for it: `Connection: keep-alive`.
    KeepAliveSaid,
    /// It ends: `Connection: close`.
    Close,
}

/// The statuses of this server, named as in RFC 9110, section 15 and RFC 6585.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok = 200,
    /// 204
    NoContent = 204,
    /// 400
    BadRequest = 400,
    /// 401
    Unauthorized = 401,
    /// 403
    Forbidden = 403,
    /// 404
    NotFound = 404,
    /// 405
    MethodNotAllowed = 405,
    /// 408
    RequestTimeout = 408,
    /// 409
    Conflict = 409,
    /// 410
    Gone = 410,
    /// 413
    PayloadTooLarge = 413,
    /// 414
    UriTooLong = 414,
    /// 415
    UnsupportedMediaType = 415,
    /// 417
    ExpectationFailed = 417,
    /// 421
    MisdirectedRequest = 421,
    /// 422
    UnprocessableContent = 422,
    /// 429
    TooManyRequests = 429,
    /// 431
    HeadTooLarge = 431,
    /// 501
    NotImplemented = 501,
    /// 503
    ServiceUnavailable = 503,
    /// 505
    VersionNotSupported = 505,
}

impl Status {
    /// All of them, by their codes.
    pub const ALL: [Self; 21] = [
        Self::Ok,
        Self::NoContent,
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::Gone,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::ExpectationFailed,
        Self::MisdirectedRequest,
        Self::UnprocessableContent,
        Self::TooManyRequests,
        Self::HeadTooLarge,
        Self::NotImplemented,
        Self::ServiceUnavailable,
        Self::VersionNotSupported,
    ];

    /// The status of this code, if this server has it.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The three digits as a number.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// The whole first line of an answer.
    pub fn line(self) -> &'static [u8] {
        match self {
            Self::Ok => b"HTTP/1.1 200 OK\r\n",
            Self::NoContent => b"HTTP/1.1 204 No Content\r\n",
            Self::BadRequest => b"HTTP/1.1 400 Bad Request\r\n",
            Self::Unauthorized => b"HTTP/1.1 401 Unauthorized\r\n",
            Self::Forbidden => b"HTTP/1.1 403 Forbidden\r\n",
            Self::NotFound => b"HTTP/1.1 404 Not Found\r\n",
            Self::MethodNotAllowed => b"HTTP/1.1 405 Method Not Allowed\r\n",
            Self::RequestTimeout => b"HTTP/1.1 408 Request Timeout\r\n",
            Self::Conflict => b"HTTP/1.1 409 Conflict\r\n",
            Self::Gone => b"HTTP/1.1 410 Gone\r\n",
            Self::PayloadTooLarge => b"HTTP/1.1 413 Content Too Large\r\n",
            Self::UriTooLong => b"HTTP/1.1 414 URI Too Long\r\n",
            Self::UnsupportedMediaType => b"HTTP/1.1 415 Unsupported Media Type\r\n",
            Self::ExpectationFailed => b"HTTP/1.1 417 Expectation Failed\r\n",
            Self::MisdirectedRequest => b"HTTP/1.1 421 Misdirected Request\r\n",
            Self::UnprocessableContent => b"HTTP/1.1 422 Unprocessable Content\r\n",
            Self::TooManyRequests => b"HTTP/1.1 429 Too Many Requests\r\n",
            Self::HeadTooLarge => b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
            Self::NotImplemented => b"HTTP/1.1 501 Not Implemented\r\n",
            Self::ServiceUnavailable => b"HTTP/1.1 503 Service Unavailable\r\n",
            Self::VersionNotSupported => b"HTTP/1.1 505 HTTP Version Not Supported\r\n",
        }
    }
}

/// The value of the Date field for one second (RFC 9110, sections 5.6.7 and 6.6.1): made once a
/// second, written into every answer of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    bytes: [u8; 29],
}

impl Date {
    /// The date of `now`. A clock outside the years 1970 to 9999, which have four digits and
    /// an epoch, is taken as the nearest second in them.
    pub fn at(now: SystemTime) -> Self {
        let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
        let now = HttpDate::from(now.clamp(SystemTime::UNIX_EPOCH, last));
        let mut bytes = [0; 29];
        write!(&mut bytes[..], "{now}").expect("a date of these years has 29 bytes");
        Self { bytes }
    }

    /// As in `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// Nearly every one.
    Json,
    /// The live page.
    Html,
    /// Text for Prometheus, in the format 0.0.4.
    Metrics,
}

/// An answer with all that differs between one and another.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Its status.
    pub status: Status,
    /// Its body. A 204 has none, whatever stands here (RFC 9110, section 15.3.5).
    pub body: &'a [u8],
    /// The type of the body (RFC 9110, section 8.3).
    pub content_type: ContentType,
    /// The methods that the path takes, for 405 and OPTIONS.
    pub allow: Option<&'static str>,
    /// When to come back, in seconds.
    pub retry_after_s: Option<u32>,
    /// It repeats an earlier one, and says so: `Idempotent-Replayed: true`.
    pub is_replay: bool,
    /// More fields: whole lines with their CRLF.
    pub fields: &'a [u8],
    /// What the answer says about its connection.
    pub persistence: Persistence,
    /// The request was HEAD: the fields describe the body, which is not sent (RFC 9110,
    /// section 9.3.2).
    pub head_only: bool,
}

impl Response<'_> {
    /// Appends the answer to `out`.
    pub fn write(&self, date: &Date, out: &mut Vec<u8>) {
        out.reserve(HEAD_BYTES_ESTIMATE + self.fields.len() + self.body.len());
        out.extend_from_slice(self.status.line());
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(date.bytes());
        write_content_type(self.content_type, out);
        // RFC 9110, section 8.6: not even `Content-Length: 0` in a 204.
        let has_content = self.status != Status::NoContent;
        if has_content {
            out.extend_from_slice(b"Content-Length: ");
            write_number(self.body.len() as u64, out);
        }
        // Nobody may keep an answer (RFC 9111, section 5.2.2.5): not even the refusal of a counter
        // that may be served a moment later.
        out.extend_from_slice(b"Cache-Control: no-store\r\n");
        if let Some(methods) = self.allow {
            out.extend_from_slice(b"Allow: ");
            out.extend_from_slice(methods.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(seconds) = self.retry_after_s {
            out.extend_from_slice(b"Retry-After: ");
            write_number(u64::from(seconds), out);
        }
        if self.is_replay {
            out.extend_from_slice(b"Idempotent-Replayed: true\r\n");
        }
        // Nearly always there are none, and to copy nothing is a call too.
        if !self.fields.is_empty() {
            out.extend_from_slice(self.fields);
        }
        out.extend_from_slice(match self.persistence {
            Persistence::KeepAlive => b"\r\n",
            Persistence::KeepAliveSaid => b"Connection: keep-alive\r\n\r\n",
            Persistence::Close => b"Connection: close\r\n\r\n",
        });
        if has_content && !self.head_only {
            out.extend_from_slice(self.body);
        }
    }
}

/// A field's value in digits, and the end of its line.
fn write_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Bytes of a length that the compiler knows are copied without a call: 40 instructions less.
fn write_content_type(content_type: ContentType, out: &mut Vec<u8>) {
    match content_type {
        ContentType::Json => out.extend_from_slice(b"\r\nContent-Type: application/json\r\n"),
        ContentType::Html => {
            out.extend_from_slice(b"\r\nContent-Type: text/html; charset=utf-8\r\n");
        }
        ContentType::Metrics => {
            out.extend_from_slice(b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Response<'static> = Response {
        status: Status::Ok,
        body: b"{}",
        content_type: ContentType::Json,
        allow: None,
        retry_after_s: None,
        is_replay: false,
        fields: b"",
        persistence: Persistence::KeepAlive,
        head_only: false,
    };

    /// As RFC 9110, section 15, and RFC 6585 name them.
    #[test]
    fn each_status_has_its_code_and_the_phrase_of_its_rfc() {
        let rows = [
            (Status::Ok, "200 OK"),
            (Status::NoContent, "204 No Content"),
            (Status::BadRequest, "400 Bad Request"),
            (Status::Unauthorized, "401 Unauthorized"),
            (Status::Forbidden, "403 Forbidden"),
            (Status::NotFound, "404 Not Found"),
            (Status::MethodNotAllowed, "405 Method Not Allowed"),
            (Status::RequestTimeout, "408 Request Timeout"),
            (Status::Conflict, "409 Conflict"),
            (Status::Gone, "410 Gone"),
            (Status::PayloadTooLarge, "413 Content Too Large"),
            (Status::UriTooLong, "414 URI Too Long"),
            (Status::UnsupportedMediaType, "415 Unsupported Media Type"),
            (Status::ExpectationFailed, "417 Expectation Failed"),
            (Status::MisdirectedRequest, "421 Misdirected Request"),
            (Status::UnprocessableContent, "422 Unprocessable Content"),
            (Status::TooManyRequests, "429 Too Many Requests"),
            (Status::HeadTooLarge, "431 Request Header Fields Too Large"),
            (Status::NotImplemented, "501 Not Implemented"),
            (Status::ServiceUnavailable, "503 Service Unavailable"),
            (Status::VersionNotSupported, "505 HTTP Version Not Supported"),
        ];
        for (status, expected) in rows {
            assert_eq!(status.line(), format!("HTTP/1.1 {expected}\r\n").as_bytes());
            assert!(expected.starts_with(&status.code().to_string()), "{expected}");
        }
    }

    #[test]
    fn an_answer_has_its_fields_and_its_body() {
        let expected = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
            Content-Type: application/json\r\nContent-Length: 2\r\n\
            Cache-Control: no-store\r\n\r\n{}";
        assert_eq!(text(PLAIN), expected);
    }

    #[test]
    fn an_answer_with_everything_has_every_field_once() {
        let answer = Response {
            status: Status::ServiceUnavailable,
            allow: Some("GET, POST"),
            retry_after_s: Some(120),
            persistence: Persistence::Close,
            ..PLAIN
        };
        let expected = "HTTP/1.1 503 Service Unavailable\r\n\
            Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n\
            Content-Length: 2\r\nCache-Control: no-store\r\nAllow: GET, POST\r\n\
            Retry-After: 120\r\nConnection: close\r\n\r\n{}";
        assert_eq!(text(answer), expected);
    }

    #[test]
    fn an_answer_to_head_describes_a_body_and_has_none() {
        let answer = Response { head_only: true, persistence: Persistence::KeepAliveSaid, ..PLAIN };
        let answer = text(answer);
        let expected =
            "Content-Length: 2\r\nCache-Control: no-store\r\nConnection: keep-alive\r\n\r\n";
        assert!(answer.ends_with(expected), "{answer}");
    }

    #[test]
    fn no_content_has_neither_a_length_nor_a_body() {
        let answer = Response { status: Status::NoContent, ..PLAIN };
        let answer = text(answer);
        assert!(!answer.contains("Content-Length"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn an_empty_body_has_its_length() {
        let answer = text(Response { body: b"", ..PLAIN });
        assert!(
            answer.ends_with("Content-Length: 0\r\nCache-Control: no-store\r\n\r\n"),
            "{answer}"
        );
    }

    #[test]
    fn answers_are_appended() {
        let mut out = b"before".to_vec();
        let date = date_of(784_111_777);
        PLAIN.write(&date, &mut out);
        PLAIN.write(&date, &mut out);
        assert_eq!(out, ["before", &text(PLAIN), &text(PLAIN)].concat().as_bytes());
    }

    #[test]
    fn the_head_of_every_answer_fits_the_estimate() {
        for status in Status::ALL {
            let answer = Response {
                status,
                body: b"",
                content_type: ContentType::Metrics,
                allow: Some("GET, HEAD, POST, OPTIONS"),
                retry_after_s: Some(u32::MAX),
                is_replay: false,
                fields: b"",
                persistence: Persistence::KeepAliveSaid,
                head_only: false,
            };
            assert!(text(answer).len() <= HEAD_BYTES_ESTIMATE, "{status:?}");
        }
    }

    #[test]
    fn a_status_is_its_code_and_its_line() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
            let start = format!("HTTP/1.1 {} ", status.code());
            assert!(status.line().starts_with(start.as_bytes()), "{status:?}");
            assert!(status.line().ends_with(b"\r\n"), "{status:?}");
        }
        for code in [0, 100, 199, 201, 418, 500, 65_535] {
            assert_eq!(Status::from_code(code), None);
        }
    }

    #[test]
    fn a_date_is_of_its_second() {
        assert_eq!(date_of(0).bytes(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date_of(784_111_777).bytes(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date_of(1_709_164_800).bytes(), b"Thu, 29 Feb 2024 00:00:00 GMT");
        assert_eq!(date_of(253_402_300_799).bytes(), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_clock_that_is_far_off_makes_a_date_too() {
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Date::at(early), date_of(0));
        assert_eq!(date_of(253_402_300_800), date_of(253_402_300_799));
    }

    fn date_of(seconds: u64) -> Date {
        Date::at(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn text(answer: Response<'_>) -> String {
        let mut out = Vec::new();
        answer.write(&date_of(784_111_777), &mut out);
        String::from_utf8(out).expect("answers are ASCII here")
    }
}
