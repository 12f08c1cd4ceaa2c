//! The rules for what a guest asks the host to fetch or send. A plan or a delivery that passes here names a place below
//! the base URL and carries no header that belongs to the host.

use super::bindings::{Body, Fetch, HttpRequest, MemberPath, Paging};
use super::call_context::CallContext;
use super::{PluginError, PluginLimits};

/// RFC 3986 has no limit; servers commonly refuse more than 8 KiB.
const TARGET_BYTES: usize = 64 << 10;
const HEADERS: usize = 100;
const HEADER_BYTES: usize = 64 << 10;
/// Bytes that most file systems allow one name.
const FILE_NAME_BYTES: usize = 255;
/// RFC 7644 leaves the page size to the server; the known ones stop at 1000.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1..=100_000;

/// Members that a path goes through: answers nest a handful.
const MEMBERS: usize = 8;

/// Headers that carry credentials, frame or redirect the message, or concern one hop: the host's business alone.
const HOST_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    // Some servers take these for the method, or for the path.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];

/// Checks a plan.
pub(super) fn check(fetches: &[Fetch], limits: &PluginLimits, site: CallContext<'_>) -> Result<(), PluginError> {
    if fetches.len() > limits.fetches {
        return Err(site.limit("fetches", limits.fetches, "fetches"));
    }
    for (number, fetch) in fetches.iter().enumerate() {
        let (http, checked) = match fetch {
            Fetch::Call(call) => (
                &call.request,
                members("records", call.records.as_ref()).and_then(|()| service(call.service.as_deref())),
            ),
            Fetch::Job(job) => (&job.submit, file_name(&job.file)),
            Fetch::Pages(pages) => (
                &pages.request,
                paging(&pages.paging, pages.records.as_ref())
                    .and_then(|()| members("records", pages.records.as_ref()))
                    .and_then(|()| members("key", pages.key.as_ref()))
                    .and_then(|()| service(pages.service.as_deref())),
            ),
        };
        checked.map_err(|reason| site.rule(format!("fetch {number}: {reason}")))?;
        request(http, &format!("fetch {number}"), limits, site)?;
    }
    Ok(())
}

/// Checks one HTTP request; `place` says where it stands in the answer.
pub(super) fn request(
    http: &HttpRequest,
    place: &str,
    limits: &PluginLimits,
    site: CallContext<'_>,
) -> Result<(), PluginError> {
    if size(http) > limits.request {
        return Err(site.limit("request", limits.request, "bytes"));
    }
    target(http)
        .and_then(|()| headers(http))
        .and_then(|()| http.body.as_ref().map_or(Ok(()), body))
        .map_err(|reason| site.rule(format!("{place}: {reason}")))
}

fn size(http: &HttpRequest) -> usize {
    let pairs = |pairs: &[(String, String)]| {
        pairs
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
    };
    let body = match &http.body {
        None => 0,
        Some(Body::Form(fields)) => pairs(fields),
        Some(Body::Json(text)) => text.len(),
        Some(Body::Other((_, bytes))) => bytes.len(),
    };
    http.path.iter().map(String::len).sum::<usize>() + pairs(&http.query) + pairs(&http.headers) + body
}

fn target(http: &HttpRequest) -> Result<(), String> {
    for segment in &http.path {
        if matches!(segment.as_str(), "" | "." | "..") {
            return Err(format!("the path segment {segment:?} is not allowed"));
        }
        if segment.chars().any(char::is_control) {
            return Err("a path segment holds a control character".to_owned());
        }
    }
    if http.query.iter().any(|(name, _)| name.is_empty()) {
        return Err("a query parameter has no name".to_owned());
    }
    let length = http.path.iter().map(String::len).sum::<usize>()
        + http
            .query
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
    if length > TARGET_BYTES {
        return Err(format!("path and query are longer than {TARGET_BYTES} bytes"));
    }
    Ok(())
}

