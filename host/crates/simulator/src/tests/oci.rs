//! The audit log of the tenancy, asked with signed requests.

use std::collections::{HashMap, HashSet};

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
    /// How many seconds the client's clock is behind.
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

/// A signed request by a clock that is so many seconds behind.
async fn signed_late(running: &RunningSimulator, path: &str, behind: u64) -> Answer {
    let request = Signed::new(running, "GET", path, "");
    Signed { behind, ..request }.send().await
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
async fn every_event_of_a_window_is_on_one_page_or_another() {
    for scenario in [
        "rows=40",
        "rows=40,events-page=7",
        "rows=40,events-page=7,empty-pages",
        "rows=900,api-calls=0",
    ] {
        let running = start(scenario).await;
        let tenancy = running.oci_user().tenancy;
        let pages = pages(&running, &tenancy).await;
        let from = "2025-07-01T00:00:00Z".parse().unwrap();
        let to = "2025-07-02T00:00:00Z".parse().unwrap();
        let mut expected = running.oci_event_ids(&tenancy, from, to);
        let ids = pages.concat();
        let mut ids: Vec<_> = ids
            .iter()
            .map(|event| event["eventId"].as_str().unwrap().to_owned())
            .collect();
        assert!(ids.len() >= 160, "{}", ids.len());
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{scenario}");
        if scenario.contains("empty-pages") {
            let empty = pages.iter().step_by(2);
            assert!(empty.clone().all(Vec::is_empty) && empty.count() > 10);
        } else if scenario.contains("events-page=7") {
            assert!(pages.iter().any(Vec::is_empty) && pages.iter().filter(|page| page.len() == 7).count() > 10);
        }
    }
}

#[tokio::test]
async fn a_window_cut_in_two_holds_the_same_events() {
    let running = start("rows=40,stored-late=5").await;
    let tenancy = running.oci_user().tenancy;
    let ids = |from: &str, to: &str| running.oci_event_ids(&tenancy, from.parse().unwrap(), to.parse().unwrap());
    let whole = ids("2025-07-01T00:00:00Z", "2025-07-02T00:00:00Z");
    let mut parts = ids("2025-07-01T00:00:00Z", "2025-07-01T10:17:00Z");
    parts.extend(ids("2025-07-01T10:17:00Z", "2025-07-02T00:00:00Z"));
    assert_eq!(parts.len(), whole.len());
    assert_eq!(parts.into_iter().collect::<HashSet<_>>(), whole.into_iter().collect());
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
async fn the_log_tells_of_the_same_events_as_the_identity_domain() {
    let running = start("rows=30").await;
    let query = format!("{} | sort by datetime asc", everything(&running));
    let events: Vec<_> = found(&running, &query, 1000).await.iter().map(log_content).collect();
    let events: Vec<_> = events.iter().filter(|event| domain_event(event).is_some()).collect();
    let filter = "timestamp ge \"2025-07-01T00:00:00.000Z\" and timestamp lt \"2025-07-02T00:00:00.000Z\"";
    let filter = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("filter", filter), ("count", "1000")])
        .finish();
    // The domain takes signatures too.
    let resources = signed(&running, "GET", &format!("/admin/v1/AuditEvents?{filter}"), "")
        .await
        .json();
    let resources = resources["Resources"].as_array().unwrap();
    assert_eq!((events.len(), resources.len()), (120, 120));
    for (event, resource) in events.iter().zip(resources) {
        let details = &event["data"]["additionalDetails"];
        assert_eq!(event["time"], resource["timestamp"]);
        assert_eq!(event["data"]["identity"]["principalName"], resource["actorName"]);
        for name in [
            "eventId",
            "clientIp",
            "ecId",
            "message",
            "adminResourceName",
            "adminRefResourceName",
            "ssoSessionId",
        ] {
            assert_eq!(details[name], resource[name], "{name}");
        }
    }
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
async fn whoever_does_not_sign_well_is_not_authenticated() {
    let running = start("").await;
    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    for authorization in [
        "",
        "Bearer demo-token",
        &basic("demo.user", "demo-password"),
        "Signature x",
    ] {
        let answer = raw(&running, "GET", &path, &[("Authorization", authorization)], "").await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("NotAuthenticated")),
            "{authorization}"
        );
        assert!(answer.header("opc-request-id").is_some());
    }
    assert_eq!(signed_late(&running, &path, 200).await.status, 200);
    let late = signed_late(&running, &path, 400).await;
    assert_eq!(
        late.text(),
        "{\n  \"code\" : \"NotAuthenticated\",\n  \"message\" : \"The required information to complete authentication was not \
         provided or was incorrect.\"\n}"
    );
    let ahead = start("clock-skew=900").await;
    let answer = signed(&ahead, "GET", &path, "").await;
    assert_eq!(answer.status, 401);
    let told = httpdate::parse_http_date(answer.header("date").unwrap()).unwrap();
    let skew = told.duration_since(std::time::SystemTime::now()).unwrap().as_secs();
    assert!((600..=900).contains(&skew), "{skew}");
    // EPM Cloud takes no signatures.
    assert_eq!(
        signed(&running, "GET", "/interop/rest/v2/files/list", "").await.status,
        401
    );
}

