//! The audit log of the tenancy, asked with signed requests.

mod domain;
mod paging;
mod refusals;
mod sessions;

use std::collections::HashMap;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use sha2::{Digest, Sha256};

use super::*;
use crate::OCI_CANARY;

const WINDOW: &str = "startTime=2025-07-01T00%3A00%3A00Z&endTime=2025-07-02T00%3A00%3A00Z";

/// A request to be signed with the demo user's private key.
struct Signed<'r> {
    running: &'r RunningSimulator,
    method: &'r str,
    path: &'r str,
    body: &'r str,
    key_id: String,
    headers: Vec<&'r str>,
    /// The seconds by which the client's clock is behind.
    behind: u64,
}

impl<'r> Signed<'r> {
    fn new(running: &'r RunningSimulator, method: &'r str, path: &'r str, body: &'r str) -> Self {
        let user = running.oci_user();
        let mut headers = vec!["date", "(request-target)", "host"];
        if method == "POST" {
            headers.extend(["content-length", "content-type", "x-content-sha256"]);
        }
        Self {
            running,
            method,
            path,
            body,
            key_id: format!("{}/{}/{}", user.tenancy, user.user, user.fingerprint),
            headers,
            behind: 0,
        }
    }

    fn key(mut self, key_id: &str) -> Self {
        key_id.clone_into(&mut self.key_id);
        self
    }

    fn headers(mut self, headers: &[&'r str]) -> Self {
        self.headers = headers.to_vec();
        self
    }

    async fn send(self) -> Answer {
        let date = std::time::SystemTime::now() - std::time::Duration::from_secs(self.behind);
        let date = httpdate::fmt_http_date(date);
        let digest = STANDARD.encode(Sha256::digest(self.body));
        let value = |name: &str| match name {
            "date" => date.clone(),
            "(request-target)" => format!("{} {}", self.method.to_lowercase(), self.path),
            "host" => format!("127.0.0.1:{}", self.running.url().port().unwrap()),
            "content-length" => self.body.len().to_string(),
            "content-type" => "application/json".to_owned(),
            _ => digest.clone(),
        };
        let lines: Vec<String> = self
            .headers
            .iter()
            .map(|name| format!("{name}: {}", value(name)))
            .collect();
        let key = EncodingKey::from_rsa_pem(self.running.oci_user().private_key_pem().as_bytes()).unwrap();
        let signature = jsonwebtoken::crypto::sign(lines.join("\n").as_bytes(), &key, Algorithm::RS256).unwrap();
        let signature = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
        let authorization = format!(
            "Signature version=\"1\",headers=\"{}\",keyId=\"{}\",algorithm=\"rsa-sha256\",signature=\"{signature}\"",
            self.headers.join(" "),
            self.key_id
        );
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Date", &date),
            ("opc-request-id", "CLIENT"),
            ("Content-Type", "application/json"),
            ("x-content-sha256", &digest),
        ];
        raw(self.running, self.method, self.path, &headers, self.body).await
    }
}

async fn signed(running: &RunningSimulator, method: &str, path: &str, body: &str) -> Answer {
    Signed::new(running, method, path, body).send().await
}

async fn list(running: &RunningSimulator, compartment: &str, more: &str) -> Answer {
    let path = format!("/20190901/auditEvents?compartmentId={compartment}&{WINDOW}{more}");
    signed(running, "GET", &path, "").await
}

/// Every page of a day, to the end.
async fn pages(running: &RunningSimulator, compartment: &str) -> Vec<Vec<Value>> {
    let (mut more, mut pages) = (String::new(), Vec::new());
    loop {
        let page = list(running, compartment, &more).await;
        assert_eq!(page.status, 200, "{}", page.text());
        pages.push(page.json().as_array().unwrap().clone());
        let Some(token) = page.header("opc-next-page") else {
            return pages;
        };
        assert!(token.ends_with("=="));
        more = format!("&page={}", token.replace('=', "%3D"));
        assert!(pages.len() < 1000);
    }
}

