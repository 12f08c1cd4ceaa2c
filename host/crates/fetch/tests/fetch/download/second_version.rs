//! Downloads by the second version of the API.

use super::*;

#[tokio::test]
async fn the_second_version_serves_where_the_first_is_refused() {
    for refusal in [400, 403, 404, 405, 501] {
        let server = v2(refusal, |_, _| None).await;
        assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV, "{refusal}");
        let lines = server.lines();
        let from = lines
            .iter()
            .position(|line| *line == format!("POST {DOWNLOAD_V2}"))
            .unwrap();
        let status = format!("GET {STATUS_V2}");
        let end = [
            status.clone(),
            status.clone(),
            status,
            format!("GET {PREPARED}"),
            format!("DELETE {PREPARED}"),
        ];
        assert_eq!(lines[from + 1..], end);
    }
}

#[tokio::test]
async fn a_prepared_download_is_deleted_even_if_it_failed_and_its_deletion_may_fail() {
    let server = v2(404, |seen, _| {
        (seen.path == PREPARED && seen.method == "GET").then(no_such_file)
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Failed);
    assert!(server.lines().contains(&format!("DELETE {PREPARED}")));
    let server = v2(404, |seen, _| (seen.method == "DELETE").then(|| json(500, ""))).await;
    assert_eq!(text(&run(&server, "a.csv").await.unwrap()), CSV);
}

#[tokio::test]
async fn a_download_link_to_another_origin_is_not_followed() {
    let canary = Canary::start().await;
    let target = canary.url();
    let server = v2(404, move |seen, _| {
        (seen.path == STATUS_V2).then(|| {
            let link = json!({"rel": "Download link", "href": target});
            json(200, json!({"status": 0, "links": [link]}).to_string())
        })
    })
    .await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Failed);
    canary.assert_untouched();
}

#[tokio::test]
async fn a_refusal_of_both_versions_is_a_refusal() {
    let server = v2(403, |seen, _| (seen.path == DOWNLOAD_V2).then(|| json(403, "{}"))).await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Refused);
    let server = server_refusing(401).await;
    assert_eq!(run(&server, "a.csv").await.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(server.seen().len(), 2);
}

async fn server_refusing(status: u16) -> Server {
    server(move |seen, _| seen.path.ends_with("/contents").then(|| json(status, "{}"))).await
}