#[tokio::test]
async fn another_key_can_be_the_servers() {
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/keys/client.pub.pem");
    let running = start(&format!("api-key={other}")).await;
    let tenancy = running.oci_user().tenancy;
    assert_eq!(list(&running, &tenancy, "").await.status, 401);
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused_with_code_and_message() {
    let running = start("strict-minutes,list-window=14").await;
    let tenancy = running.oci_user().tenancy;
    let refused = async |running: &RunningSimulator, path: &str| {
        let answer = signed(running, "GET", path, "").await;
        (
            answer.status,
            answer.json()["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let events = |query: &str| format!("/20190901/auditEvents?{query}").replace("TENANCY", &tenancy);
    for (query, status, code) in [
        (
            format!("compartmentId=ocid1.tenancy.oc1..other&{WINDOW}"),
            404,
            "NotAuthorizedOrNotFound",
        ),
        (WINDOW.to_owned(), 400, "MissingParameter"),
        (
            "compartmentId=TENANCY&startTime=2025-07-01T00:00:00Z".to_owned(),
            400,
            "MissingParameter",
        ),
        (
            "compartmentId=TENANCY&startTime=yesterday&endTime=2025-07-01T00:00:00Z".to_owned(),
            400,
            "InvalidParameter",
        ),
        (
            "compartmentId=TENANCY&startTime=2025-07-02T00:00:00Z&endTime=2025-07-01T00:00:00Z".to_owned(),
            400,
            "InvalidParameter",
        ),
        (
            "compartmentId=TENANCY&startTime=2025-07-01T00:00:01Z&endTime=2025-07-02T00:00:00Z".to_owned(),
            400,
            "InvalidParameter",
        ),
        (
            "compartmentId=TENANCY&startTime=2025-06-01T00:00:00Z&endTime=2025-07-02T00:00:00Z".to_owned(),
            400,
            "InvalidParameter",
        ),
        (
            format!("compartmentId=TENANCY&{WINDOW}&page=nonsense"),
            400,
            "InvalidParameter",
        ),
        (format!("compartmentId=TENANCY&{WINDOW}&page="), 400, "InvalidParameter"),
    ] {
        assert_eq!(
            refused(&running, &events(&query)).await,
            (status, code.to_owned()),
            "{query}"
        );
    }
    let unsearchable = start("no-log-content").await;
    let window = format!("compartmentId={tenancy}&{WINDOW}");
    assert_eq!(signed(&unsearchable, "GET", &events(&window), "").await.status, 200);
    let query = everything(&unsearchable);
    assert_eq!(search(&unsearchable, &query, "").await.status, 404);
    let without = start("no-policy").await;
    assert_eq!(
        refused(&without, &events(&format!("compartmentId=TENANCY&{WINDOW}")))
            .await
            .0,
        404
    );
    for (fault, code) in [
        ("429", "TooManyRequests"),
        ("500", "InternalServerError"),
        ("501", "MethodNotImplemented"),
        ("503", "ServiceUnavailable"),
    ] {
        let broken = start(&format!("page:{fault}=1,retry-after=7")).await;
        let answer = list(&broken, &tenancy, "").await;
        assert_eq!(
            (answer.status.to_string(), answer.json()["code"].as_str()),
            (fault.to_owned(), Some(code))
        );
        assert_eq!(
            answer.header("retry-after"),
            ["429", "503"].contains(&fault).then_some("7")
        );
    }
    for fault in ["html", "short", "cut"] {
        for rows in ["rows=20", "rows=400"] {
            let broken = start(&format!("{rows},events-page=20000,page:{fault}=1@1")).await;
            // The first page may be an empty one.
            let first = list(&broken, &tenancy, "").await;
            let token = first.header("opc-next-page").map(|token| token.replace('=', "%3D"));
            let more = token.map(|token| format!("&page={token}")).unwrap_or_default();
            let page = list(&broken, &tenancy, &more).await;
            assert_eq!(page.status, 200);
            assert!(serde_json::from_slice::<Value>(&page.body).is_err(), "{fault} {rows}");
        }
    }
    let gateway = start("page:502=1").await;
    assert_eq!(
        list(&gateway, &tenancy, "").await.header("content-type"),
        Some("text/html")
    );
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused() {
    let running = start("").await;
    let all = everything(&running);
    for (query, more, status) in [
        ("search \"ocid1.tenancy.oc1..other/_Audit\"", "limit=1000", 404),
        ("search", "limit=1000", 400),
        (all.as_str(), "limit=1001", 400),
        (&all, "limit=0", 400),
        (&all, "page=", 400),
        (&all, "page=AP37", 400),
    ] {
        assert_eq!(search(&running, query, more).await.status, status, "{query} {more}");
    }
    for (body, code) in [
        ("[]", "CannotParseRequest"),
        ("{\"searchQuery\":\"x\"}", "MissingParameter"),
        (
            r#"{"searchQuery":"x","timeStart":"2025-06-16T00:00:00Z","timeEnd":"2025-07-01T00:00:00Z"}"#,
            "InvalidParameter",
        ),
    ] {
        let answer = signed(&running, "POST", "/20190909/search", body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some(code)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_token_can_repeat_for_ever() {
    let running = start("rows=40,events-page=20,token-repeats").await;
    let tenancy = running.oci_user().tenancy;
    let token = |page: &Answer| page.header("opc-next-page").unwrap().replace('=', "%3D");
    let first = token(&list(&running, &tenancy, "").await);
    let second = token(&list(&running, &tenancy, &format!("&page={first}")).await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_large_page_is_sent_while_it_is_made() {
    let running = start("rows=1500,events-page=20000,api-calls=0,event-padding=300").await;
    let tenancy = running.oci_user().tenancy;
    let mut page = list(&running, &tenancy, "").await;
    if page.json().as_array().unwrap().is_empty() {
        let token = page.header("opc-next-page").unwrap().replace('=', "%3D");
        page = list(&running, &tenancy, &format!("&page={token}")).await;
    }
    assert_eq!(page.header("transfer-encoding"), Some("chunked"));
    let events = page.json();
    let ids = running.oci_event_ids(
        &tenancy,
        "2025-07-01T00:00:00Z".parse().unwrap(),
        "2025-07-02T00:00:00Z".parse().unwrap(),
    );
    assert!(ids.len() > 5900 && events.as_array().unwrap().len() == ids.len());
    assert_eq!(
        events[0]["data"]["additionalDetails"]["padding"]
            .as_str()
            .unwrap()
            .len(),
        300
    );
}

#[tokio::test]
async fn a_domain_that_falls_silent_is_still_in_the_log() {
    let running = start("rows=30,silent-since=2025-07-01T00:00:00Z").await;
    let resources = signed(
        &running,
        "GET",
        "/admin/v1/AuditEvents?count=1000&sortBy=timestamp&sortOrder=descending",
        "",
    )
    .await;
    let newest = resources.json()["Resources"][0]["timestamp"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(newest.starts_with("2025-06-30"), "{newest}");
    let events = found(&running, &everything(&running), 1000).await;
    assert_eq!(
        events
            .iter()
            .filter(|result| domain_event(&log_content(result)).is_some())
            .count(),
        120
    );
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

/// A request to the metadata service.
async fn metadata(running: &RunningSimulator, path: &str) -> String {
    let answer = raw(
        running,
        "GET",
        &format!("/opc/v2/{path}"),
        &[("Authorization", "Bearer Oracle")],
        "",
    )
    .await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text().to_owned()
}

#[tokio::test]
async fn an_instance_gets_a_token_for_its_certificate_and_signs_with_it() {
    let running = start("").await;
    assert_eq!(metadata(&running, "instance/region").await, "eu-frankfurt-1");
    let unasked = raw(&running, "GET", "/opc/v2/identity/key.pem", &[], "").await;
    assert_eq!(unasked.status, 401);
    let (leaf, intermediate) = (
        metadata(&running, "identity/cert.pem").await,
        metadata(&running, "identity/intermediate.pem").await,
    );
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = STANDARD.decode(bare(&leaf)).unwrap();
    let digits: Vec<String> = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    let key_id = format!("{}/fed-x509-sha256/{}", running.oci_user().tenancy, digits.join(":"));
    assert!(String::from_utf8_lossy(&der).contains(&format!("opc-tenant:{}", running.oci_user().tenancy)));
    // The session's key may be any; the demo user's public one is at hand.
    let body = serde_json::json!({
        "certificate": bare(&leaf), "fingerprintAlgorithm": "SHA256", "intermediateCertificates": [bare(&intermediate)],
        "publicKey": bare(crate::oci::demo_user::PUBLIC_KEY),
    });
    let body = body.to_string();
    let post = [
        "date",
        "(request-target)",
        "content-length",
        "content-type",
        "x-content-sha256",
    ];
    let answer = Signed::new(&running, "POST", "/v1/x509", &body)
        .key(&key_id)
        .headers(&post)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);

    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let by = async |token: &str| {
        Signed::new(&running, "GET", &path, "")
            .key(&format!("ST${token}"))
            .send()
            .await
            .status
    };
    assert_eq!((by(&token).await, by("other").await), (200, 401));

    let current = serde_json::json!({ "currentToken": token }).to_string();
    let path = "/v1/authentication/refresh";
    let renewed = Signed::new(&running, "POST", path, &current)
        .key(&format!("ST${token}"))
        .send()
        .await;
    let renewed = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((renewed != token, by(&renewed).await), (true, 200));

    let other = body.replace(&bare(&leaf), &bare(&intermediate));
    let refused = Signed::new(&running, "POST", "/v1/x509", &other)
        .key(&key_id)
        .headers(&post)
        .send()
        .await;
    assert_eq!(refused.status, 400);
    let unknown = format!("{}/fed-x509-sha256/00", running.oci_user().tenancy);
    let refused = Signed::new(&running, "POST", "/v1/x509", &body)
        .key(&unknown)
        .headers(&post)
        .send()
        .await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let running = start("token-life=0").await;
    let token = running.oci_session_token(crate::oci::demo_user::PUBLIC_KEY).unwrap();
    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let answer = Signed::new(&running, "GET", &path, "")
        .key(&format!("ST${token}"))
        .send()
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_pod_gets_a_token_for_its_service_account() {
    let running = start("").await;
    let body = serde_json::json!({ "podKey": crate::oci::demo_user::PUBLIC_KEY }).to_string();
    let path = "/resourcePrincipalSessionTokens";
    let answer = raw(&running, "POST", path, &[("Authorization", "Bearer demo-token")], &body).await;
    let inner = STANDARD.decode(answer.json().as_str().unwrap()).unwrap();
    let inner: Value = serde_json::from_slice(&inner).unwrap();
    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let answer = Signed::new(&running, "GET", &path, "")
        .key(inner["token"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(answer.status, 200);
}

#[test]
fn the_demo_user_is_documented() {
    use crate::oci::demo_user::{APPS_COMPARTMENT, FINGERPRINT, TENANCY, USER};
    let page = include_str!("../../../../../docs/simulator.md");
    for text in [TENANCY, USER, FINGERPRINT, APPS_COMPARTMENT, OCI_CANARY] {
        assert!(page.contains(text), "docs/simulator.md does not mention `{text}`");
    }
}