async fn search(running: &RunningSimulator, query: &str, more: &str) -> Answer {
    let body = serde_json::json!({
        "timeStart": "2025-07-01T00:00:00.000Z", "timeEnd": "2025-07-02T00:00:00.000Z", "searchQuery": query,
        "isReturnFieldInfo": false,
    });
    signed(running, "POST", &format!("/20190909/search?{more}"), &body.to_string()).await
}

/// Every result of a search, to the end.
async fn found(running: &RunningSimulator, query: &str, limit: usize) -> Vec<Value> {
    let (mut more, mut results) = (format!("limit={limit}"), Vec::new());
    for _ in 0..1000 {
        let page = search(running, query, &more).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let body = page.json();
        let rows = body["results"].as_array().unwrap().clone();
        assert!(rows.len() <= limit && body["summary"]["resultCount"] == rows.len());
        results.extend(rows);
        let Some(token) = page.header("opc-next-page") else {
            return results;
        };
        more = format!("limit={limit}&page={}", token.replace('=', "%3D"));
    }
    panic!("no end of pages");
}

fn everything(running: &RunningSimulator) -> String {
    format!(
        "search \"{}/_Audit_Include_Subcompartment\"",
        running.oci_user().tenancy
    )
}

/// The event below an envelope.
fn log_content(result: &Value) -> Value {
    result["data"]["logContent"].clone()
}

fn domain_event(event: &Value) -> Option<&str> {
    event["data"]["additionalDetails"]["eventId"].as_str()
}

#[tokio::test]
async fn both_envelopes_hold_the_same_events() {
    let running = start("rows=30").await;
    let tenancy = running.oci_user().tenancy;
    let apps = "ocid1.compartment.oc1..aaaaaaaasimulatorapps222222222222222222222222222222222222222";
    let mut listed: HashMap<String, Value> = HashMap::new();
    for compartment in [tenancy.as_str(), apps] {
        for event in pages(&running, compartment).await.concat() {
            listed.insert(event["eventId"].as_str().unwrap().to_owned(), event);
        }
    }
    let mut both = 0;
    let logged = found(&running, &everything(&running), 100).await;
    assert!(logged.len() >= 230, "{}", logged.len());
    for result in logged {
        let event = log_content(&result);
        assert_eq!(
            (&event["specversion"], &event["dataschema"]),
            (&"1.0".into(), &"2.0".into())
        );
        assert_eq!(event["oracle"]["loggroupid"], "_Audit");
        // At the ends of the day one goes by the time of processing, the other by the event's.
        let Some(other) = listed.get(event["id"].as_str().unwrap()) else {
            continue;
        };
        both += 1;
        assert_eq!(
            (&event["type"], &event["time"]),
            (&other["eventType"], &other["eventTime"])
        );
        let (mut one, mut two) = (event["data"].clone(), other["data"].clone());
        let message = one.as_object_mut().unwrap().remove("message").unwrap();
        if two["response"].is_object() {
            assert_eq!(two["response"]["message"], message);
            two["response"]["message"] = Value::Null;
        }
        one["response"]
            .as_object_mut()
            .map(|response| response.insert("message".to_owned(), Value::Null));
        assert_eq!(one, two);
    }
    assert!(both >= 225, "{both}");
}

#[tokio::test]
async fn a_search_finds_what_fits_its_conditions_in_its_order() {
    let running = start("rows=60").await;
    let (all, domain) = (everything(&running), running.oci_user().tenancy);
    let by_ids = format!(
        "{all} | where data.additionalDetails.eventId = 'sso.session.create.success' or \
         data.additionalDetails.eventId = 'sso.authentication.failure' | sort by datetime asc"
    );
    let logins = found(&running, &by_ids, 50).await;
    assert_eq!(logins.len(), 120);
    assert!(logins.is_sorted_by_key(|result| result["data"]["datetime"].as_i64().unwrap()));
    let latest_first = found(&running, &by_ids.replace(" asc", " desc"), 1000).await;
    assert!(latest_first.iter().eq(logins.iter().rev()));

    let failed = found(
        &running,
        &format!("{all} | (type = '*.CreateVcn') and (data.response.status = '404')"),
        1000,
    )
    .await;
    assert!(
        !failed.is_empty()
            && failed
                .iter()
                .all(|result| log_content(result)["data"]["eventName"] == "CreateVcn")
    );
    let in_root = found(
        &running,
        &format!("search \"{domain}/_Audit\" | where data.eventName = 'CreateVcn'"),
        1000,
    )
    .await;
    assert!(in_root.is_empty(), "it is in another compartment");
}

