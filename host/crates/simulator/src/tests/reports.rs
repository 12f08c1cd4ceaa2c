//! User Login, User Audit, download version 2 and ranges.

use std::io::{Cursor, Read};

use super::*;

const LOGIN: &str = "/interop/rest/security/v1/report/userloginreport";

async fn post(running: &RunningSimulator, path: &str, body: &str) -> Answer {
    let headers = [
        ("Authorization", "Bearer demo-token"),
        ("Content-Type", "application/json"),
    ];
    raw(running, "POST", path, &headers, body).await
}

async fn done(running: &RunningSimulator, submitted: &Answer) -> Answer {
    let status = path_of(&submitted.links()[1].1);
    loop {
        let answer = ask(running, "GET", &status).await;
        if answer.json()["status"] != -1 {
            return answer;
        }
    }
}

fn contents(name: &str) -> String {
    format!("/interop/rest/11.1.2.3.600/applicationsnapshots/{name}/contents")
}

fn unzipped(bytes: &[u8]) -> (String, String) {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut entry = archive.by_index(0).unwrap();
    let mut text = String::new();
    entry.read_to_string(&mut text).unwrap();
    (entry.name().unwrap().into_owned(), text)
}

#[tokio::test]
async fn user_login_rows_come_in_the_answer() {
    let running = start("").await;
    let body = ask(
        &running,
        "GET",
        &format!("{LOGIN}?from_date=2025-07-01&to_date=2025-07-02"),
    )
    .await
    .json();
    assert_eq!((&body["status"], &body["error"]), (&Value::from(0), &Value::Null));
    assert_eq!(body["links"]["action"], "GET");
    let href = body["links"]["href"].as_str().unwrap();
    assert!(href.starts_with("http://") && href.ends_with("userloginreport?from_date=2025-07-01&to_date=2025-07-02"));
    let rows = body["details"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    assert!(
        rows[0]["accessdateandtime"]
            .as_str()
            .unwrap()
            .starts_with("July 1, 2025 ")
    );
    let members: Vec<_> = rows[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["accessdateandtime", "ipaddress", "userlogin"]);

    let today = ask(&running, "GET", LOGIN).await.json();
    assert!(
        today["details"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["accessdateandtime"].as_str().unwrap().starts_with("July 3"))
    );
    let user = rows[0]["userlogin"].as_str().unwrap().to_uppercase();
    let user: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
    let one = ask(
        &running,
        "GET",
        &format!("{LOGIN}?userlogin={user}&from_date=2025-07-01&to_date=2025-07-02"),
    )
    .await
    .json();
    let expected: Vec<_> = rows
        .iter()
        .filter(|row| row["userlogin"] == rows[0]["userlogin"])
        .cloned()
        .collect();
    assert_eq!(one["details"], Value::Array(expected));
}

#[tokio::test]
async fn a_user_login_file_goes_to_the_inbox_once() {
    let running = start("strict-names").await;
    let path = format!("{LOGIN}?from_date=2025-07-01&to_date=2025-07-02&report_name=u.csv");
    let first = ask(&running, "GET", &path).await.json();
    assert_eq!(
        (&first["status"], &first["details"]),
        (
            &Value::from(0),
            &Value::from("User Login Report generated successfully.")
        )
    );
    let again = ask(&running, "GET", &path).await.json();
    assert_eq!(
        (&again["status"], &again["error"]["errorcode"]),
        (&Value::from(1), &Value::from("EPMCSS-20685"))
    );
    assert_eq!(again["message"], again["error"]["errormessage"]);
    let file = ask(&running, "GET", &contents("inbox%5Cu.csv")).await;
    let text = file.text().strip_prefix("\u{feff}\"").unwrap();
    let (_, csv) = text.split_once("\"\n").unwrap();
    assert!(csv.starts_with("User Login,IP Address,Access Date and Time\n"));
    assert_eq!(csv.lines().count(), 13);
}

#[tokio::test]
async fn a_user_login_file_can_come_in_an_archive() {
    let running = start("zip-user-login").await;
    ask(&running, "GET", &format!("{LOGIN}?report_name=u.csv")).await;
    let (entry, text) = unzipped(&ask(&running, "GET", &contents("u.csv")).await.body);
    assert_eq!(entry, "u.csv");
    assert!(text.contains("Access Date and Time"));
}

#[tokio::test]
async fn a_user_login_report_is_refused_in_its_own_shape() {
    for (scenario, query, code) in [
        ("no-role", "", "EPMCSS-21192"),
        ("", "?from_date=2025-01-01&to_date=2025-01-02", "EPMCSS-20679"),
        ("", "?report_name=u.txt", "EPMCSS-20679"),
        ("", "?report_name=..%2Fu.csv", "EPMCSS-20679"),
    ] {
        let running = start(scenario).await;
        let answer = ask(&running, "GET", &format!("{LOGIN}{query}")).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["errorcode"]),
            (200, &Value::from(code)),
            "{query}"
        );
        assert!(answer.json()["details"].is_null());
    }
}

