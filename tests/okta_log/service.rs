//! A service like Okta's System Log: pages by `Link`, as arrays of JSON, for who shows a token after the word `SSWS`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::{Received, Receiver, Reply};

/// A credential that must never be seen outside a request.
pub const TOKEN: &str = "00canary-7f3a_okta-token";

/// The time at the service, and of those who ask it.
pub const NOW: &str = "2026-03-06T12:00:00Z";

/// The time of the service, as the header `Date` has it.
pub const DATE: &str = "Fri, 06 Mar 2026 12:00:00 GMT";
/// The time of the service in seconds since 1970.
const SECONDS: u64 = 1_772_798_400;

/// The number of events, all of 5 March 2026.
pub const EVENTS: usize = 2_500;

/// The time for which the service takes no request once it was asked for its third page.
const PAUSE: Duration = Duration::from_secs(2);

/// The event whose page is refused once.
const REFUSED_AT: usize = 1_999;

/// The event that the page after the first begins with: it stood on the first already.
const REPEATED: usize = 999;

struct ServiceState {
    date: &'static str,
    expired: bool,
    requests: usize,
    refusals: usize,
    refused: Option<Instant>,
}

/// The service, on a free port until it is dropped.
pub struct SystemLog {
    receiver: Receiver,
    state: Arc<Mutex<ServiceState>>,
}

impl SystemLog {
    /// Starts it; it takes the token.
    pub fn start() -> SystemLog {
        let state = Arc::new(Mutex::new(ServiceState {
            date: DATE,
            expired: false,
            requests: 0,
            refusals: 0,
            refused: None,
        }));
        let (events, shared) = ((0..EVENTS).map(event).collect::<Vec<_>>(), Arc::clone(&state));
        let receiver = Receiver::with(0, move |request| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let mut reply = state.answer(request, &events);
            reply.headers.push(("date", state.date.to_owned()));
            reply
        });
        SystemLog { receiver, state }
    }

    /// The base address of the service.
    pub fn url(&self) -> String {
        self.receiver.url()
    }

    /// From now on its answers have this `Date`.
    pub fn set_clock(&self, date: &'static str) {
        self.state().date = date;
    }

    /// From now on the token is refused.
    pub fn expire_the_token(&self) {
        self.state().expired = true;
    }

    /// The number of requests.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// The number of requests that came too early.
    pub fn refusals(&self) -> usize {
        self.state().refusals
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ServiceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServiceState {
    fn answer(&mut self, request: &Received, events: &[Value]) -> Reply {
        self.requests += 1;
        if request.path == "/" {
            return reply(
                200,
                "text/html",
                "<!DOCTYPE html><title>Acme - Sign In</title>".to_owned(),
            );
        }
        let shown = request.headers.get("authorization").map(|value| value.as_bytes());
        if self.expired || shown != Some(format!("SSWS {TOKEN}").as_bytes()) {
            return error(401, "E0000011", "Invalid token provided");
        }
        if request.path != "/api/v1/logs" || request.method != "GET" {
            return error(
                404,
                "E0000022",
                "The endpoint does not support the provided HTTP method",
            );
        }
        let uri: Uri = format!("/?{}", request.query).parse().expect("a query");
        let Query(query) = Query::<HashMap<String, String>>::try_from_uri(&uri).expect("a query");
        let asked = |name: &str| query.get(name).map(String::as_str);
        let (Some(since), Some(until)) = (asked("since"), asked("until")) else {
            return error(400, "E0000001", "since and until are needed");
        };
        let limit: usize = asked("limit").map_or(100, |limit| limit.parse().unwrap_or(0));
        if asked("sortOrder") != Some("ASCENDING") || !(1..=1000).contains(&limit) {
            return error(400, "E0000001", "Api validation failed");
        }
        // All are of one form, so that their order is that of time.
        let within = |event: &&Value| event["published"].as_str().is_some_and(|at| since <= at && at < until);
        let found: Vec<&Value> = events.iter().filter(within).collect();
        let after: usize = asked("after").map_or(0, |cursor| cursor.parse().expect("a cursor of ours"));
        if let Some(refusal) = self.refuse(after) {
            return refusal;
        }
        let start = if after == REPEATED + 1 { REPEATED } else { after };
        let page: Vec<&&Value> = found.iter().skip(start).take(limit).collect();
        let next = start + page.len();
        let host = request
            .headers
            .get("host")
            .and_then(|host| host.to_str().ok())
            .expect("a host");
        let rest = request.query.split('&').filter(|pair| !pair.starts_with("after="));
        let base = format!("http://{host}{}?{}", request.path, rest.collect::<Vec<_>>().join("&"));
        let mut answer = reply(200, "application/json", json!(page).to_string());
        answer.headers.extend([
            (
                "link",
                format!("<{base}&after={after}>; rel=\"self\", <{base}&after={next}>; rel=\"next\""),
            ),
            ("x-rate-limit-limit", "60".to_owned()),
            ("x-rate-limit-remaining", "59".to_owned()),
            ("x-rate-limit-reset", (SECONDS + 60).to_string()),
        ]);
        answer
    }

    /// Turns away who asks for the third page, and everybody until the time that is told then.
    fn refuse(&mut self, after: usize) -> Option<Reply> {
        if after == REFUSED_AT {
            self.refused.get_or_insert_with(Instant::now);
        }
        if self.refused?.elapsed() >= PAUSE {
            return None;
        }
        self.refusals += 1;
        let mut refusal = error(429, "E0000047", "API call exceeded rate limit due to too many requests");
        refusal.headers.extend([
            ("x-rate-limit-limit", "60".to_owned()),
            ("x-rate-limit-remaining", "0".to_owned()),
            ("x-rate-limit-reset", (SECONDS + PAUSE.as_secs()).to_string()),
        ]);
        Some(refusal)
    }
}

fn reply(status: u16, kind: &str, body: String) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", kind.to_owned())],
        body,
    }
}