fn headers(http: &HttpRequest) -> Result<(), String> {
    let length = http
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>();
    if http.headers.len() > HEADERS || length > HEADER_BYTES {
        return Err(format!(
            "more than {HEADERS} headers, or longer than {HEADER_BYTES} bytes together"
        ));
    }
    for (name, value) in &http.headers {
        header_name(name)?;
        let lower = name.to_ascii_lowercase();
        if HOST_HEADERS.contains(&lower.as_str()) || lower.starts_with("proxy-") {
            return Err(format!("the header `{lower}` is the host's"));
        }
        if lower == "content-type" && http.body.is_some() {
            return Err("the body says its type; the header `content-type` would say it again".to_owned());
        }
        // RFC 9110 section 5.5: anything else could end the header early.
        if http::HeaderValue::from_str(value).is_err() || value.trim() != value {
            return Err(format!("the value of the header `{lower}` is not allowed in HTTP"));
        }
    }
    Ok(())
}

fn header_name(name: &str) -> Result<(), String> {
    match http::HeaderName::try_from(name) {
        Ok(_) => Ok(()),
        Err(_) => Err("a header's name is not a token".to_owned()),
    }
}

fn body(body: &Body) -> Result<(), String> {
    match body {
        Body::Form(fields) if fields.iter().any(|(name, _)| name.is_empty()) => {
            Err("a form field has no name".to_owned())
        }
        Body::Form(_) => Ok(()),
        Body::Json(text) => serde_json::from_str::<serde::de::IgnoredAny>(text)
            .map(drop)
            .map_err(|error| {
                format!(
                    "the JSON body is not valid JSON: line {}, column {}",
                    error.line(),
                    error.column()
                )
            }),
        Body::Other((media_type, _)) => {
            let essence = media_type.split(';').next().unwrap_or_default().trim();
            let token = |part: &str| http::HeaderName::try_from(part).is_ok();
            let named = essence
                .split_once('/')
                .is_some_and(|(kind, subtype)| token(kind) && token(subtype));
            if named && http::HeaderValue::from_str(media_type).is_ok() {
                Ok(())
            } else {
                Err("the body's type is not a media type".to_owned())
            }
        }
    }
}

fn file_name(name: &str) -> Result<(), String> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if matches!(name, "" | "." | "..") || name.len() > FILE_NAME_BYTES || name.chars().any(odd) {
        return Err("`file` is not a plain file name".to_owned());
    }
    Ok(())
}

fn paging(paging: &Paging, records: Option<&MemberPath>) -> Result<(), String> {
    match paging {
        Paging::Scim(count) if !PAGE_SIZES.contains(count) => Err(format!(
            "pages of {count} records: must be {} to {}",
            PAGE_SIZES.start(),
            PAGE_SIZES.end()
        )),
        Paging::Scim(_) | Paging::LinkNext | Paging::LinkUntilEmpty => Ok(()),
        Paging::NextToken((header, parameter)) => {
            header_name(header)?;
            if parameter.is_empty() {
                Err("the token's query parameter has no name".to_owned())
            } else {
                Ok(())
            }
        }
        Paging::BodyToken(_) if records.is_none() => {
            Err("a token in the body needs `records`: the page is an object, and no list".to_owned())
        }
        Paging::BodyToken(token) => {
            members("token", Some(&token.token))?;
            if token.parameter.is_empty() {
                Err("the token's query parameter has no name".to_owned())
            } else {
                Ok(())
            }
        }
    }
}

fn members(what: &str, path: Option<&MemberPath>) -> Result<(), String> {
    match path {
        None => Ok(()),
        Some(path) if path.is_empty() || path.iter().any(String::is_empty) => Err(format!("`{what}` names no member")),
        Some(path) if path.len() > MEMBERS => Err(format!("`{what}` goes more than {MEMBERS} members deep")),
        Some(_) => Ok(()),
    }
}

