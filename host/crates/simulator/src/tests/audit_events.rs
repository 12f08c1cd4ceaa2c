//! `AuditEvents` and the other pages.

use std::collections::HashSet;

use super::*;

async fn get(running: &RunningSimulator, path: &str) -> Answer {
    raw(running, "GET", path, &[("Authorization", "Bearer demo-token")], "").await
}

/// A query, percent-encoded.
async fn query(running: &RunningSimulator, parameters: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    get(running, &format!("/admin/v1/AuditEvents?{query}")).await
}

fn ids(page: &Answer) -> Vec<String> {
    let page = page.json();
    page["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

const DAY: &str = "timestamp ge \"2025-07-01T00:00:00.000Z\" and timestamp lt \"2025-07-02T00:00:00.000Z\"";

#[tokio::test]
async fn a_day_is_read_page_by_page() {
    let running = start("rows=30").await;
    let mut all = Vec::new();
    for start in ["1", "51", "101"] {
        let page = query(
            &running,
            &[("filter", DAY), ("startIndex", start), ("sortBy", "timestamp")],
        )
        .await;
        let body = page.json();
        assert_eq!(
            (&body["totalResults"], &body["itemsPerPage"]),
            (&Value::from(120), &Value::from(50))
        );
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:ListResponse");
        assert_eq!(body["startIndex"].to_string(), start);
        all.extend(ids(&page));
    }
    assert_eq!(all.len(), 120);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 120);
    let whole = query(
        &running,
        &[
            ("filter", DAY),
            ("count", "1000"),
            ("sortOrder", "descending"),
            ("sortBy", "timestamp"),
        ],
    )
    .await;
    all.reverse();
    assert_eq!(ids(&whole), all);
}

#[tokio::test]
async fn pages_keep_to_the_limits_of_the_vendor() {
    let running = start("rows=1000").await;
    for (parameters, items, count) in [
        (vec![("count", "5000")], 1000, 1000),
        (vec![("count", "-3")], 50, 50),
        (vec![("count", "0")], 0, 0),
        (vec![("startIndex", "-7"), ("count", "2")], 2, 2),
        (vec![("startIndex", "999999999999"), ("count", "2")], 0, 2),
        (vec![], 50, 50),
    ] {
        let page = query(&running, &parameters).await.json();
        let found = page["Resources"].as_array().unwrap().len();
        assert_eq!(
            (found, &page["itemsPerPage"]),
            (items, &Value::from(count)),
            "{parameters:?}"
        );
    }
}

#[tokio::test]
async fn a_filter_finds_the_same_events_on_every_page() {
    let running = start("rows=700").await;
    let filter = format!("{DAY} and (eventId eq \"sso.authentication.failure\" or actorName co \"svc-\")");
    let mut all = Vec::new();
    for start in (1..=800).step_by(100) {
        let page = query(
            &running,
            &[
                ("filter", &filter),
                ("startIndex", &start.to_string()),
                ("count", "100"),
            ],
        )
        .await;
        all.extend(ids(&page));
        assert!(page.json()["totalResults"].as_u64().unwrap() > 700);
    }
    let whole = query(&running, &[("filter", &filter), ("count", "1000")]).await;
    let events = whole.json()["Resources"].as_array().unwrap().clone();
    assert_eq!(all, ids(&whole)[..all.len()]);
    assert_eq!(
        events
            .iter()
            .filter(|event| event["eventId"] == "sso.authentication.failure")
            .count(),
        700
    );
    let of_service = |event: &Value| event["actorName"].as_str().unwrap().contains("svc-");
    assert!(
        events
            .iter()
            .all(|event| event["eventId"] == "sso.authentication.failure" || of_service(event))
    );
}

#[tokio::test]
async fn the_reports_and_the_events_tell_of_the_same_logins() {
    let running = start("rows=20").await;
    let failures = format!("{DAY} and eventId eq \"sso.authentication.failure\"");
    let failures = query(&running, &[("filter", &failures), ("count", "1000")])
        .await
        .json();
    let file = report(&running, "2025-07-01", "2025-07-01").await;
    let rows: Vec<_> = csv::Reader::from_reader(file.body.as_slice())
        .into_records()
        .map(Result::unwrap)
        .collect();
    let failed: Vec<_> = failures["Resources"].as_array().unwrap().iter().map(row).collect();
    assert_eq!(
        failed,
        rows.iter()
            .map(|row| (row[0].to_owned(), row[1].to_owned(), row[2].to_owned()))
            .collect::<Vec<_>>()
    );

    let logins = format!("{DAY} and eventId eq \"sso.session.create.success\"");
    let logins = query(&running, &[("filter", &logins), ("count", "1000")]).await.json();
    let path = "/interop/rest/security/v1/report/userloginreport?from_date=2025-07-01&to_date=2025-07-01";
    let rows = ask(&running, "GET", path).await.json()["details"].clone();
    let logged_in: Vec<_> = logins["Resources"].as_array().unwrap().iter().map(row).collect();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (text(r, "userlogin"), text(r, "ipaddress"), text(r, "accessdateandtime")))
        .collect();
    assert_eq!(logged_in, rows);
}