fn error(status: u16, code: &str, summary: &str) -> Reply {
    let body = json!({ "errorCode": code, "errorSummary": summary, "errorLink": code, "errorCauses": [] });
    reply(status, "application/json", body.to_string())
}

/// The event of that number: one every thirty seconds.
fn event(number: usize) -> Value {
    let seconds = number * 30;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let user = json!({
        "id": format!("00u{:05}", number % 40), "type": "User", "alternateId": format!("user-{}@example.com", number % 40),
        "displayName": format!("Zoë \"{}\"", number % 40), "detailEntry": null,
    });
    let admin =
        json!({ "id": "00u99999", "type": "User", "alternateId": "admin@example.com", "displayName": "Al Admin" });
    let group = json!({ "id": "00g1", "type": "UserGroup", "alternateId": "unknown", "displayName": "Payroll admins" });
    let app = json!({ "id": "0oa1", "type": "AppInstance", "alternateId": "Payroll", "displayName": "Payroll" });
    let (kind, text, result, reason, severity, actor, target) = match number % 10 {
        0..=3 => (
            "user.session.start",
            "User login to Okta",
            "SUCCESS",
            None,
            "INFO",
            &user,
            json!(null),
        ),
        4 => (
            "user.session.start",
            "User login to Okta",
            "FAILURE",
            Some("INVALID_CREDENTIALS"),
            "WARN",
            &user,
            json!([]),
        ),
        5 => (
            "user.authentication.sso",
            "User single sign on to app",
            "SUCCESS",
            None,
            "INFO",
            &user,
            json!([app]),
        ),
        6 => (
            "user.account.lock",
            "Max sign in attempts exceeded",
            "FAILURE",
            Some("LOCKED_OUT"),
            "WARN",
            &user,
            json!([user]),
        ),
        7 => (
            "group.user_membership.add",
            "Add user to group membership",
            "SUCCESS",
            None,
            "INFO",
            &admin,
            json!([user, group]),
        ),
        8 => (
            "user.session.end",
            "User logout from Okta",
            "SUCCESS",
            None,
            "INFO",
            &user,
            json!([]),
        ),
        _ => (
            "policy.lifecycle.update",
            "Update policy",
            "SUCCESS",
            None,
            "INFO",
            &admin,
            json!([]),
        ),
    };
    json!({
        "actor": actor,
        "client": {
            "userAgent": { "rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64)", "os": "Linux", "browser": "FIREFOX" },
            "ipAddress": "203.0.113.7",
            "geographicalContext": {
                "city": "Wien", "state": null, "country": "Austria", "postalCode": "1010",
                "geolocation": { "lat": 48.2085, "lon": 16.3721 },
            },
        },
        "authenticationContext": { "authenticationStep": 0, "externalSessionId": format!("102{:04}", number % 100) },
        "displayMessage": text,
        "eventType": kind,
        "outcome": { "result": result, "reason": reason },
        "published": format!("2026-03-05T{hour:02}:{minute:02}:{second:02}.{:03}Z", number % 1000),
        "severity": severity,
        "debugContext": { "debugData": { "requestUri": "/api/v1/authn", "url": "/api/v1/authn?" } },
        "transaction": { "type": "WEB", "id": format!("W{number:06}"), "detail": {} },
        "uuid": format!("{number:08x}-1853-11f1-9d4e-5b0a9e3c7d21"),
        "version": "0",
        "target": target,
    })
}
