//! Why bytes are no request that this server takes.
//!
//! A refusal ends its connection: after it nobody knows where the next request starts.

use super::response::Status;

/// The one reason for which a request is refused, with its status and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A line ends in LF without CR: a hand-written client, or an attempt to smuggle.
    BareLineFeed,
    /// The first line is not `method SP target SP HTTP/digit.digit` (RFC 9112, section 3): often
    /// TLS, or another protocol, on this port.
    MalformedRequestLine,
    /// The target has a form that its method does not take, or a byte that no URI has (RFC 9112,
    /// section 3.2).
    MalformedTarget,
    /// The target is over `TARGET_BYTES_MAX`.
    TargetTooLong,
    /// The major version is not 1, as in HTTP/2 without negotiation (RFC 9110, section 15.6.6).
    UnsupportedVersion,
    /// The head, with the empty lines before it, is over `HEAD_BYTES_MAX`.
    HeadTooLarge,
    /// The head or the trailer section has more than `FIELDS_MAX` fields.
    TooManyFields,
    /// A field line has no token before its colon: a space there, a folded line, no name, no
    /// colon (RFC 9112, section 5).
    MalformedFieldName,
    /// A field's value has a control byte in it, a lone CR among them (RFC 9110, section 5.5).
    MalformedFieldValue,
    /// HTTP/1.1 without Host (RFC 9112, section 3.2).
    MissingHost,
    /// More than one Host, in either version (RFC 9112, section 3.2).
    RepeatedHost,
    /// Host is no host with an optional port (RFC 9110, section 7.2).
    MalformedHost,
    /// Content-Length is not a decimal number (RFC 9110, section 8.6).
    MalformedContentLength,
    /// Content-Length is given more than once, and not as the same number (RFC 9112, section 6.3).
    ConflictingContentLength,
    /// Both ways to frame a body at once (RFC 9112, section 6.1): the mark of smuggling.
    ContentLengthWithTransferEncoding,
    /// Transfer-Encoding in HTTP/1.0, which does not know it (RFC 9112, section 6.1).
    TransferEncodingInHttp10,
    /// The codings are not a list in which chunked is the last, once and without parameters
    /// (RFC 9112, sections 6.1 and 7).
    MalformedTransferEncoding,
    /// A coding other than chunked (RFC 9112, section 6.1).
    UnknownTransferEncoding,
    /// An expectation other than `100-continue` (RFC 9110, section 10.1.1).
    UnknownExpectation,
    /// The body is over its bound.
    BodyTooLarge,
    /// A chunk's first line is not a hexadecimal size with optional extensions (RFC 9112,
    /// section 7.1).
    MalformedChunkLine,
    /// A chunk's first line is over `CHUNK_LINE_BYTES_MAX`.
    ChunkLineTooLong,
    /// A chunk's data is not followed by CRLF: its size and its data disagree.
    MalformedChunkEnd,
    /// The trailer section is over `TRAILER_BYTES_MAX`.
    TrailersTooLarge,
}

impl Refusal {
    /// The status of the answer: 400, 413, 414, 417, 431, 501 or 505.
    pub fn status(self) -> Status {
        match self {
            Self::TargetTooLong => Status::UriTooLong,
            Self::UnsupportedVersion => Status::VersionNotSupported,
            Self::HeadTooLarge | Self::TooManyFields | Self::TrailersTooLarge => {
                Status::HeadTooLarge
            }
            Self::UnknownTransferEncoding => Status::NotImplemented,
            Self::UnknownExpectation => Status::ExpectationFailed,
            Self::BodyTooLarge => Status::PayloadTooLarge,
            Self::BareLineFeed
            | Self::MalformedRequestLine
            | Self::MalformedTarget
            | Self::MalformedFieldName
            | Self::MalformedFieldValue
            | Self::MissingHost
            | Self::RepeatedHost
            | Self::MalformedHost
            | Self::MalformedContentLength
            | Self::ConflictingContentLength
            | Self::ContentLengthWithTransferEncoding
            | Self::TransferEncodingInHttp10
            | Self::MalformedTransferEncoding
            | Self::MalformedChunkLine
            | Self::ChunkLineTooLong
            | Self::MalformedChunkEnd => Status::BadRequest,
        }
    }

    /// The reason in a few words, for the answer and the log: nothing of the request is in it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::BareLineFeed => "line feed without carriage return",
            Self::MalformedRequestLine => "malformed request line",
            Self::MalformedTarget => "malformed target",
            Self::TargetTooLong => "target too long",
            Self::UnsupportedVersion => "unsupported version",
            Self::HeadTooLarge => "head too large",
            Self::TooManyFields => "too many fields",
            Self::MalformedFieldName => "malformed field name",
            Self::MalformedFieldValue => "malformed field value",
            Self::MissingHost => "missing host",
            Self::RepeatedHost => "repeated host",
            Self::MalformedHost => "malformed host",
            Self::MalformedContentLength => "malformed content length",
            Self::ConflictingContentLength => "conflicting content lengths",
            Self::ContentLengthWithTransferEncoding => "content length with transfer encoding",
            Self::TransferEncodingInHttp10 => "transfer encoding in HTTP/1.0",
            Self::MalformedTransferEncoding => "malformed transfer encoding",
            Self::UnknownTransferEncoding => "unknown transfer encoding",
            Self::UnknownExpectation => "unknown expectation",
            Self::BodyTooLarge => "body too large",
            Self::MalformedChunkLine => "malformed chunk line",
            Self::ChunkLineTooLong => "chunk line too long",
            Self::MalformedChunkEnd => "malformed chunk end",
            Self::TrailersTooLarge => "trailers too large",
        }
    }
}