#[tokio::test]
async fn a_user_audit_comes_as_an_archive_in_both_versions() {
    let running = start("").await;
    let q = "%7Btype%3Auserauditreport%2CfileName%3Aa1.csv%2Csince%3A2025-07-01%2Cuntil%3A2025-07-02%7D";
    let v1 = post(&running, &format!("/interop/rest/v1/reports?q={q}"), "").await;
    let v2 = post(
        &running,
        "/interop/rest/v2/reports/useraudit",
        r#"{"fileName":"a2.csv","since":"2025-07-01","until":"2025-07-02"}"#,
    )
    .await;
    let mut texts = Vec::new();
    for (submitted, name) in [(v1, "a1.csv"), (v2, "a2.csv")] {
        assert_eq!(submitted.json()["status"], -1);
        assert_eq!(done(&running, &submitted).await.json()["status"], 0);
        let file = ask(&running, "GET", &contents(name)).await;
        let (entry, text) = unzipped(&file.body);
        assert_eq!(entry, name);
        texts.push(text);
    }
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].starts_with("\u{feff}\""));
    assert!(texts[0].contains("\"\nUser Name,IP Address,Access Date and Time\n"));
}

#[tokio::test]
async fn an_archive_has_the_name_that_the_scenario_gives_it() {
    for (style, name) in [("asked", "a.csv"), ("appended", "a.csv.zip"), ("replaced", "a.zip")] {
        let running = start(&format!("archive-name={style}")).await;
        let body = r#"{"fileName":"a.csv","since":"2025-07-01","until":"2025-07-02"}"#;
        done(
            &running,
            &post(&running, "/interop/rest/v2/reports/useraudit", body).await,
        )
        .await;
        let file = ask(&running, "GET", &contents(name)).await;
        assert_eq!(
            file.header("fileExtension"),
            name.rsplit_once('.').map(|(_, extension)| extension)
        );
        assert_eq!(unzipped(&file.body).0, "a.csv");
    }
    let running = start("archive-name=job").await;
    let body = r#"{"fileName":"a.csv","since":"2025-07-01","until":"2025-07-02"}"#;
    let finished = done(
        &running,
        &post(&running, "/interop/rest/v2/reports/useraudit", body).await,
    )
    .await
    .json();
    let name = finished["items"][0]["name"].as_str().unwrap();
    assert_eq!(unzipped(&ask(&running, "GET", &contents(name)).await.body).0, "a.csv");
}

