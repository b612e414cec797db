//! Heads as a table: each row is parsed whole, byte by byte and with bytes behind it.

use super::{Framing, Method, Persistence, Refusal, Request, parse};
use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX, TARGET_BYTES_MAX};

use Expected::{Open, Refused, Taken};
use Refusal::*;

/// A sentence, the bytes in parts, and what becomes of them.
struct Row(&'static str, &'static [&'static [u8]], Expected);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// A request whose head is all of the bytes.
    Taken(Request<'static>),
    /// A refusal.
    Refused(Refusal),
    /// More bytes are needed.
    Open,
}

const GET_11: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n";
const POST_11: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\n";
const LINE_11: &[u8] = b"GET / HTTP/1.1\r\n";
const LINE_10: &[u8] = b"GET / HTTP/1.0\r\n";
const END_11: &[u8] = b" HTTP/1.1\r\nHost: x\r\n\r\n";
const HOST: &[u8] = b"\r\nHost: x\r\n\r\n";

const GET: Request<'static> = Request {
    method: Method::Get,
    path: b"/",
    persistence: Persistence::KeepAlive,
    framing: Framing::None,
    expects_continue: false,
};
const POST: Request<'static> = Request { method: Method::Post, ..GET };
const CHUNKED: Request<'static> = Request { framing: Framing::Chunked, ..POST };
const FIVE: Request<'static> = Request { framing: Framing::Length(5), ..POST };
const CLOSED: Request<'static> = Request { persistence: Persistence::Close, ..GET };
const KEPT: Request<'static> = Request { persistence: Persistence::KeepAliveSaid, ..GET };

const fn method(method: Method) -> Expected {
    Taken(Request { method, ..GET })
}

const fn path(path: &'static [u8]) -> Expected {
    Taken(Request { path, ..GET })
}

/// Bytes that may stand behind a head and may not change what it is.
const TRAILERS: [&[u8]; 6] = [
    b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n",
    b"\r\n\r\n",
    b"\n",
    b" folded: no\r\n\r\n",
    b"\0\xFF\x16\x03\x01",
    b"5\r\nhello\r\n0\r\n\r\n",
];

#[rustfmt::skip]
const REQUEST_LINES: &[Row] = &[
    Row("nothing is open", &[], Open),
    Row("a GET is taken", &[GET_11, b"\r\n"], Taken(GET)),
    Row("a HEAD is taken", &[b"HEAD /", END_11], method(Method::Head)),
    Row("a POST is taken", &[POST_11, b"\r\n"], Taken(POST)),
    Row("an OPTIONS is taken", &[b"OPTIONS /", END_11], method(Method::Options)),
    Row("an unknown method is another", &[b"BREW /", END_11], method(Method::Other)),
    Row("a method in lower case is another", &[b"get /", END_11], method(Method::Other)),
    Row("every token byte makes a method",
        &[b"aZ09!#$%&'*+-.^_`|~ /", END_11], method(Method::Other)),
    Row("a method with a known start is another", &[b"GETS /", END_11], method(Method::Other)),
    Row("a method alone is open", &[b"GET"], Open),
    Row("a method and a target are open", &[b"GET / "], Open),
    Row("a first line is open", &[b"GET / HTTP/1.1\r\n"], Open),
    Row("a first line before its LF is open", &[b"GET / HTTP/1.1\r"], Open),
    Row("fields without a blank line are open", &[LINE_11, b"Host: x\r\n"], Open),
    Row("half a blank line is open", &[GET_11, b"\r"], Open),
    Row("an empty line before a request is skipped", &[b"\r\nGET /", END_11], Taken(GET)),
    Row("empty lines before a request are skipped", &[b"\r\n\r\n\r\nGET /", END_11], Taken(GET)),
    Row("empty lines alone are open", &[b"\r\n\r\n"], Open),
    Row("half an empty line is open", &[b"\r\n\r"], Open),
    Row("a lone LF before a request is refused",
        &[b"\nGET /", END_11], Refused(MalformedRequestLine)),
    Row("a lone CR before a request is refused",
        &[b"\rGET /", END_11], Refused(MalformedRequestLine)),
    Row("two CRs before a request are refused",
        &[b"\r\r\nGET /", END_11], Refused(MalformedRequestLine)),
    Row("a space before the method is refused",
        &[b" GET /", END_11], Refused(MalformedRequestLine)),
    Row("a method with a colon is refused", &[b"GE:T /", END_11], Refused(MalformedRequestLine)),
    Row("a method with NUL is refused", &[b"GET\0 /", END_11], Refused(MalformedRequestLine)),
    Row("a method beyond ASCII is refused",
        &[b"G\xC3\x89T /", END_11], Refused(MalformedRequestLine)),
    Row("TLS on this port is refused at its first byte",
        &[b"\x16\x03\x01"], Refused(MalformedRequestLine)),
    Row("a method without a target is refused", &[b"GET\r\n"], Refused(MalformedRequestLine)),
    Row("a target without a version is refused", &[b"GET /\r\n"], Refused(MalformedRequestLine)),
    Row("a target with a space for a version is refused",
        &[b"GET / \r\n"], Refused(MalformedRequestLine)),
    Row("two spaces before the target are refused",
        &[b"GET  /", END_11], Refused(MalformedRequestLine)),
    Row("two spaces without a target are refused", &[b"GET ", END_11], Refused(MalformedTarget)),
    Row("two spaces before the version are refused",
        &[b"GET / ", END_11], Refused(MalformedRequestLine)),
    Row("a space behind the version is refused",
        &[b"GET / HTTP/1.1 ", HOST], Refused(MalformedRequestLine)),
    Row("a tab before the target is refused", &[b"GET\t/", END_11], Refused(MalformedRequestLine)),
    Row("a tab before the version is refused",
        &[b"GET /\tHTTP/1.1", HOST], Refused(MalformedRequestLine)),
    Row("a version in lower case is refused",
        &[b"GET / http/1.1", HOST], Refused(MalformedRequestLine)),
    Row("another protocol is refused", &[b"GET / HTTPS/1.1", HOST], Refused(MalformedRequestLine)),
    Row("a version of two digits is refused",
        &[b"GET / HTTP/1.10", HOST], Refused(MalformedRequestLine)),
    Row("a version without a minor is refused",
        &[b"GET / HTTP/1", HOST], Refused(MalformedRequestLine)),
    Row("a version with a letter is refused",
        &[b"GET / HTTP/1.x", HOST], Refused(MalformedRequestLine)),
    Row("a version with a comma is refused",
        &[b"GET / HTTP/1,1", HOST], Refused(MalformedRequestLine)),
    Row("a target with a space is refused", &[b"GET /a b", END_11], Refused(MalformedRequestLine)),
    Row("a CR in a target is refused", &[b"GET /a\rb", END_11], Refused(MalformedRequestLine)),
    Row("a second CR in the first line is refused",
        &[b"GET / HTTP/1.1\r", HOST], Refused(MalformedRequestLine)),
    Row("a first line that ends in LF is refused",
        &[b"GET / HTTP/1.1\nHost: x\r\n\r\n"], Refused(BareLineFeed)),
    Row("a version that is wrong and ends in LF is refused",
        &[b"GET / HTTP/9.9\n"], Refused(BareLineFeed)),
    Row("HTTP/1.2 is not supported", &[b"GET / HTTP/1.2", HOST], Refused(UnsupportedVersion)),
    Row("HTTP/0.9 is not supported", &[b"GET / HTTP/0.9\r\n\r\n"], Refused(UnsupportedVersion)),
    Row("HTTP/2.0 is not supported", &[b"GET / HTTP/2.0", HOST], Refused(UnsupportedVersion)),
    Row("HTTP/3.0 is not supported with its first line",
        &[b"GET / HTTP/3.0\r\n"], Refused(UnsupportedVersion)),
    Row("the preface of HTTP/2 is not supported",
        &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], Refused(UnsupportedVersion)),
    Row("HTTP/1.0 needs no Host", &[LINE_10, b"\r\n"], Taken(CLOSED)),
];