fn row(event: &Value) -> (String, String, String) {
    let time: jiff::Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
    let time = time.strftime("%B %-d, %Y %H:%M:%S UTC").to_string();
    (
        event["actorName"].as_str().unwrap().to_owned(),
        event["clientIp"].as_str().unwrap().to_owned(),
        time,
    )
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_scim() {
    let running = start("").await;
    for (parameters, status) in [
        (vec![("filter", "eventId eq")], 400),
        (vec![("filter", "password eq \"x\"")], 400),
        (vec![("count", "many")], 400),
        (vec![("sortOrder", "sideways")], 400),
    ] {
        let answer = query(&running, &parameters).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (status, &Value::from(status.to_string())),
            "{parameters:?}"
        );
        assert_eq!(
            answer.json()["schemas"][0],
            "urn:ietf:params:scim:api:messages:2.0:Error"
        );
    }
    let headers = [("Authorization", "Bearer demo-token")];
    assert_eq!(
        raw(&running, "DELETE", "/admin/v1/AuditEvents", &headers, "")
            .await
            .json()["status"],
        "405"
    );
    assert_eq!(
        get(&running, "/admin/v1/AuditEvents/0123").await.json()["status"],
        "404"
    );
    let basic = ask(&running, "GET", "/admin/v1/AuditEvents").await;
    assert_eq!((basic.status, &basic.json()["status"]), (401, &Value::from("401")));
    for (scenario, parameters, status) in [
        ("refuse-sort", vec![("sortBy", "timestamp")], 400),
        ("refuse-event-id", vec![("filter", "eventId sw \"sso\"")], 400),
        ("filter-required", vec![], 405),
    ] {
        assert_eq!(
            query(&start(scenario).await, &parameters).await.status,
            status,
            "{scenario}"
        );
    }
}

#[tokio::test]
async fn a_search_a_lookup_and_the_schema_answer_too() {
    let running = start("").await;
    let headers = [
        ("Authorization", "Bearer demo-token"),
        ("Accept", "application/scim+json"),
    ];
    let body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":{},"count":2,"attributes":["actorName","meta.created"]}}"#,
        Value::from(DAY)
    );
    let found = raw(&running, "POST", "/admin/v1/AuditEvents/.search", &headers, &body).await;
    assert_eq!(found.header("content-type"), Some("application/scim+json"));
    let event = found.json()["Resources"][1].clone();
    assert_eq!(
        event.as_object().unwrap().keys().cloned().collect::<Vec<_>>(),
        ["actorName", "id", "meta"]
    );
    let one = get(
        &running,
        &format!("/admin/v1/AuditEvents/{}", event["id"].as_str().unwrap()),
    )
    .await
    .json();
    assert_eq!((&one["actorName"], &one["id"]), (&event["actorName"], &event["id"]));
    let schema = get(
        &running,
        "/admin/v1/Schemas/urn:ietf:params:scim:schemas:oracle:idcs:AuditEvent",
    )
    .await
    .json();
    assert_eq!(schema["name"], "AuditEvent");
    assert_eq!(get(&running, "/admin/v1/Schemas/urn:other").await.status, 404);
}

