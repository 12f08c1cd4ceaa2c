//! Requests that OCI refuses: those that are not signed well, and those that make no sense.

use super::*;

/// A signed request by a clock that is so many seconds behind.
async fn signed_late(running: &RunningSimulator, path: &str, behind: u64) -> Answer {
    let request = Signed::new(running, "GET", path, "");
    Signed { behind, ..request }.send().await
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
