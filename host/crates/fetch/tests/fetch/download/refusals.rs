//! Answers that say in another way than a status that something is refused.

use super::*;

/// The error of a run that goes on with job 7 of an earlier one, and the stages that it keeps for the next.
async fn poll_again(server: &Server) -> (FetchError, Vec<FetchStage>) {
    let (spool, points) = (tempfile::tempdir().unwrap(), Points::default());
    let remote = Arc::new(remote(&server.url()));
    let fetcher = Fetcher::new(remote, spool.path(), FetchLimits::default(), Arc::new(()));
    let from = FetchStage::Waiting {
        link: "/jobs/7".into(),
        polls: 1,
        next: jiff::Timestamp::UNIX_EPOCH,
    };
    let error = fetcher.fetch_from(&job("a.csv"), from, &points).await.unwrap_err();
    (error, points.0.into_inner().unwrap())
}

#[tokio::test]
async fn a_sign_in_page_in_place_of_a_file_is_a_refusal_and_nothing_else_is_tried() {
    let page = respond_page;
    let redirecting = || redirect(302, "https://login.example.com/oauth2/v1/authorize");
    type Answer = fn() -> Response;
    for answer in [page as Answer, redirecting] {
        let server = server(move |seen, _| seen.path.ends_with("/contents").then(answer)).await;
        let error = run_waiting(&server, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "sign-in-page"));
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_poll_that_is_answered_with_a_sign_in_page_keeps_the_job() {
    let page = respond_page;
    let redirecting = || redirect(302, "https://idcs-1.identity.oraclecloud.com/ui/v1/signin");
    type Answer = fn() -> Response;
    for answer in [page as Answer, redirecting] {
        let server = server(move |seen, _| (seen.path == "/jobs/7").then(answer)).await;
        let (error, kept) = poll_again(&server).await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "sign-in-page"));
        assert!(kept.is_empty(), "the window stays where it was");
    }
}

#[tokio::test]
async fn a_job_that_ends_in_a_refusal_is_asked_for_anew_and_not_for_ever() {
    for code in ["EPMCSS-21192", "EPMCSS-21193"] {
        let ended = format!(r#"{{"status":1,"details":"{code}: Authorization failed","links":[],"items":null}}"#);
        let server = server(move |seen, _| (seen.path == "/jobs/7").then(|| json(200, ended.clone()))).await;
        let (error, kept) = poll_again(&server).await;
        assert_eq!((error.kind(), error.remote_code()), (ErrorKind::Refused, Some(code)));
        assert_eq!(kept, [FetchStage::Start]);
    }
}

#[tokio::test]
async fn a_code_is_told_under_status_400_as_well() {
    let body = r#"{"status":1,"details":"EPMCSS-20679: Invalid or insufficient parameters specified."}"#;
    let server = server(move |seen, _| (seen.path == SUBMIT).then(|| json(400, body))).await;
    let error = run(&server, "a.csv").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.remote_code()),
        (ErrorKind::Failed, Some("EPMCSS-20679"))
    );
    assert!(error.hint().unwrap().contains("retention"));
}

#[tokio::test]
async fn a_web_page_is_one_whatever_it_begins_with() {
    for page in [
        "<!-- gateway --><html><title>Sign In</title></html>",
        "\n<script>location='/signin'</script><title>Sign In</title>",
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            DOWNLOAD_V2 => Some(json(404, "{}")),
            path if path == contents("a.csv") => Some(respond(200, "application/octet-stream", page)),
            _ => None,
        })
        .await;
        let error = run(&server, "a.csv").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Refused, "sign-in-page"),
            "{error}"
        );
    }
}