#[tokio::test]
async fn a_user_audit_with_bad_parameters_fails() {
    let running = start("").await;
    for path in [
        "/interop/rest/v1/reports",
        "/interop/rest/v1/reports?q=%7Btype%3Aprovisionreport%7D",
    ] {
        let answer = post(&running, path, "").await;
        assert!(
            answer.json()["details"].as_str().unwrap().starts_with("EPMCSS-20679: "),
            "{path}"
        );
    }
    for body in [
        "",
        "[]",
        r#"{"fileName":"a.csv","since":"2025-07-02","until":"2025-07-01"}"#,
    ] {
        let answer = post(&running, "/interop/rest/v2/reports/useraudit", body).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (200, &Value::from(1)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_download_in_version_2_is_prepared_fetched_and_withdrawn() {
    let running = start("without=download-v1").await;
    let path = format!("{LOGIN}?from_date=2025-07-01&to_date=2025-07-02&report_name=u.csv");
    ask(&running, "GET", &path).await;
    assert_eq!(ask(&running, "GET", &contents("u.csv")).await.status, 404);
    let prepared = done(
        &running,
        &post(
            &running,
            "/interop/rest/v2/files/download",
            r#"{"fileName":"inbox/u.csv"}"#,
        )
        .await,
    )
    .await;
    let (rel, href) = prepared.links()[1].clone();
    assert_eq!(rel, "Download link");
    let file = ask(&running, "GET", &path_of(&href)).await;
    assert_eq!(
        (file.header("fileExtension"), file.header("content-type")),
        (Some("csv"), Some("application/octet-stream"))
    );
    assert!(file.text().contains("July 2, 2025"));
    assert_eq!(ask(&running, "DELETE", &path_of(&href)).await.json()["status"], 0);
    assert_eq!(ask(&running, "GET", &path_of(&href)).await.json()["status"], 1);
    let missing = post(&running, "/interop/rest/v2/files/download", r#"{"fileName":"no.csv"}"#).await;
    assert_eq!(done(&running, &missing).await.json()["details"], "Invalid file");
}

#[tokio::test]
async fn a_broken_download_is_taken_up_in_the_middle() {
    for (ranges, status, resumes) in [("steady", 206, true), ("changing", 200, false), ("none", 200, false)] {
        let running = start(&format!("ranges={ranges}")).await;
        ask(
            &running,
            "GET",
            &format!("{LOGIN}?from_date=2025-06-01&to_date=2025-07-02&report_name=u.csv"),
        )
        .await;
        let whole = ask(&running, "GET", &contents("u.csv")).await;
        let tag = whole.header("etag").unwrap_or("\"none\"").to_owned();
        let headers = [
            ("Authorization", "Bearer demo-token"),
            ("Range", "bytes=100-"),
            ("If-Range", tag.as_str()),
        ];
        let rest = raw(&running, "GET", &contents("u.csv"), &headers, "").await;
        assert_eq!(rest.status, status, "{ranges}");
        assert_eq!(
            rest.body,
            if resumes { &whole.body[100..] } else { &whole.body[..] },
            "{ranges}"
        );
        let range = format!("bytes 100-{}/{}", whole.body.len() - 1, whole.body.len());
        assert_eq!(rest.header("content-range"), resumes.then_some(range.as_str()));
        assert_eq!(running.requests().last().unwrap().header("range"), Some("bytes=100-"));
    }
    let running = start("ranges=steady").await;
    ask(&running, "GET", &format!("{LOGIN}?report_name=u.csv")).await;
    let headers = [("Authorization", "Bearer demo-token"), ("Range", "bytes=999999-")];
    assert_eq!(raw(&running, "GET", &contents("u.csv"), &headers, "").await.status, 416);
}

#[tokio::test]
async fn a_large_archive_is_packed_while_it_is_sent() {
    let running = start("rows=250000,archive-name=replaced").await;
    let body = r#"{"fileName":"a.csv","since":"2025-07-01","until":"2025-07-01"}"#;
    done(
        &running,
        &post(&running, "/interop/rest/v2/reports/useraudit", body).await,
    )
    .await;
    let file = ask(&running, "GET", &contents("a.zip")).await;
    assert!(file.complete && file.header("content-length").is_none());
    // One row for each of 30 users and 288 spans of five minutes, after identifier and header.
    assert!(unzipped(&file.body).1.lines().count() <= 2 + 30 * 288);
}
