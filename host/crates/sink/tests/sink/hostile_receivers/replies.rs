//! The answers of receivers, byte by byte and at which pace.

/// Events in a batch.
pub(super) const BATCH: usize = 6;

/// The pace of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// At once, and the connection stays.
    Whole,
    /// At once, and the connection is closed.
    Closed,
    /// A byte now and then, without end.
    Drip,
    /// The body again and again, as fast as it is taken.
    Flood,
    /// Nothing more, for longer than anybody waits.
    Silent,
}

/// The answer that a receiver sends, byte by byte.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    pub(super) pace: Pace,
}

fn raw(bytes: impl Into<Vec<u8>>, pace: Pace) -> Reply {
    Reply {
        bytes: bytes.into(),
        pace,
    }
}

/// An answer with the length of its body.
pub(super) fn reply(status: u16, headers: &str, body: impl Into<Vec<u8>>) -> Reply {
    let body = body.into();
    let mut bytes = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend(body);
    raw(bytes, Pace::Whole)
}

/// An answer whose body ends with the connection, if at all.
fn open_ended(status: u16, headers: &str, body: &str, pace: Pace) -> Reply {
    raw(format!("HTTP/1.1 {status} x\r\n{headers}\r\n{body}"), pace)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html\r\n";
pub(super) const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

/// Each receiver: its name, and its answers in turn, again and again.
pub(super) fn receivers() -> Vec<(&'static str, Vec<Reply>)> {
    let one = |name, reply| (name, vec![reply]);
    let page = "<html><title>Sign in</title></html>";
    let item = |status: u16, more: &str| format!(r#"{{"create":{{"status":{status}{more}}}}}"#);
    let items = |errors: bool, items: &[String]| format!(r#"{{"errors":{errors},"items":[{}]}}"#, items.join(","));
    vec![
        // Successes that are none, or hardly.
        one("200 without a body", reply(200, "", "")),
        one("204", raw("HTTP/1.1 204 x\r\n\r\n", Pace::Whole)),
        one("204 with a body all the same", reply(204, JSON, "{}")),
        one("205", reply(205, "", "")),
        one("200 OK", reply(200, "content-type: text/plain\r\n", "OK")),
        one("200 sign-in page", reply(200, HTML, page)),
        one("200 {}", reply(200, JSON, "{}")),
        one("200 null", reply(200, JSON, "null")),
        one("200 []", reply(200, JSON, "[]")),
        one("200 bytes", reply(200, "", vec![0xff, 0, 0x80, b'\n', 0xfe])),
        one("200 cut JSON", reply(200, JSON, "{\"errors\":fal")),
        one("200 JSON behind a mark", reply(200, JSON, "\u{feff}{\"errors\":false}")),
        one("200 deep JSON", reply(200, JSON, "[".repeat(200_000))),
        one(
            "200 number beyond numbers",
            reply(200, JSON, "{\"code\":1e999,\"errors\":-1}"),
        ),
        one(
            "200 wrong types",
            reply(200, JSON, "{\"errors\":\"no\",\"items\":{},\"text\":[],\"code\":\"x\"}"),
        ),
        one("200 text of a megabyte", reply(200, "", "x".repeat(1 << 20))),
        one("200 text beyond the limit", reply(200, "", "x".repeat((1 << 20) + 1))),
        one("201", reply(201, JSON, "{\"id\":1}")),
        one("202", reply(202, "", "")),
        one("206", reply(206, "content-range: bytes 0-1/9\r\n", "OK")),
        one("299", reply(299, "", "odd")),
        // Bodies in disguise.
        one(
            "200 gzip",
            reply(200, "content-encoding: gzip\r\n", gzip(b"{\"errors\":false}")),
        ),
        one("200 gzip that is none", reply(200, "content-encoding: gzip\r\n", "{}")),
        one(
            "200 bomb",
            reply(200, "content-encoding: gzip\r\n", gzip(&vec![0; 128 << 20])),
        ),
        one(
            "400 bomb",
            reply(400, "content-encoding: gzip\r\n", gzip(&vec![0; 128 << 20])),
        ),
        one("200 unknown coding", reply(200, "content-encoding: br\r\n", "x")),
        one(
            "200 twice coded",
            reply(200, "content-encoding: gzip, gzip\r\n", gzip(&gzip(b"{}"))),
        ),
        // Bodies without end, or without their end.
        one("200 flood", open_ended(200, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("400 flood", open_ended(400, JSON, &"x".repeat(1 << 16), Pace::Flood)),
        one("401 flood", open_ended(401, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("500 flood", open_ended(500, "", &"x".repeat(1 << 16), Pace::Flood)),
        one("200 drip", open_ended(200, "", "x", Pace::Drip)),
        one("503 drip", open_ended(503, "", "x", Pace::Drip)),
        one("200 cut", open_ended(200, "content-length: 99\r\n", "{", Pace::Closed)),
        one("500 cut", open_ended(500, "content-length: 99\r\n", "{", Pace::Closed)),
        one(
            "200 body that never comes",
            open_ended(200, "content-length: 99\r\n", "", Pace::Silent),
        ),
        one(
            "200 exabytes",
            open_ended(200, "content-length: 999999999999999999\r\n", "x", Pace::Closed),
        ),
        one(
            "200 bad chunk",
            open_ended(200, "transfer-encoding: chunked\r\n", "zz\r\n", Pace::Closed),
        ),
        one(
            "200 cut chunk",
            open_ended(200, "transfer-encoding: chunked\r\n", "ff\r\nx", Pace::Closed),
        ),
        one(
            "two lengths",
            open_ended(200, "content-length: 1\r\ncontent-length: 2\r\n", "xy", Pace::Closed),
        ),
        // Redirects.
        one("301 to itself", reply(301, "location: /\r\n", "")),
        one(
            "302 to a sign-in page",
            reply(302, "location: https://login.example.com/?next=x\r\n", ""),
        ),
        one("303 in a circle", reply(303, "location: /a\r\n", "")),
        one("307 in a circle", reply(307, "location: /a\r\n", "")),
        one("308 without a place", reply(308, "", "")),
        one("304", raw("HTTP/1.1 304 x\r\n\r\n", Pace::Whole)),
        // Refusals and troubles.
        one(
            "400",
            reply(400, JSON, "{\"error\":\"bad\",\"text\":\"bad\",\"code\":6}"),
        ),
        one("401", reply(401, "www-authenticate: Basic\r\n", "who are you")),
        one("403 page", reply(403, HTML, page)),
        one("404", reply(404, HTML, page)),
        one("405", reply(405, "", "")),
        one("407", reply(407, "", "")),
        one("408", reply(408, "", "")),
        one("409", reply(409, "", "conflict")),
        one("413", reply(413, "", "too large")),
        one("415", reply(415, "", "")),
        one("422", reply(422, JSON, "[]")),
        one("425", reply(425, "", "")),
        one("429 at once", reply(429, "retry-after: 0\r\n", "")),
        one("429 tomorrow", reply(429, "retry-after: 86400\r\n", "")),
        one("429 nonsense", reply(429, "retry-after: soon\r\n", "")),
        one("431", reply(431, "", "")),
        one("451", reply(451, "", "")),
        one("500", reply(500, "", "")),
        one("501", reply(501, "", "")),
        one("502 page", reply(502, HTML, page)),
        one(
            "503 with a date",
            reply(503, "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", ""),
        ),
        one("507", reply(507, "", "full")),
        one("599", reply(599, "", "")),
        one("999", reply(999, "", "")),
        one("103 and no more", raw("HTTP/1.1 103 x\r\n\r\n", Pace::Silent)),
        // What is hardly HTTP.
        one("closes at once", raw("", Pace::Closed)),
        one("says nothing", raw("", Pace::Silent)),
        one("half a head", raw("HTTP/1.1 200 x\r\ncontent-", Pace::Closed)),
        one("head without end", raw("HTTP/1.1 200 x\r\nx-y: z\r\n", Pace::Flood)),
        one("dripping head", raw("HTTP/1.1 200 x\r\nx", Pace::Drip)),
        one("many headers", reply(200, &"set-cookie: a=b\r\n".repeat(90), "{}")),
        one("SSH", raw("SSH-2.0-OpenSSH_9.6\r\n", Pace::Closed)),
        one(
            "HTTP/2",
            raw(&b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"[..], Pace::Closed),
        ),
        one(
            "one answer too many",
            raw(
                "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n",
                Pace::Whole,
            ),
        ),
        // In the words of one receiver, which the others do not know.
        one("bulk: no items", reply(200, JSON, "{\"errors\":false}")),
        one("bulk: errors and no items", reply(200, JSON, items(true, &[]))),
        one("bulk: too few items", reply(200, JSON, items(true, &[item(400, "")]))),
        one(
            "bulk: too many items",
            reply(200, JSON, items(true, &vec![item(400, ""); 50])),
        ),
        one(
            "bulk: impossible status",
            reply(200, JSON, items(true, &vec![item(0, ""); BATCH])),
        ),
        one(
            "bulk: all busy",
            reply(200, JSON, items(true, &vec![item(429, ""); BATCH])),
        ),
        (
            "bulk: busy, then not",
            vec![
                reply(
                    200,
                    JSON,
                    items(true, &vec![item(503, ",\"error\":{\"reason\":null}"); BATCH]),
                ),
                reply(200, JSON, items(false, &vec![item(201, ""); BATCH])),
            ],
        ),
        one(
            "hec: an error with 200",
            reply(200, JSON, "{\"text\":\"Invalid data format\",\"code\":6}"),
        ),
        one(
            "hec: busy",
            reply(503, JSON, "{\"text\":\"Server is busy\",\"code\":9}"),
        ),
        one(
            "otlp: one of many, always",
            reply(200, JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":\"1\"}}"),
        ),
        one(
            "otlp: all",
            reply(200, JSON, "{\"partialSuccess\":{\"rejectedLogRecords\":99999}}"),
        ),
        one("otlp: garbage", reply(200, PROTOBUF, "<html>")),
        // Another answer each time.
        (
            "500, then 200",
            vec![reply(500, "", ""), reply(200, JSON, "{\"errors\":false}")],
        ),
        (
            "200, 401, 200",
            vec![
                reply(200, JSON, "{\"errors\":false}"),
                reply(401, "", ""),
                reply(200, JSON, "{}"),
            ],
        ),
        (
            "cut, then 200",
            vec![
                open_ended(200, "content-length: 9\r\n", "", Pace::Closed),
                reply(200, "", ""),
            ],
        ),
        (
            "413, then 200",
            vec![reply(413, "", ""), reply(200, JSON, "{\"errors\":false}")],
        ),
        (
            "closes, then 204",
            vec![raw("", Pace::Closed), raw("HTTP/1.1 204 x\r\n\r\n", Pace::Whole)],
        ),
        (
            "429, 503, 400",
            vec![reply(429, "", ""), reply(503, "", ""), reply(400, "", "bad")],
        ),
    ]
}