#[tokio::test]
async fn events_are_as_odd_as_the_vendors() {
    let running = start("rows=400").await;
    let events: Vec<_> = found(&running, &everything(&running), 1000)
        .await
        .iter()
        .map(log_content)
        .collect();
    let any = |odd: &dyn Fn(&Value) -> bool| events.iter().any(odd);
    assert!(any(
        &|event| event["data"]["identity"].is_null() && event["data"]["additionalDetails"].is_null()
    ));
    assert!(any(
        &|event| event["time"].as_str().unwrap().len() == "2025-07-01T00:00:00Z".len()
    ));
    assert!(any(
        &|event| event["time"].as_str().unwrap().len() == "2025-07-01T00:00:00.123Z".len()
    ));
    assert!(any(&|event| event["data"]["identity"]["ipAddress"]
        .as_str()
        .is_some_and(|address| address.contains(','))));
    assert!(any(
        &|event| domain_event(event).is_some() && event["data"]["additionalDetails"]["domainId"].is_null()
    ));
    assert!(any(
        &|event| domain_event(event).is_some() && event["data"]["additionalDetails"]["actorName"].is_null()
    ));
    assert!(any(&|event| event["data"]["eventName"] == "FederatedInteractiveLogin"));
    assert!(any(
        &|event| event["data"]["response"]["payload"]["login_result"] == "PASSWORD_INVALID"
    ));
    assert!(any(
        &|event| event["data"]["additionalDetails"]["adminValuesAdded"].is_object()
    ));
    let canary = |value: &Value| value.to_string().contains(OCI_CANARY);
    assert!(any(&|event| canary(&event["data"]["identity"]["credentials"])));
    for header in [
        "Authorization",
        "authorization",
        "opc-principal",
        "opc-obo-principal",
        "X-OCI-LB-PrivateAccessMetadata",
        "X-OCI-LB-NetworkMetadata",
    ] {
        assert!(
            any(&|event| canary(&event["data"]["request"]["headers"][header])),
            "{header}"
        );
    }
}

#[tokio::test]
async fn the_retention_is_told() {
    let running = start("audit-retention=120").await;
    let tenancy = running.oci_user().tenancy;
    let path = |id: &str| format!("/20190901/configuration?compartmentId={id}");
    let answer = signed(&running, "GET", &path(&tenancy), "").await;
    assert_eq!(answer.json(), serde_json::json!({ "retentionPeriodDays": 120 }));
    assert!(answer.header("opc-request-id").unwrap().starts_with("CLIENT/"));
    assert_eq!(
        signed(&running, "GET", &path("ocid1.tenancy.oc1..other"), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn behind_a_prefix_the_whole_path_is_signed() {
    let running = start("prefix=/gateway").await;
    let tenancy = running.oci_user().tenancy;
    let path = format!("/gateway/20190901/auditEvents?compartmentId={tenancy}&{WINDOW}");
    assert_eq!(signed(&running, "GET", &path, "").await.status, 200);
}

#[test]
fn the_demo_user_is_documented() {
    use crate::oci::demo_user::{APPS_COMPARTMENT, FINGERPRINT, TENANCY, USER};
    let page = include_str!("../../../../../docs/simulator.md");
    for text in [TENANCY, USER, FINGERPRINT, APPS_COMPARTMENT, OCI_CANARY] {
        assert!(page.contains(text), "docs/simulator.md does not mention `{text}`");
    }
}
