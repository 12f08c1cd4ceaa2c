//! The Invalid Login Report and its file.

use super::*;

#[tokio::test]
async fn an_invalid_login_report_is_requested_polled_and_downloaded() {
    let running = start("slow-job=2").await;
    let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    let body = submitted.json();
    assert_eq!(
        (submitted.status, &body["status"], &body["details"]),
        (200, &Value::from(-1), &Value::Null)
    );
    assert_eq!(body["links"][0]["data"]["jobType"], "GENERATE_INVALID_LOGIN_REPORT");
    assert_eq!(body["links"][0]["data"]["filename"], "r.csv");
    let (rel, href) = submitted.links()[1].clone();
    assert_eq!(rel, "Job Status");
    assert!(
        href.starts_with(&format!(" {}interop/rest/security/v1/jobs/", running.url())),
        "{href}"
    );

    let mut polls = Vec::new();
    for _ in 0..3 {
        polls.push(ask(&running, "GET", &path_of(&href)).await.json());
    }
    assert_eq!(
        polls
            .iter()
            .map(|poll| poll["status"].as_i64().unwrap())
            .collect::<Vec<_>>(),
        [-1, -1, 0]
    );
    assert_eq!(polls[2]["details"], "null");
    assert!(polls[2]["items"].is_null() && polls[2].get("items").is_some());

    let file = ask(
        &running,
        "GET",
        "/interop/rest/11.1.2.3.600/applicationsnapshots/r.csv/contents",
    )
    .await;
    assert_eq!(file.header("content-type"), Some("application/octet-stream"));
    assert_eq!(file.header("fileExtension"), Some("csv"));
    assert_eq!(
        file.header("content-length"),
        Some(file.body.len().to_string().as_str())
    );
    let mut reader = csv::Reader::from_reader(file.body.as_slice());
    assert_eq!(
        reader.headers().unwrap(),
        vec!["User Name", "Remote IP Address", "Timestamp"]
    );
    let times: Vec<String> = reader.records().map(|row| row.unwrap()[2].to_owned()).collect();
    assert_eq!(times.len(), 12, "six rows a day");
    assert!(
        times[0].starts_with("July 1, 2025 ") && times[11].starts_with("July 2, 2025 "),
        "{times:?}"
    );

    let asked: Vec<_> = running
        .requests()
        .iter()
        .map(|r| format!("{} {:?}", r.method, r.user.as_deref()))
        .collect();
    assert_eq!(asked[0], "POST Some(\"demo.user\")");
    assert_eq!(asked.len(), 5);
    running.stop().await;
}

#[tokio::test]
async fn a_period_outside_the_rules_fails_with_http_200() {
    let running = start("").await;
    for (from, to, name) in [
        ("2025-04-03", "2025-04-10", "r.csv"),
        ("2025-07-02", "2025-07-01", "r.csv"),
        ("2025-07-01", "2025-12-01", "r.csv"),
        ("01.07.2025", "2025-07-02", "r.csv"),
        ("2025-07-01", "", "r.csv"),
        ("2025-07-01", "2025-07-02", ""),
        ("2025-07-01", "2025-07-02", "..%2Fr.csv"),
    ] {
        let answer = submit(&running, from, to, name).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &Value::from(1)),
            "{from} {to} {name}"
        );
        assert!(
            answer.json()["details"]
                .as_str()
                .unwrap()
                .starts_with("EPMCSS-20679: Failed to generate Invalid Login")
        );
        assert_eq!(answer.links().len(), 1);
    }
}

#[tokio::test]
async fn nothing_later_than_now_and_nothing_older_than_retention_is_reported() {
    let running = start("rows=50").await;
    let today = report(&running, "2025-07-03", "2025-07-03").await;
    let rows = csv::Reader::from_reader(today.body.as_slice()).into_records().count();
    assert!((1..50).contains(&rows), "{rows}");
    let running = start("rows=50,retention=30").await;
    let month = report(&running, "2025-04-10", "2025-06-03").await;
    let rows: Vec<_> = csv::Reader::from_reader(month.body.as_slice())
        .into_records()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().all(|row| row[2].starts_with("June 3, 2025")));
}

#[tokio::test]
async fn a_failing_job_says_so_with_its_code_and_text() {
    let running = start("slow-job=0,fail-job=9,fail-text=EPMCSS-21001: no").await;
    let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    let done = ask(&running, "GET", &path_of(&submitted.links()[1].1)).await.json();
    assert_eq!(
        (&done["status"], &done["details"]),
        (&Value::from(9), &Value::from("EPMCSS-21001: no"))
    );
    let file = ask(&running, "GET", "/interop/rest/v1/applicationsnapshots/r.csv/contents").await;
    assert_eq!(file.json()["details"], "Invalid file : r.csv");
}

#[tokio::test]
async fn a_caller_without_the_roles_is_told_so() {
    let running = start("no-role").await;
    let answer = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
    assert!(answer.json()["details"].as_str().unwrap().starts_with("EPMCSS-21192: "));
}

#[tokio::test]
async fn files_are_listed_and_deleted_in_every_version() {
    let running = start("slow-job=0,strict-names").await;
    let v1 = "/interop/rest/11.1.2.3.600/applicationsnapshots";
    for (method, path, body) in [
        ("DELETE", format!("{v1}/inbox%5Cr.csv"), ""),
        (
            "DELETE",
            "/interop/rest/v2/files/delete".to_owned(),
            "{\"fileName\":\"inbox/r.csv\"}",
        ),
        (
            "POST",
            "/interop/rest/v3/files/delete".to_owned(),
            "{\"fileName\":\"inbox\\\\r.csv\"}",
        ),
    ] {
        let submitted = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await;
        ask(&running, "GET", &path_of(&submitted.links()[1].1)).await;
        for list in [v1, "/interop/rest/v2/files/list"] {
            let items = ask(&running, "GET", list).await.json()["items"].clone();
            let file = items
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["name"] == "inbox/r.csv")
                .unwrap();
            assert!(file["size"].as_str().unwrap().parse::<u64>().unwrap() > 100);
            assert_eq!(file["lastmodifiedtime"], "1751544000000");
        }
        let headers = [
            ("Authorization", "Bearer demo-token"),
            ("Content-Type", "application/json"),
        ];
        assert_eq!(
            raw(&running, method, &path, &headers, body).await.json()["status"],
            0,
            "{path}"
        );
        assert_eq!(
            raw(&running, method, &path, &headers, body).await.json()["status"],
            1,
            "{path} twice"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_where_the_scenario_says_so() {
    let running = start("refuse-duplicate-names,done-at-once").await;
    assert_eq!(
        submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.json()["status"],
        0
    );
    let again = submit(&running, "2025-07-01", "2025-07-02", "r.csv").await.json();
    assert!(
        again["details"].as_str().unwrap().starts_with("EPMCSS-20685: "),
        "{again}"
    );
}

#[tokio::test]
async fn a_large_report_comes_as_a_stream_without_length() {
    let running = start("rows=300000,time=epoch").await;
    let file = report(&running, "2025-07-01", "2025-07-01").await;
    assert!(file.complete && file.header("content-length").is_none());
    let mut rows = csv::Reader::from_reader(file.body.as_slice());
    let mut last = 0;
    let mut count = 0;
    for row in rows.byte_records() {
        let time: i64 = std::str::from_utf8(&row.unwrap()[2]).unwrap().parse().unwrap();
        assert!(time >= last);
        (last, count) = (time, count + 1);
    }
    assert_eq!(count, 300_000);
}