#[tokio::test]
async fn pages_can_be_wrong_in_many_ways() {
    let honest = query(&start("rows=30").await, &[("filter", DAY), ("count", "1000")]).await;
    let honest = ids(&honest);
    let page = async |scenario: &str, start: &str| {
        let running = super::start(&format!("rows=30,{scenario}")).await;
        let page = query(&running, &[("filter", DAY), ("count", "20"), ("startIndex", start)]).await;
        let body = page.json();
        (
            ids(&page),
            body["totalResults"].as_u64().unwrap(),
            body["itemsPerPage"].as_u64().unwrap(),
        )
    };
    assert_eq!(page("totals=growing", "41").await, (honest[40..60].to_vec(), 122, 20));
    assert_eq!(page("totals=shrinking", "41").await, (honest[40..60].to_vec(), 118, 20));
    assert_eq!(page("short-pages", "41").await, (honest[40..50].to_vec(), 120, 20));
    assert_eq!(page("page-lies", "41").await, (honest[40..60].to_vec(), 120, 7));
    assert_eq!(page("repeats", "41").await, (honest[39..59].to_vec(), 120, 20));
    assert_eq!(
        page("gaps", "1").await,
        ([&honest[..10], &honest[11..20]].concat(), 120, 20)
    );
    assert_eq!(page("silent", "1").await, (Vec::new(), 0, 20));
    assert_eq!(
        page("silent-since=2025-07-01T00:00:00Z", "1").await,
        (Vec::new(), 0, 20)
    );
    assert_eq!(
        page("stores-until=2025-07-01T00:00:00Z", "1").await,
        (Vec::new(), 0, 20)
    );
    assert_eq!(page("max-count=3", "1").await, (honest[..3].to_vec(), 120, 3));
}

#[tokio::test]
async fn what_is_stored_late_never_comes_once_nothing_is_stored() {
    let day = async |scenario: &str| {
        let running = start(&format!("rows=60,stored-late=5,{scenario}=2025-07-01T12:00:00Z")).await;
        ids(&query(&running, &[("filter", DAY), ("count", "1000")]).await)
    };
    let (stored, happened) = (day("stores-until").await, day("silent-since").await);
    assert!(stored.len() > 50 && stored.iter().all(|id| happened.contains(id)));
    assert!(happened.len() > stored.len() + 3, "{} {}", happened.len(), stored.len());
}

#[tokio::test]
async fn pages_that_are_kept_say_the_same_again() {
    let (made, kept) = (start("rows=30").await, start("rows=30,keep-pages=1").await);
    for page in ["1", "21"] {
        let asked = [("filter", DAY), ("count", "20"), ("startIndex", page)];
        let honest = query(&made, &asked).await;
        for _ in 0..2 {
            let page = query(&kept, &asked).await;
            assert_eq!((ids(&page), page.status), (ids(&honest), honest.status));
        }
    }
}

#[tokio::test]
async fn a_million_events_are_counted_and_paged_at_once() {
    let running = start("rows=250000").await;
    let page = query(
        &running,
        &[("filter", DAY), ("startIndex", "999991"), ("count", "1000")],
    )
    .await;
    assert_eq!(
        (page.json()["totalResults"].as_u64(), ids(&page).len()),
        (Some(1_000_000), 10)
    );
}

#[tokio::test]
async fn other_pages_follow_a_link_or_a_token_to_the_end() {
    let running = start("rows=30").await;
    let honest = ids(&query(&running, &[("filter", DAY), ("count", "1000")]).await);
    let window = "limit=50&startTime=2025-07-01T00:00:00Z&endTime=2025-07-02T00:00:00Z";
    let ids = |body: &Value| {
        body.as_array()
            .unwrap()
            .iter()
            .map(|e| e["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let (mut path, mut all) = (format!("/pages/link?{window}&member=items"), Vec::new());
    loop {
        let page = get(&running, &path).await;
        all.extend(ids(&page.json()["items"]));
        let Some(link) = page.header("link") else { break };
        let url = url::Url::parse(link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap()).unwrap();
        path = format!("{}?{}", url.path(), url.query().unwrap());
    }
    assert_eq!(all, honest);

    let (mut token, mut all) = (String::new(), Vec::new());
    loop {
        let page = get(&running, &format!("/pages/token?{window}{token}")).await;
        all.extend(ids(&page.json()));
        let Some(next) = page.header("opc-next-page") else {
            break;
        };
        token = format!("&page={next}");
    }
    assert_eq!(all, honest);

    let running = start("rows=30,next-link=elsewhere,elsewhere=http://canary.example").await;
    let page = get(&running, "/pages/link?limit=1").await;
    assert!(
        page.header("link")
            .unwrap()
            .starts_with("<http://canary.example/pages/link?limit=1&page=")
    );
    assert_eq!(get(&running, "/pages/token?page=zz").await.status, 400);
}