#[rustfmt::skip]
const TARGETS: &[Row] = &[
    Row("a path is taken as it is",
        &[b"GET /a/b%2F..;c=1|\"d\"", END_11], path(b"/a/b%2F..;c=1|\"d\"")),
    Row("a query is cut off", &[b"GET /status?a=/b?c", END_11], path(b"/status")),
    Row("an empty query is cut off", &[b"GET /?", END_11], path(b"/")),
    Row("two slashes are a path", &[b"GET //x/y", END_11], path(b"//x/y")),
    Row("an asterisk is for OPTIONS",
        &[b"OPTIONS *", END_11],
        Taken(Request { method: Method::Options, path: b"*", ..GET })),
    Row("an asterisk is not for GET", &[b"GET *", END_11], Refused(MalformedTarget)),
    Row("an asterisk with more is refused", &[b"OPTIONS *a", END_11], Refused(MalformedTarget)),
    Row("an absolute-form has its path", &[b"GET http://x/status", END_11], path(b"/status")),
    Row("an absolute-form loses its query", &[b"GET http://x/status?a", END_11], path(b"/status")),
    Row("an absolute-form without a path is the root", &[b"GET http://x", END_11], path(b"/")),
    Row("an absolute-form with only a query is the root",
        &[b"GET http://x?a=/b", END_11], path(b"/")),
    Row("an absolute-form has a port", &[b"GET https://x:8443/a", END_11], path(b"/a")),
    Row("a scheme has no case", &[b"GET HtTp://x/a", END_11], path(b"/a")),
    Row("an absolute-form has an IPv6 address", &[b"GET http://[::1]:80/a", END_11], path(b"/a")),
    Row("an absolute-form still needs Host",
        &[b"GET http://x/ HTTP/1.1\r\n\r\n"], Refused(MissingHost)),
    Row("an absolute-form without a host is refused",
        &[b"GET http:///a", END_11], Refused(MalformedTarget)),
    Row("an absolute-form with only a port is refused",
        &[b"GET http://:80/a", END_11], Refused(MalformedTarget)),
    Row("an absolute-form with a user is refused",
        &[b"GET http://u:p@x/a", END_11], Refused(MalformedTarget)),
    Row("an absolute-form with a wrong port is refused",
        &[b"GET http://x:8a/", END_11], Refused(MalformedTarget)),
    Row("an absolute-form with one slash is refused",
        &[b"GET http:/x", END_11], Refused(MalformedTarget)),
    Row("another scheme is refused", &[b"GET ftp://x/", END_11], Refused(MalformedTarget)),
    Row("a scheme with a known start is refused",
        &[b"GET httpx://x/", END_11], Refused(MalformedTarget)),
    Row("a path without a slash is refused", &[b"GET status", END_11], Refused(MalformedTarget)),
    Row("a query alone is refused", &[b"GET ?a", END_11], Refused(MalformedTarget)),
    Row("an authority is not for GET", &[b"GET x:80", END_11], Refused(MalformedTarget)),
    Row("an authority is for CONNECT",
        &[b"CONNECT x:443", END_11],
        Taken(Request { method: Method::Other, path: b"x:443", ..GET })),
    Row("an IPv6 authority is for CONNECT",
        &[b"CONNECT [::1]:443", END_11],
        Taken(Request { method: Method::Other, path: b"[::1]:443", ..GET })),
    Row("a path is a path for CONNECT too",
        &[b"CONNECT /a", END_11],
        Taken(Request { method: Method::Other, path: b"/a", ..GET })),
    Row("a CONNECT without a port is refused", &[b"CONNECT x", END_11], Refused(MalformedTarget)),
    Row("a CONNECT with an empty port is refused",
        &[b"CONNECT x:", END_11], Refused(MalformedTarget)),
    Row("a CONNECT to an address without a port is refused",
        &[b"CONNECT [::1]", END_11], Refused(MalformedTarget)),
    Row("a CONNECT without a host is refused",
        &[b"CONNECT :443", END_11], Refused(MalformedTarget)),
    Row("a CONNECT to a URI is refused",
        &[b"CONNECT http://x:1", END_11], Refused(MalformedTarget)),
    Row("a fragment is refused", &[b"GET /#a", END_11], Refused(MalformedTarget)),
    Row("a fragment in a query is refused", &[b"GET /?a#b", END_11], Refused(MalformedTarget)),
    Row("NUL in a target is refused", &[b"GET /\0", END_11], Refused(MalformedTarget)),
    Row("DEL in a target is refused", &[b"GET /\x7F", END_11], Refused(MalformedTarget)),
    Row("UTF-8 in a target is refused", &[b"GET /\xC3\xA9", END_11], Refused(MalformedTarget)),
    Row("UTF-8 in a query is refused", &[b"GET /?\xC3\xA9", END_11], Refused(MalformedTarget)),
    Row("a wrong target is refused with its line",
        &[b"GET x HTTP/1.1\r\n"], Refused(MalformedTarget)),
    Row("a wrong version is refused before a wrong target",
        &[b"GET x HTTP/2.0\r\n"], Refused(UnsupportedVersion)),
];

