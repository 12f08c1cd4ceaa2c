//! The shapes that EPM Cloud answers in.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::scenario::{LinkStyle, Scenario};

/// The beginning of links to this server, for whoever asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Scheme, host, port and prefix, without a slash at the end.
    pub(super) base: String,
}

impl Caller {
    /// A link in an answer, written as a scenario likes it; none where it leaves the link out.
    pub(super) fn link(&self, style: LinkStyle, path: &str, scenario: &Scenario) -> Option<String> {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        let prefix = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default();
        Some(match style {
            LinkStyle::Plain => self.href(path, scenario),
            LinkStyle::Relative => format!("{prefix}{path}"),
            LinkStyle::Missing => return None,
            LinkStyle::Elsewhere => format!("{}{prefix}{path}", scenario.elsewhere),
            LinkStyle::Userinfo => {
                let (scheme, host) = scenario
                    .elsewhere
                    .split_once("://")
                    .unwrap_or(("http", &scenario.elsewhere));
                let authority = rest.split('/').next().unwrap_or(rest);
                format!("{scheme}://{authority}@{host}{prefix}{path}")
            }
            LinkStyle::Downgrade => format!("http://{rest}{path}"),
            LinkStyle::Broken => "https://[not a url".to_owned(),
        })
    }

    /// A link as it should be, but for the space that some of the vendor's begin with.
    pub(super) fn href(&self, path: &str, scenario: &Scenario) -> String {
        let space = if scenario.quirks { " " } else { "" };
        format!("{space}{}{path}", self.base)
    }
}

/// One entry of `links` in an answer about a job or file.
pub(super) fn link(rel: &str, href: &str, action: &str, data: Value) -> Value {
    json!({ "rel": rel, "href": href, "data": data, "action": action })
}

/// An answer about a job or file. HTTP 200 whatever the status.
pub(super) fn job(scenario: &Scenario, links: &[Value], status: i64, details: Option<&str>) -> Response {
    let done = status == 0;
    let details = if done && details.is_none() && scenario.quirks {
        Some("null")
    } else {
        details
    };
    let mut body = Map::new();
    body.insert("links".to_owned(), json!(links));
    body.insert(
        "status".to_owned(),
        if scenario.string_status {
            json!(status.to_string())
        } else {
            json!(status)
        },
    );
    body.insert("details".to_owned(), json!(details));
    if done || !scenario.quirks {
        body.insert("items".to_owned(), Value::Null);
    }
    self::json(StatusCode::OK, &Value::Object(body))
}

/// JSON, laid out as the vendor does.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    with_type(
        status,
        "application/json",
        Body::from(serde_json::to_vec_pretty(body).unwrap_or_default()),
    )
}

/// Any body with its content type.
pub(super) fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The answer to a request that has no right to one, and to what goes wrong below the applications.
pub(super) fn refusal(status: StatusCode, path: &str) -> Response {
    if super::oci::covers(path) {
        return super::oci::refusal::refusal(status);
    }
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    if path.starts_with("/admin/") {
        let detail = format!("Request failed: HTTP {code} {reason}.");
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": detail, "status": code.to_string(),
        });
        return with_type(status, "application/scim+json", Body::from(body.to_string()));
    }
    if status.is_server_error() || status == StatusCode::NOT_FOUND {
        let page = format!("<html><head><title>{code} {reason}</title></head><body><h1>{reason}</h1></body></html>\n");
        return with_type(status, "text/html", Body::from(page));
    }
    let body = json!({
        "statusCode": code, "status": reason, "message": format!("The server refuses this request: {reason}"), "errorCode": -1,
    });
    let mut response = json(status, &body);
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"simulator\""),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_written_as_the_scenario_likes() {
        let caller = Caller {
            base: "https://127.0.0.1:8443/gw".to_owned(),
        };
        let scenario: Scenario = "elsewhere=http://canary.example:99".parse().unwrap();
        for (style, expected) in [
            (LinkStyle::Plain, Some(" https://127.0.0.1:8443/gw/jobs/1")),
            (LinkStyle::Relative, Some("/gw/jobs/1")),
            (LinkStyle::Missing, None),
            (LinkStyle::Elsewhere, Some("http://canary.example:99/gw/jobs/1")),
            (
                LinkStyle::Userinfo,
                Some("http://127.0.0.1:8443@canary.example:99/gw/jobs/1"),
            ),
            (LinkStyle::Downgrade, Some("http://127.0.0.1:8443/gw/jobs/1")),
            (LinkStyle::Broken, Some("https://[not a url")),
        ] {
            assert_eq!(caller.link(style, "/jobs/1", &scenario).as_deref(), expected);
        }
    }
}