/// The service becomes a part of a host's name.
fn service(name: Option<&str>) -> Result<(), String> {
    let is_label = |name: &str| {
        !name.is_empty() && name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    match name.is_none_or(is_label) {
        true => Ok(()),
        false => Err("`service` is not lower-case letters and hyphens".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BodyToken, Call, Job, Method, Pages};

    const SITE: CallContext<'static> = CallContext {
        label: "p",
        call: "plan",
    };

    fn good() -> HttpRequest {
        HttpRequest {
            method: Method::Post,
            path: vec!["interop".into(), "rest".into(), "a/b c?#%2e".into()],
            query: vec![("q".into(), "{type:\"x\"}\r\n".into())],
            headers: vec![("Accept".into(), "text/csv; q=0.5".into())],
            body: Some(Body::Json("{\"a\": 1}".into())),
        }
    }

    fn verdict(request: HttpRequest) -> Result<(), PluginError> {
        check(
            &[Fetch::Call(Call {
                request,
                service: None,
                records: None,
            })],
            &PluginLimits::default(),
            SITE,
        )
    }

    #[test]
    fn a_request_below_the_base_url_passes() {
        verdict(good()).unwrap();
        verdict(HttpRequest {
            path: vec![],
            body: None,
            ..good()
        })
        .unwrap();
        let csv = Body::Other(("text/csv; charset=utf-8".into(), vec![0xff]));
        verdict(HttpRequest {
            body: Some(csv),
            ..good()
        })
        .unwrap();
    }

    #[test]
    fn a_request_that_breaks_a_rule_is_refused_and_the_rule_is_named() {
        let header = |name: &str, value: &str| HttpRequest {
            headers: vec![(name.into(), value.into())],
            ..good()
        };
        let path = |segment: &str| HttpRequest {
            path: vec!["a".into(), segment.into()],
            ..good()
        };
        let with_body = |body| HttpRequest {
            body: Some(body),
            ..good()
        };
        let cases = [
            (path(""), "path segment"),
            (path("."), "path segment"),
            (path(".."), "path segment"),
            (path("a\0b"), "control character"),
            (path("a\r\nb"), "control character"),
            (path(&"x".repeat(TARGET_BYTES)), "longer than"),
            (
                HttpRequest {
                    query: vec![(String::new(), "x".into())],
                    ..good()
                },
                "query parameter",
            ),
            (header("Authorization", "Basic x"), "`authorization`"),
            (header("AUTHORIZATION", "x"), "`authorization`"),
            (header("Proxy-Authorization", "x"), "`proxy-authorization`"),
            (header("cookie", "x"), "`cookie`"),
            (header("Host", "evil.example"), "`host`"),
            (header("Content-Length", "0"), "`content-length`"),
            (header("Transfer-Encoding", "chunked"), "`transfer-encoding`"),
            (header("Connection", "x"), "`connection`"),
            (header("upgrade", "h2c"), "`upgrade`"),
            (header("X-HTTP-Method-Override", "DELETE"), "`x-http-method-override`"),
            (header("X-HTTP-Method", "DELETE"), "`x-http-method`"),
            (header("X-Method-Override", "DELETE"), "`x-method-override`"),
            (header("X-Original-URL", "/admin"), "`x-original-url`"),
            (header("X-Rewrite-URL", "/admin"), "`x-rewrite-url`"),
            (header("Content-Type", "text/plain"), "`content-type`"),
            (header("x", "a\r\nAuthorization: b"), "not allowed in HTTP"),
            (header("x", "a\nb"), "not allowed in HTTP"),
            (header("x", "a\0b"), "not allowed in HTTP"),
            (header("x", " a"), "not allowed in HTTP"),
            (header("", "a"), "not a token"),
            (header("a b", "a"), "not a token"),
            (header("a:", "a"), "not a token"),
            (header("a\r\nb", "a"), "not a token"),
            (header("x", &"a".repeat(HEADER_BYTES)), "headers"),
            (with_body(Body::Json("{".into())), "JSON body"),
            (with_body(Body::Json("{} {}".into())), "JSON body"),
            (with_body(Body::Form(vec![(String::new(), "a".into())])), "form field"),
            (with_body(Body::Other(("text".into(), vec![]))), "media type"),
            (
                with_body(Body::Other(("text/csv\r\nx: y".into(), vec![]))),
                "media type",
            ),
            (with_body(Body::Other(("/".into(), vec![]))), "media type"),
        ];
        for (request, rule) in cases {
            let shown = format!("{request:?}").chars().take(300).collect::<String>();
            let error = verdict(request).expect_err(&shown);
            assert!(matches!(error, PluginError::Rule { .. }), "{shown}: {error}");
            assert!(error.to_string().contains("fetch 0: "), "{shown}: {error}");
            assert!(error.to_string().contains(rule), "{shown}: {error}");
        }
    }

    #[test]
    fn job_files_and_pages_are_checked() {
        let job = |file: &str| {
            Fetch::Job(Job {
                submit: good(),
                file: file.into(),
                keep: false,
            })
        };
        let pages = |paging, records: Option<&str>, key: Option<&str>| {
            let path = |name: &str| vec![name.to_owned()];
            let (records, key) = (records.map(path), key.map(path));
            Fetch::Pages(Pages {
                request: good(),
                service: None,
                paging,
                records,
                key,
            })
        };
        let token = |header: &str, parameter: &str| Paging::NextToken((header.into(), parameter.into()));
        let body_token = |path: &[&str], parameter: &str| {
            Paging::BodyToken(BodyToken {
                token: path.iter().map(|name| (*name).to_owned()).collect(),
                parameter: parameter.into(),
            })
        };
        for (fetch, fits) in [
            (job("report-1.csv"), true),
            (job(""), false),
            (job(".."), false),
            (job("../x"), false),
            (job("a\\b"), false),
            (job("a\nb"), false),
            (job(&"x".repeat(256)), false),
            (pages(Paging::Scim(1000), Some("Resources"), Some("id")), true),
            (pages(Paging::LinkNext, None, None), true),
            (pages(Paging::LinkUntilEmpty, None, None), true),
            (pages(Paging::Scim(0), None, None), false),
            (pages(Paging::Scim(u32::MAX), None, None), false),
            (pages(Paging::LinkNext, Some(""), None), false),
            (pages(Paging::LinkNext, None, Some("")), false),
            (pages(token("opc-next-page", "page"), None, None), true),
            (pages(token("a b", "page"), None, None), false),
            (pages(token("opc-next-page", ""), None, None), false),
            (pages(body_token(&["meta", "next"], "after"), Some("items"), None), true),
            (pages(body_token(&["meta", "next"], "after"), None, None), false),
            (pages(body_token(&[], "after"), Some("items"), None), false),
            (pages(body_token(&["a"; 9], "after"), Some("items"), None), false),
            (pages(body_token(&["next"], ""), Some("items"), None), false),
        ] {
            assert_eq!(
                check(std::slice::from_ref(&fetch), &PluginLimits::default(), SITE).is_ok(),
                fits,
                "{fetch:?}"
            );
        }
    }

    #[test]
    fn number_and_size_are_limited() {
        let limits = PluginLimits {
            fetches: 2,
            request: 100,
            ..PluginLimits::default()
        };
        let call = |request| {
            Fetch::Call(Call {
                request,
                service: None,
                records: None,
            })
        };
        let limit = |fetches: &[Fetch]| match check(fetches, &limits, SITE) {
            Err(PluginError::Limit { limit, .. }) => limit,
            other => panic!("{other:?}"),
        };
        assert_eq!(limit(&[call(good()), call(good()), call(good())]), "fetches");
        let big = HttpRequest {
            body: Some(Body::Other(("a/b".into(), vec![0; 100]))),
            ..good()
        };
        assert_eq!(limit(&[call(big)]), "request");
    }
}
