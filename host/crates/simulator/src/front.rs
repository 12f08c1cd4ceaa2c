//! The handling of every request before and after its handler: it is remembered, delayed, spoilt if the scenario says so,
//! and turned away if nobody is recognised.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::answer::{self, Caller};
use super::chance::hex32;
use super::fault::{FaultKind, Phase};
use super::oci::{self, federation, signature};
use super::site::{AppState, RecordedRequest};
use super::throttle::RateStanding;

/// Headers whose values are not remembered.
const SECRET: [header::HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// The header in which OCI names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("opc-request-id");

/// The most bytes of a signed body that are read; nothing that is asked for is as long.
const SIGNED_BODY: usize = 1 << 20;

/// An answer with the date that the simulator's clock shows.
pub(super) async fn front(
    State(site): State<Arc<AppState>>,
    uri: OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let is_oci = oci::covers(request.uri().path());
    let client_id = request.headers().get(&REQUEST_ID).cloned();
    let mut response = answered(Arc::clone(&site), uri, request, next).await;
    let clock = if is_oci { site.signing_clock() } else { site.clock() };
    if is_oci && let Some(id) = request_id(&site, client_id.as_ref()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // No earlier time has a form.
    let date = SystemTime::from(clock).max(SystemTime::UNIX_EPOCH);
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(date)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The id of a request to OCI: the client's own, where it gave one, and two of the server's behind.
fn request_id(site: &AppState, client: Option<&HeaderValue>) -> Option<HeaderValue> {
    let made = |part| hex32(&[site.scenario.seed, site.turn(), part]).to_uppercase();
    let client = client.and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let first = client.map_or_else(|| made(0), str::to_owned);
    HeaderValue::from_str(&format!("{first}/{}/{}", made(1), made(2))).ok()
}

async fn answered(site: Arc<AppState>, OriginalUri(uri): OriginalUri, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let phase = Phase::of(request.method().as_str(), &path);
    let (request, user) = if signature::is_signed(request.headers()) {
        signer(&site, &uri, request, &path).await
    } else {
        let user = recognise(&site, request.headers(), &path);
        (request, user)
    };
    let caller = Caller {
        base: base(&site, request.headers()),
    };
    site.remember(RecordedRequest {
        method: request.method().to_string(),
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        user: user.clone(),
        headers: remembered(request.headers()),
    });
    if !site.scenario.latency.is_zero() {
        tokio::time::sleep(site.scenario.latency).await;
    }
    if site
        .scenario
        .without
        .iter()
        .any(|absent| absent.covers(request.method().as_str(), &path))
    {
        return answer::refusal(StatusCode::NOT_FOUND, &path);
    }
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let used_before = connection.is_some_and(|connection| site.throttle.used_before(connection.0));
    let standing = site.throttle.next();
    if let Some(standing) = standing.filter(RateStanding::is_over) {
        let mut response = answer::refusal(StatusCode::TOO_MANY_REQUESTS, &path);
        standing.tell(site.scenario.limit_headers, response.headers_mut());
        return response;
    }
    let fault = site.faults.next(phase);
    if fault == Some(FaultKind::Forgotten) && used_before {
        std::future::pending::<()>().await;
    }
    let mut response = granted(&site, fault, (phase, &path, uri.query()), caller, user, request, next).await;
    if let Some(standing) = standing {
        standing.tell(site.scenario.limit_headers, response.headers_mut());
    }
    response
}

/// The answer to a request that the rate limit leaves.
async fn granted(
    site: &Arc<AppState>,
    fault: Option<FaultKind>,
    (phase, path, query): (Phase, &str, Option<&str>),
    caller: Caller,
    user: Option<String>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(answer) = instead(fault, site, phase, path, &caller, query).await {
        return answer;
    }
    if user.is_none() && (phase != Phase::Token || oci::covers(path)) {
        return answer::refusal(StatusCode::UNAUTHORIZED, path);
    }
    request.extensions_mut().insert(caller);
    let response = next.run(request).await;
    match fault {
        Some(FaultKind::Cut) => halve(response, true),
        Some(FaultKind::Short) => halve(response, false),
        Some(FaultKind::Drip) => drip(response, site.scenario.drip_interval),
        Some(FaultKind::RawByte) => spoil(response, b"\xff").await,
        Some(FaultKind::RawTab) => spoil(response, b"\t").await,
        Some(FaultKind::HalfCharacter) => spoil(response, b"\\ud83d").await,
        Some(FaultKind::StrayQuote) => spoil(response, b"\"").await,
        Some(FaultKind::LongRecord) => spoil(response, &[b'x'; 2 << 20]).await,
        _ => response,
    }
}

/// The user that a request is from: Basic with the scenario's user and password, or a bearer token. The identity
/// domain's own API takes bearer tokens only; its token endpoint recognises the client itself.
fn recognise(site: &AppState, headers: &HeaderMap, path: &str) -> Option<String> {
    if oci::covers(path) {
        return None;
    }
    let credentials = &site.scenario.credentials;
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        let token = value.trim();
        if path.starts_with("/opc/v2/") {
            return (token == "Oracle").then(|| "instance".to_owned());
        }
        let fixed = (token == credentials.token).then(|| credentials.user.clone());
        return fixed.or_else(|| site.tokens().subject(token, site.now()));
    }
    if !scheme.eq_ignore_ascii_case("basic") || path.starts_with("/admin/") || path.starts_with("/oauth2/") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // The vendor takes the user alone or with the identity domain's name in front.
    let domain = user.strip_suffix(credentials.user.as_str())?;
    (password == credentials.password && (domain.is_empty() || domain.ends_with('.'))).then(|| user.to_owned())
}

/// The user that signed a request, and the request, whose body had to be read for that. OCI takes signatures and nothing else;
/// the identity domain takes them too.
async fn signer(site: &AppState, uri: &Uri, request: Request, path: &str) -> (Request, Option<String>) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, SIGNED_BODY).await.unwrap_or_default();
    let target = uri
        .path_and_query()
        .map_or_else(|| uri.path().to_owned(), ToString::to_string);
    let clock = site.signing_clock().as_second();
    let mut subject = None;
    let key = |id: &str| {
        let key = federation::key(site, id, path, clock)?;
        subject = Some(key.subject);
        Some(key.public_key)
    };
    let taken = oci::covers(path) || path.starts_with("/admin/") || path.starts_with("/oauth2/");
    let user = match signature::verify(&parts, &target, &body, clock, key) {
        Ok(_) => subject.filter(|_| taken),
        Err(flaw) => {
            tracing::debug!(?flaw, path, "a signature is refused");
            None
        }
    };
    (Request::from_parts(parts, Body::from(body)), user)
}