#[rustfmt::skip]
const HOSTS: &[Row] = &[
    Row("a host with a port is taken", &[LINE_11, b"Host: example.com:8080\r\n\r\n"], Taken(GET)),
    Row("a host with an empty port is taken",
        &[LINE_11, b"Host: example.com:\r\n\r\n"], Taken(GET)),
    Row("an IPv4 address is taken", &[LINE_11, b"Host: 127.0.0.1:80\r\n\r\n"], Taken(GET)),
    Row("an IPv6 address is taken", &[LINE_11, b"Host: [::1]\r\n\r\n"], Taken(GET)),
    Row("an IPv6 address with a port is taken",
        &[LINE_11, b"Host: [2001:db8::1]:80\r\n\r\n"], Taken(GET)),
    Row("an empty host is taken", &[LINE_11, b"Host:\r\n\r\n"], Taken(GET)),
    Row("a host of white space is empty", &[LINE_11, b"Host: \t \r\n\r\n"], Taken(GET)),
    Row("a host has no case in its name", &[LINE_11, b"hOST: x\r\n\r\n"], Taken(GET)),
    Row("a percent-encoded host is taken", &[LINE_11, b"Host: a%2Fb\r\n\r\n"], Taken(GET)),
    Row("every byte of a name is taken",
        &[LINE_11, b"Host: aZ09-._~!$&'()*+,;=\r\n\r\n"], Taken(GET)),
    Row("no host on 1.1 is refused", &[LINE_11, b"\r\n"], Refused(MissingHost)),
    Row("other fields are no host",
        &[LINE_11, b"Hosts: x\r\nX-Host: x\r\nHos: x\r\n\r\n"], Refused(MissingHost)),
    Row("two hosts are refused", &[GET_11, b"Host: x\r\n\r\n"], Refused(RepeatedHost)),
    Row("two hosts apart are refused",
        &[GET_11, b"A: b\r\nhost: y\r\n\r\n"], Refused(RepeatedHost)),
    Row("two empty hosts are refused",
        &[LINE_11, b"Host:\r\nHost:\r\n\r\n"], Refused(RepeatedHost)),
    Row("two hosts on 1.0 are refused",
        &[LINE_10, b"Host: x\r\nHost: y\r\n\r\n"], Refused(RepeatedHost)),
    Row("a wrong host on 1.0 is refused", &[LINE_10, b"Host: x y\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a space is refused", &[LINE_11, b"Host: x y\r\n\r\n"], Refused(MalformedHost)),
    Row("two hosts in one field are refused",
        &[LINE_11, b"Host: x, y\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a path is refused", &[LINE_11, b"Host: x/y\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a scheme is refused",
        &[LINE_11, b"Host: http://x\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a user is refused", &[LINE_11, b"Host: u@x\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a wrong port is refused",
        &[LINE_11, b"Host: x:8o\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with two ports is refused",
        &[LINE_11, b"Host: x:80:80\r\n\r\n"], Refused(MalformedHost)),
    Row("a host with a negative port is refused",
        &[LINE_11, b"Host: x:-1\r\n\r\n"], Refused(MalformedHost)),
    Row("an address without its bracket is refused",
        &[LINE_11, b"Host: [::1\r\n\r\n"], Refused(MalformedHost)),
    Row("an address without brackets is refused",
        &[LINE_11, b"Host: ::1\r\n\r\n"], Refused(MalformedHost)),
    Row("a name in brackets is refused", &[LINE_11, b"Host: [x]\r\n\r\n"], Refused(MalformedHost)),
    Row("bytes behind an address are refused",
        &[LINE_11, b"Host: [::1]80\r\n\r\n"], Refused(MalformedHost)),
    Row("half a percent-encoding is refused",
        &[LINE_11, b"Host: a%2\r\n\r\n"], Refused(MalformedHost)),
    Row("a wrong percent-encoding is refused",
        &[LINE_11, b"Host: a%zzb\r\n\r\n"], Refused(MalformedHost)),
    Row("a host beyond ASCII is refused",
        &[LINE_11, b"Host: \xC3\xA9\r\n\r\n"], Refused(MalformedHost)),
];

#[rustfmt::skip]
const FIELD_LINES: &[Row] = &[
    Row("fields of a browser are taken",
        &[LINE_11, b"Host: localhost:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n",
            b"Accept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\nCookie: a=b; c=\"d\"\r\n",
            b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"],
        Taken(GET)),
    Row("a value needs no space before it", &[LINE_11, b"Host:x\r\nA:b\r\n\r\n"], Taken(GET)),
    Row("white space around a value is dropped", &[LINE_11, b"Host: \t x \t \r\n\r\n"], Taken(GET)),
    Row("a tab in a value is taken", &[GET_11, b"A: b\tc\r\n\r\n"], Taken(GET)),
    Row("a value beyond ASCII is taken", &[GET_11, b"A: \xC3\xA9\xFF\x80\r\n\r\n"], Taken(GET)),
    Row("an empty value is taken", &[LINE_11, b"A:\r\nHost: x\r\n\r\n"], Taken(GET)),
    Row("colons in a value are taken", &[LINE_11, b"A: :b:\r\nHost: x\r\n\r\n"], Taken(GET)),
    Row("every token byte makes a name",
        &[LINE_11, b"aZ09!#$%&'*+-.^_`|~: b\r\nHost: x\r\n\r\n"], Taken(GET)),
    Row("a field that ends in LF is refused",
        &[LINE_11, b"Host: x\nA: b\r\n\r\n"], Refused(BareLineFeed)),
    Row("a blank line of LF is refused", &[GET_11, b"\n"], Refused(BareLineFeed)),
    Row("a head of LFs is refused", &[b"GET / HTTP/1.1\nHost: x\n\n"], Refused(BareLineFeed)),
    Row("LF before CRLF is refused", &[LINE_11, b"Host: x\n\r\n"], Refused(BareLineFeed)),
    Row("LF CR is refused", &[LINE_11, b"Host: x\n\r\r\n"], Refused(BareLineFeed)),
    Row("an open field that ends in LF is refused at once",
        &[LINE_11, b"Host: x\n"], Refused(BareLineFeed)),
    Row("a CR in a value is refused", &[GET_11, b"A: b\rc\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a CR that hides a field is refused",
        &[GET_11, b"A: b\rContent-Length: 5\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a CR before CRLF is refused", &[GET_11, b"A: b\r\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a CR for a value is refused", &[GET_11, b"A:\r\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a CR in a name is refused", &[GET_11, b"A\rB: c\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a CR before a name is refused", &[GET_11, b"\rB: c\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a CR in the blank line is refused", &[GET_11, b"\r\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a line folded with a space is refused",
        &[GET_11, b"A: b\r\n c\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a line folded with a tab is refused",
        &[GET_11, b"A: b\r\n\tc\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a folded framing field is refused",
        &[POST_11, b"Transfer-Encoding:\r\n chunked\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a line of white space is refused", &[GET_11, b" \r\n\r\n"], Refused(MalformedFieldName)),
    Row("white space before the first field is refused",
        &[LINE_11, b" Host: x\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a tab before the first field is refused",
        &[LINE_11, b"\tHost: x\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a space before the colon is refused",
        &[LINE_11, b"Host : x\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a tab before the colon is refused",
        &[GET_11, b"A\t: b\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a space in a name is refused", &[GET_11, b"A B: c\r\n\r\n"], Refused(MalformedFieldName)),
    Row("an empty name is refused", &[GET_11, b": b\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a line without a colon is refused", &[GET_11, b"A\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a name with NUL is refused", &[GET_11, b"A\0: b\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a name beyond ASCII is refused",
        &[GET_11, b"\xC3\xA9: b\r\n\r\n"], Refused(MalformedFieldName)),
    Row("a name in quotes is refused", &[GET_11, b"\"A\": b\r\n\r\n"], Refused(MalformedFieldName)),
    Row("NUL in a value is refused", &[GET_11, b"A: b\0c\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a vertical tab in a value is refused",
        &[GET_11, b"A: b\x0Bc\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a form feed before a value is refused",
        &[GET_11, b"A:\x0Cc\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("DEL in a value is refused", &[GET_11, b"A: b\x7F\r\n\r\n"], Refused(MalformedFieldValue)),
    Row("a wrong line is refused before a missing host",
        &[LINE_11, b"A B: c\r\n\r\n"], Refused(MalformedFieldName)),
];

#[rustfmt::skip]
const CONTENT_LENGTHS: &[Row] = &[
    Row("a length frames a body", &[POST_11, b"Content-Length: 5\r\n\r\n"], Taken(FIVE)),
    Row("a length has no case in its name", &[POST_11, b"CONTENT-LENGTH:5\r\n\r\n"], Taken(FIVE)),
    Row("a length with zeros before it is a number",
        &[POST_11, b"Content-Length: 005\r\n\r\n"], Taken(FIVE)),
    Row("a GET may have a body",
        &[GET_11, b"Content-Length: 5\r\n\r\n"],
        Taken(Request { framing: Framing::Length(5), ..GET })),
    Row("a length of nothing is no body", &[POST_11, b"Content-Length: 0\r\n\r\n"], Taken(POST)),
    Row("a length on 1.0 frames a body",
        &[LINE_10, b"Content-Length: 5\r\n\r\n"],
        Taken(Request { framing: Framing::Length(5), ..CLOSED })),
    Row("the largest length is a number",
        &[POST_11, b"Content-Length: 18446744073709551615\r\n\r\n"],
        Taken(Request { framing: Framing::Length(u64::MAX), ..POST })),
    Row("a length past it stays the largest",
        &[POST_11, b"Content-Length: 18446744073709551616\r\n\r\n"],
        Taken(Request { framing: Framing::Length(u64::MAX), ..POST })),
    Row("a length far past it stays the largest",
        &[POST_11, b"Content-Length: 99999999999999999999999999999\r\n\r\n"],
        Taken(Request { framing: Framing::Length(u64::MAX), ..POST })),
    Row("the same length twice is one",
        &[POST_11, b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n"], Taken(FIVE)),
    Row("the same length in a list is one",
        &[POST_11, b"Content-Length: 5, 5\r\n\r\n"], Taken(FIVE)),
    Row("the same length in a list and a field is one",
        &[POST_11, b"Content-Length: 5,5\r\nContent-Length: 5\r\n\r\n"], Taken(FIVE)),
    Row("two lengths are refused",
        &[POST_11, b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"],
        Refused(ConflictingContentLength)),
    Row("two lengths in a list are refused",
        &[POST_11, b"Content-Length: 5, 6\r\n\r\n"], Refused(ConflictingContentLength)),
    Row("nothing and a length are refused",
        &[POST_11, b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n"],
        Refused(ConflictingContentLength)),
    Row("an empty length is refused",
        &[POST_11, b"Content-Length:\r\n\r\n"], Refused(MalformedContentLength)),
    Row("an empty length beside a length is refused",
        &[POST_11, b"Content-Length: 5\r\nContent-Length: \r\n\r\n"],
        Refused(MalformedContentLength)),
    Row("an empty element is refused",
        &[POST_11, b"Content-Length: 5,\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a plus sign is refused",
        &[POST_11, b"Content-Length: +5\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a minus sign is refused",
        &[POST_11, b"Content-Length: -5\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a space in a length is refused",
        &[POST_11, b"Content-Length: 5 5\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a length in hexadecimal is refused",
        &[POST_11, b"Content-Length: 0x5\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a letter in a length is refused",
        &[POST_11, b"Content-Length: 5a\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a fraction is refused",
        &[POST_11, b"Content-Length: 5.0\r\n\r\n"], Refused(MalformedContentLength)),
    Row("an underscore in a length is refused",
        &[POST_11, b"Content-Length: 1_0\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a length in quotes is refused",
        &[POST_11, b"Content-Length: \"5\"\r\n\r\n"], Refused(MalformedContentLength)),
    Row("digits beyond ASCII are refused",
        &[POST_11, b"Content-Length: \xD9\xA5\r\n\r\n"], Refused(MalformedContentLength)),
    Row("a wrong length on 1.0 is refused",
        &[b"POST / HTTP/1.0\r\nContent-Length: x\r\n\r\n"], Refused(MalformedContentLength)),
];

#[rustfmt::skip]
const TRANSFER_ENCODINGS: &[Row] = &[
    Row("chunked frames a body", &[POST_11, b"Transfer-Encoding: chunked\r\n\r\n"], Taken(CHUNKED)),
    Row("chunked has no case", &[POST_11, b"transfer-encoding:CHUNKED\r\n\r\n"], Taken(CHUNKED)),
    Row("a length with chunked is refused",
        &[POST_11, b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
        Refused(ContentLengthWithTransferEncoding)),
    Row("chunked with a length is refused",
        &[POST_11, b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"],
        Refused(ContentLengthWithTransferEncoding)),
    Row("chunked with a length of nothing is refused",
        &[POST_11, b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"],
        Refused(ContentLengthWithTransferEncoding)),
    Row("another coding with a length is refused",
        &[POST_11, b"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"],
        Refused(ContentLengthWithTransferEncoding)),
    Row("chunked on 1.0 is refused",
        &[b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
        Refused(TransferEncodingInHttp10)),
    Row("another coding on 1.0 is refused",
        &[b"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n"],
        Refused(TransferEncodingInHttp10)),
    Row("chunked with a length on 1.0 is refused",
        &[b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"],
        Refused(TransferEncodingInHttp10)),
    Row("chunked twice is refused",
        &[POST_11, b"Transfer-Encoding: chunked, chunked\r\n\r\n"],
        Refused(MalformedTransferEncoding)),
    Row("chunked in two fields is refused",
        &[POST_11, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"],
        Refused(MalformedTransferEncoding)),
    Row("chunked before the last is refused",
        &[POST_11, b"Transfer-Encoding: chunked, gzip\r\n\r\n"],
        Refused(MalformedTransferEncoding)),
    Row("chunked before another field is refused",
        &[POST_11, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"],
        Refused(MalformedTransferEncoding)),
    Row("chunked in the middle is refused",
        &[POST_11, b"Transfer-Encoding: gzip, chunked, gzip\r\n\r\n"],
        Refused(MalformedTransferEncoding)),
    Row("chunked with a parameter is refused",
        &[POST_11, b"Transfer-Encoding: chunked;a=b\r\n\r\n"], Refused(MalformedTransferEncoding)),
    Row("chunked with a word behind it is refused",
        &[POST_11, b"Transfer-Encoding: chunked x\r\n\r\n"], Refused(MalformedTransferEncoding)),
    Row("an empty coding is refused",
        &[POST_11, b"Transfer-Encoding:\r\n\r\n"], Refused(MalformedTransferEncoding)),
    Row("an empty coding before chunked is refused",
        &[POST_11, b"Transfer-Encoding: , chunked\r\n\r\n"], Refused(MalformedTransferEncoding)),
    Row("an empty coding behind chunked is refused",
        &[POST_11, b"Transfer-Encoding: chunked,\r\n\r\n"], Refused(MalformedTransferEncoding)),
    Row("gzip is unknown",
        &[POST_11, b"Transfer-Encoding: gzip\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("gzip before chunked is unknown",
        &[POST_11, b"Transfer-Encoding: gzip, chunked\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("gzip in a field before chunked is unknown",
        &[POST_11, b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"],
        Refused(UnknownTransferEncoding)),
    Row("identity is unknown",
        &[POST_11, b"Transfer-Encoding: identity\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("a coding with a parameter is unknown",
        &[POST_11, b"Transfer-Encoding: gzip;q=1, chunked\r\n\r\n"],
        Refused(UnknownTransferEncoding)),
    Row("a name that starts like chunked is unknown",
        &[POST_11, b"Transfer-Encoding: chunkedx\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("a name that ends like chunked is unknown",
        &[POST_11, b"Transfer-Encoding: xchunked\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("chunked in quotes is unknown",
        &[POST_11, b"Transfer-Encoding: \"chunked\"\r\n\r\n"], Refused(UnknownTransferEncoding)),
    Row("a control byte before chunked is refused",
        &[POST_11, b"Transfer-Encoding: \x0Bchunked\r\n\r\n"], Refused(MalformedFieldValue)),
];

#[rustfmt::skip]
const CONNECTIONS: &[Row] = &[
    Row("close on 1.1 closes", &[GET_11, b"Connection: close\r\n\r\n"], Taken(CLOSED)),
    Row("close has no case", &[GET_11, b"CONNECTION: Close\r\n\r\n"], Taken(CLOSED)),
    Row("close in a list closes", &[GET_11, b"Connection: TE ,close, foo\r\n\r\n"], Taken(CLOSED)),
    Row("close in a second field closes",
        &[GET_11, b"Connection: keep-alive\r\nConnection: close\r\n\r\n"], Taken(CLOSED)),
    Row("close before keep-alive closes",
        &[LINE_10, b"Connection: close, keep-alive\r\n\r\n"], Taken(CLOSED)),
    Row("a word that starts like close does not close",
        &[GET_11, b"Connection: closed\r\n\r\n"], Taken(GET)),
    Row("keep-alive on 1.1 is the rule", &[GET_11, b"Connection: keep-alive\r\n\r\n"], Taken(GET)),
    Row("empty elements mean nothing",
        &[GET_11, b"Connection: ,,\r\nConnection:\r\n\r\n"], Taken(GET)),
    Row("another option means nothing",
        &[GET_11, b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"], Taken(GET)),
    Row("keep-alive on 1.0 keeps and is said",
        &[LINE_10, b"Connection: keep-alive\r\n\r\n"], Taken(KEPT)),
    Row("keep-alive has no case",
        &[LINE_10, b"Host: x\r\nconnection: Keep-Alive\r\n\r\n"], Taken(KEPT)),
    Row("keep-alive in a list on 1.0 keeps",
        &[LINE_10, b"Connection: TE, keep-alive\r\n\r\n"], Taken(KEPT)),
    Row("another option on 1.0 closes",
        &[LINE_10, b"Connection: keep-alives\r\n\r\n"], Taken(CLOSED)),
    Row("the field of proxies means nothing",
        &[LINE_10, b"Proxy-Connection: keep-alive\r\n\r\n"], Taken(CLOSED)),
];

#[rustfmt::skip]
const EXPECTATIONS: &[Row] = &[
    Row("a client waits to send a body",
        &[POST_11, b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"],
        Taken(Request { expects_continue: true, ..FIVE })),
    Row("a client waits to send chunks",
        &[POST_11, b"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"],
        Taken(Request { expects_continue: true, ..CHUNKED })),
    Row("the same expectation twice is one",
        &[POST_11, b"Expect: 100-continue, 100-continue\r\nExpect: 100-continue\r\n",
            b"Content-Length: 5\r\n\r\n"],
        Taken(Request { expects_continue: true, ..FIVE })),
    Row("without a body nobody waits", &[POST_11, b"Expect: 100-continue\r\n\r\n"], Taken(POST)),
    Row("with an empty body nobody waits",
        &[POST_11, b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"], Taken(POST)),
    Row("on 1.0 nobody waits",
        &[LINE_10, b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"],
        Taken(Request { framing: Framing::Length(5), ..CLOSED })),
    Row("on 1.0 every expectation is ignored", &[LINE_10, b"Expect: tea\r\n\r\n"], Taken(CLOSED)),
    Row("another expectation is unknown",
        &[POST_11, b"Expect: tea\r\n\r\n"], Refused(UnknownExpectation)),
    Row("another expectation behind it is unknown",
        &[POST_11, b"Expect: 100-continue, tea\r\n\r\n"], Refused(UnknownExpectation)),
    Row("another expectation before it is unknown",
        &[POST_11, b"Expect: tea\r\nExpect: 100-continue\r\n\r\n"], Refused(UnknownExpectation)),
    Row("an expectation with a parameter is unknown",
        &[POST_11, b"Expect: 100-continue;a=b\r\n\r\n"], Refused(UnknownExpectation)),
    Row("an empty expectation is unknown",
        &[POST_11, b"Expect:\r\n\r\n"], Refused(UnknownExpectation)),
    Row("a wrong frame is refused before an expectation",
        &[POST_11, b"Expect: tea\r\nTransfer-Encoding: gzip\r\n\r\n"],
        Refused(UnknownTransferEncoding)),
    Row("a missing host is refused before an expectation",
        &[b"POST / HTTP/1.1\r\nExpect: tea\r\n\r\n"], Refused(MissingHost)),
];

const TABLES: [&[Row]; 8] = [
    REQUEST_LINES,
    TARGETS,
    HOSTS,
    FIELD_LINES,
    CONTENT_LENGTHS,
    TRANSFER_ENCODINGS,
    CONNECTIONS,
    EXPECTATIONS,
];

#[test]
fn heads_are_the_same_whole_in_bytes_and_with_bytes_behind_them() {
    for Row(name, input, expected) in TABLES.into_iter().flatten() {
        check(name, &input.concat(), *expected);
    }
}

#[test]
fn there_are_enough_rows_and_none_twice() {
    let mut names: Vec<_> = TABLES.into_iter().flatten().map(|row| row.0).collect();
    let mut inputs: Vec<_> = TABLES.into_iter().flatten().map(|row| row.1.concat()).collect();
    let rows = names.len();
    assert!(rows >= 120, "{rows} rows");
    names.sort_unstable();
    names.dedup();
    inputs.sort_unstable();
    inputs.dedup();
    assert_eq!(names.len(), rows);
    assert_eq!(inputs.len(), rows);
}

#[test]
fn heads_are_bounded() {
    let head = |target: usize, field: usize| {
        let (target, field) = ("a".repeat(target), "b".repeat(field));
        format!("GET /{target} HTTP/1.1\r\nHost: x\r\nA: {field}\r\n\r\n").into_bytes()
    };
    let fixed = head(0, 0).len();
    let largest = head(0, HEAD_BYTES_MAX - fixed);
    assert_eq!(largest.len(), HEAD_BYTES_MAX);
    check("the largest head is taken", &largest, Taken(GET));
    let open = &largest[..HEAD_BYTES_MAX - 1];
    check("all but its last byte is open", open, Open);
    let too_large = Refused(HeadTooLarge);
    let larger = head(0, HEAD_BYTES_MAX - fixed + 1);
    check("a byte more is refused", &larger, too_large);
    let open = &larger[..HEAD_BYTES_MAX];
    check("it is refused at the bound", open, too_large);
    let mut late = head(0, HEAD_BYTES_MAX);
    late[HEAD_BYTES_MAX..].fill(b'\n');
    check("what is past the bound is not looked at", &late, too_large);

    let shifted = [b"\r\n", &head(0, HEAD_BYTES_MAX - fixed - 2)[..]].concat();
    check("an empty line is part of it", &shifted, Taken(GET));
    let shifted = [b"\r\n", &largest[..]].concat();
    check("an empty line before the largest head is refused", &shifted, too_large);
    let empty = b"\r\n".repeat(HEAD_BYTES_MAX / 2);
    check("empty lines fill it", &empty, too_large);
    check("a CR less is open", &empty[..HEAD_BYTES_MAX - 1], Open);
    let endless = vec![b'A'; HEAD_BYTES_MAX];
    check("a method without end fills it", &endless, too_large);
}

#[test]
fn targets_are_bounded() {
    let line = |target_len: usize| format!("GET /{}", "a".repeat(target_len - 1)).into_bytes();
    let rest = b" HTTP/1.1\r\nHost: x\r\n\r\n";
    let too_long = Refused(TargetTooLong);

    let largest: &'static [u8] = line(TARGET_BYTES_MAX).leak();
    let whole = [largest, rest].concat();
    check("the longest target is taken", &whole, path(&largest[4..]));
    check("the longest target is open", largest, Open);
    let longer = line(TARGET_BYTES_MAX + 1);
    check("a byte more is refused at once", &longer, too_long);
    let whole = [&longer[..], rest].concat();
    check("a byte more is refused", &whole, too_long);
    let query = [largest, b"?", rest].concat();
    check("a query counts", &query, too_long);
    let malformed = [&longer[..], b"\0\n"].concat();
    check("it is refused before its bytes", &malformed, too_long);
    let ended = [largest, b"\r\n"].concat();
    let no_version = Refused(MalformedRequestLine);
    check("a line end is no target", &ended, no_version);
    let method = [b"G(", &longer[1..]].concat();
    check("a wrong method is refused before it", &method, no_version);
    let long_method = ["M".repeat(HEAD_BYTES_MAX / 2).as_bytes(), &longer[3..]].concat();
    check(
        "behind a long method the head's bound is the first",
        &long_method[..HEAD_BYTES_MAX],
        Refused(HeadTooLarge),
    );
}

#[test]
fn fields_are_bounded() {
    let head = |fields: usize, last: &str| {
        let fields = "A: b\r\n".repeat(fields - 1);
        format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}{last}\r\n").into_bytes()
    };
    let too_many = Refused(TooManyFields);
    check("the most fields are taken", &head(FIELDS_MAX, ""), Taken(GET));
    check("one more is refused", &head(FIELDS_MAX, "C: d\r\n"), too_many);
    let malformed = head(FIELDS_MAX + 1, "C d\r\n");
    check("it is refused before the next line", &malformed, too_many);
    let malformed = head(FIELDS_MAX, " C: d\r\n");
    let folded = Refused(MalformedFieldName);
    check("a wrong line is refused before it is one more", &malformed, folded);
}

#[test]
fn every_byte_is_judged_alike_wherever_it_stands() {
    let taken = |head: Vec<u8>| matches!(parse(&head), Ok(Some(_)));
    for byte in 0..=u8::MAX {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_value = byte == b'\t' || (byte >= b' ' && byte != 0x7F);
        let is_target = byte.is_ascii_graphic() && byte != b'#';
        let is_host = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
        let host = [LINE_11, b"Host: a", &[byte], b"b\r\n\r\n"].concat();
        assert_eq!(taken(host), is_host, "{byte:#04x} in a host");
        for len in 0..40 {
            let before = "a".repeat(len);
            let before = before.as_bytes();
            let name = [GET_11, b"A", before, &[byte], b"a: b\r\n\r\n"].concat();
            assert_eq!(taken(name), is_token || byte == b':', "{byte:#04x} in a name at {len}");
            let value = [GET_11, b"A: a", before, &[byte], b"a\r\n\r\n"].concat();
            assert_eq!(taken(value), is_value, "{byte:#04x} in a value at {len}");
            let target = [b"GET /", before, &[byte], b"a", END_11].concat();
            assert_eq!(taken(target), is_target, "{byte:#04x} in a target at {len}");
        }
    }
}

#[test]
fn refusals_have_a_status_of_an_error_and_plain_words() {
    for Row(name, _, expected) in TABLES.into_iter().flatten() {
        let Refused(refusal) = expected else {
            continue;
        };
        assert!(refusal.status().code() >= 400, "{name}");
        let reason = refusal.reason();
        assert!(reason.len() < 48, "{name}");
        assert!(reason.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" /.".contains(&byte)));
    }
    assert_eq!(TargetTooLong.status().code(), 414);
    assert_eq!(HeadTooLarge.status().code(), 431);
    assert_eq!(TooManyFields.status().code(), 431);
    assert_eq!(TrailersTooLarge.status().code(), 431);
    assert_eq!(UnknownTransferEncoding.status().code(), 501);
    assert_eq!(UnsupportedVersion.status().code(), 505);
    assert_eq!(UnknownExpectation.status().code(), 417);
    assert_eq!(BodyTooLarge.status().code(), 413);
    assert_eq!(MissingHost.status().code(), 400);
}

#[test]
fn mutated_heads_never_panic_and_are_the_same_however_they_are_cut() {
    let rows: Vec<_> = TABLES.into_iter().flatten().map(|row| row.1.concat()).collect();
    let seed = 0x0068_6561_6463_6f75;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut taken = 0;
    for round in 0..20_000 {
        let bytes = mutate(&rows, &mut random);
        let whole = parse(&bytes);
        if let Ok(Some((_, head_len))) = whole {
            taken += 1;
            assert_is_strict(&bytes[..head_len]);
        }
        for _ in 0..8 {
            let cut = random.usize(..=bytes.len());
            let start = parse(&bytes[..cut]);
            let same = start == Ok(None) || start == whole;
            assert!(same, "round {round} cut at {cut}: {}", bytes.escape_ascii());
        }
    }
    assert!((1_000..19_000).contains(&taken), "{taken} taken: the mutations test nothing");
}

/// What holds for every head that is taken, said in another way than the parser says it.
fn assert_is_strict(head: &[u8]) {
    let text = head.escape_ascii();
    assert!(head.ends_with(b"\r\n\r\n"), "{text}");
    let first_line = head.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let blank_lines = head[first_line..].windows(4).filter(|window| window == b"\r\n\r\n");
    assert_eq!(blank_lines.count(), 1, "{text}");
    let line_ends = head.windows(2).filter(|pair| pair == b"\r\n").count();
    assert_eq!(head.iter().filter(|&&byte| byte == b'\r').count(), line_ends, "{text}");
    assert_eq!(head.iter().filter(|&&byte| byte == b'\n').count(), line_ends, "{text}");
    assert!(!head.windows(3).any(|three| three == b"\r\n " || three == b"\r\n\t"), "{text}");
    let lower = head.to_ascii_lowercase();
    let hosts = lower.windows(7).filter(|start| start == b"\r\nhost:").count();
    assert!(hosts <= 1, "{text}");
    let has = |name: &[u8]| lower.windows(name.len()).any(|window| window == name);
    assert!(!(has(b"\r\ncontent-length:") && has(b"\r\ntransfer-encoding:")), "{text}");
}

/// One to four changes to a row, with bytes that matter to a parser.
fn mutate(rows: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    const BYTES: &[u8] = b"\r\n\t\0 :;,/?#*[]%09azAZ\x0B\x7F\x80\xFF";
    let mut bytes = rows[random.usize(..rows.len())].to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len());
        let byte = BYTES[random.usize(..BYTES.len())];
        match random.u8(..6) {
            0 => bytes.insert(at, byte),
            1 if at < end => bytes[at] = byte,
            2 => drop(bytes.drain(at..end.min(at + 3))),
            3 => bytes.extend_from_within(at..end),
            4 => {
                let row = &rows[random.usize(..rows.len())];
                let from = random.usize(..=row.len());
                bytes.splice(at..at, row[from..].iter().copied());
            }
            _ => bytes.extend_from_slice(&rows[random.usize(..rows.len())]),
        }
    }
    bytes
}

/// Parses `input` whole, as every start of it, and with other bytes behind it.
#[track_caller]
fn check(name: &str, input: &[u8], expected: Expected) {
    let outcome = match expected {
        Taken(request) => Ok(Some((request, input.len()))),
        Refused(refusal) => Err(refusal),
        Open => Ok(None),
    };
    assert_eq!(parse(input), outcome, "{name}: whole");
    let mut settled = Ok(None);
    for len in 0..input.len() {
        let start = parse(&input[..len]);
        if settled == Ok(None) {
            settled = start;
        }
        assert_eq!(start, settled, "{name}: changes at byte {len}");
        assert!(start == Ok(None) || start == outcome, "{name}: differs at byte {len}");
        assert!(start == Ok(None) || start.is_err(), "{name}: taken early at byte {len}");
    }
    if outcome == Ok(None) {
        return;
    }
    for trailer in TRAILERS {
        let longer = [input, trailer].concat();
        assert_eq!(parse(&longer), outcome, "{name}: with {}", trailer.escape_ascii());
    }
}