fn base(site: &AppState, headers: &HeaderMap) -> String {
    if let Some(base) = &site.scenario.public_url {
        return base.clone();
    }
    let scheme = if site.tls { "https" } else { "http" };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1");
    format!("{scheme}://{host}{}", site.scenario.prefix)
}

fn remembered(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !SECRET.contains(name))
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

/// The answer that a fault gives instead of the handler's, if it does.
async fn instead(
    fault: Option<FaultKind>,
    site: &AppState,
    phase: Phase,
    path: &str,
    caller: &Caller,
    query: Option<&str>,
) -> Option<Response> {
    let ok = StatusCode::OK;
    let kind = if phase == Phase::Download {
        "application/octet-stream"
    } else {
        "application/json"
    };
    Some(match fault? {
        FaultKind::Status(code) => {
            let mut response = answer::refusal(StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY), path);
            if let (429 | 503, Some(value)) = (code, &site.scenario.retry_after)
                && let Ok(value) = HeaderValue::from_str(value)
            {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        FaultKind::Html => {
            let page = "<!DOCTYPE html><html><body><h1>Sign in</h1><form action=\"/login\"></form></body></html>\n";
            answer::with_type(ok, "text/html; charset=utf-8", Body::from(page))
        }
        FaultKind::Empty => answer::with_type(ok, kind, Body::empty()),
        FaultKind::Garbage => answer::with_type(ok, kind, Body::from(b"\xff\xfe\x00{]\x80\x81\"garbage".to_vec())),
        FaultKind::TruncatedJson => answer::with_type(
            ok,
            "application/json",
            Body::from("{\"status\": -1, \"links\": [{\"rel\": \"Job Sta"),
        ),
        FaultKind::WrongTypes => answer::json(
            ok,
            &json!({
                "status": {"value": "done"}, "links": 17, "details": [[], false], "items": "many", "error": 3.5,
                "totalResults": [], "Resources": "none", "startIndex": {}, "itemsPerPage": "all",
                "access_token": 12, "expires_in": "soon", "token_type": null,
            }),
        ),
        FaultKind::Oversized => {
            const PIECE: Bytes = Bytes::from_static(&[b'a'; 1 << 16]);
            let pieces = (0..1 << 15).map(|_| Ok::<_, io::Error>(PIECE));
            let start = std::iter::once(Ok(Bytes::from_static(b"{\"status\": 0, \"details\": \"")));
            answer::with_type(ok, kind, Body::from_stream(stream::iter(start.chain(pieces))))
        }
        FaultKind::NotAFile => super::files::no_such_file(site, caller, "Vision.zip"),
        FaultKind::Hang => std::future::pending().await,
        FaultKind::SignIn => {
            let mut response = redirect("https://idcs-demo.identity.example.com/ui/v1/signin");
            *response.status_mut() = StatusCode::FOUND;
            response
        }
        FaultKind::Redirect => redirect(&format!("{}{path}", site.scenario.elsewhere)),
        FaultKind::RedirectHttp => {
            let rest = caller
                .base
                .split_once("://")
                .map_or(caller.base.as_str(), |(_, rest)| rest);
            redirect(&format!("http://{rest}{path}"))
        }
        FaultKind::RedirectMetadata => redirect("http://169.254.169.254/latest/meta-data/"),
        FaultKind::RedirectLoop => redirect(&format!("{}{path}", caller.base)),
        FaultKind::RedirectOnce => {
            if query.is_some_and(|query| query.contains("redirected=1")) {
                return None;
            }
            let query = query.map(|query| format!("{query}&")).unwrap_or_default();
            redirect(&format!("{}{path}?{query}redirected=1", caller.base))
        }
        FaultKind::Cut
        | FaultKind::Short
        | FaultKind::Drip
        | FaultKind::Forgotten
        | FaultKind::RawByte
        | FaultKind::RawTab
        | FaultKind::HalfCharacter
        | FaultKind::StrayQuote
        | FaultKind::LongRecord => return None,
    })
}

fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Ends a body half-way, or after 64 KiB where its length is unknown: with a broken connection, or as if it were all.
fn halve(response: Response, broken: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let length = declared.or_else(|| body.size_hint().exact());
    match length {
        Some(length) if broken => drop(parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
        _ => drop(parts.headers.remove(header::CONTENT_LENGTH)),
    }
    let keep = length.map_or(1 << 16, |length| length / 2);
    let start = body.into_data_stream().scan(keep, |left, piece| {
        let piece = piece.ok().filter(|_| *left > 0).map(|mut piece| {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= u64::try_from(piece.len()).unwrap_or(*left);
            Ok::<_, io::Error>(piece)
        });
        std::future::ready(piece)
    });
    let end = stream::once(async {
        // Gives the server a moment to send what it has; it would drop it together with the connection.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::from_parts(parts, Body::from_stream(start.chain(end.take(usize::from(broken)))))
}

/// Puts bytes into a text of the first record, as a program does that builds JSON by hand.
async fn spoil(response: Response, bytes: &[u8]) -> Response {
    /// The text before such a text, in a report and in an audit event.
    const BEFORE: [&[u8]; 2] = [b"\"userlogin\":\"", b"\"message\":\""];
    let (mut parts, body) = response.into_parts();
    let mut body = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default()
        .to_vec();
    let ends = BEFORE.into_iter().filter_map(|before| {
        let at = body.windows(before.len()).position(|window| window == before)?;
        Some(at + before.len())
    });
    if let Some(at) = ends.min() {
        body.splice(at..at, bytes.iter().copied());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// One byte at a time.
fn drip(response: Response, interval: Duration) -> Response {
    let (parts, body) = response.into_parts();
    let pieces = body.into_data_stream().flat_map(|piece| {
        let piece = piece.unwrap_or_default();
        stream::iter((0..piece.len()).map(move |at| piece.slice(at..at + 1)))
    });
    let slow = pieces.then(move |byte| async move {
        tokio::time::sleep(interval).await;
        Ok::<_, io::Error>(byte)
    });
    Response::from_parts(parts, Body::from_stream(slow))
}
