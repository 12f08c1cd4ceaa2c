//! Reports without rows, and files that are not there yet.

use super::*;

/// An archive with one file of no bytes, and one without a file.
fn empty_archives() -> [Vec<u8>; 2] {
    let empty = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut holding = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    holding
        .start_file("a.csv", zip::write::SimpleFileOptions::default())
        .unwrap();
    [holding, empty].map(|zip| zip.finish().unwrap().into_inner())
}

#[tokio::test]
async fn an_empty_file_of_a_job_that_ended_well_is_a_report_without_rows() {
    let [holding, without] = empty_archives();
    let bom = b"\xef\xbb\xbf\r\n".to_vec();
    for (status, body) in [(200, vec![]), (204, vec![]), (200, bom), (200, holding), (200, without)] {
        let shown = (status, body.len());
        for size in ["0", "null"] {
            let body = body.clone();
            let server = server(move |seen, _| match seen.path.as_str() {
                LIST_V2 => Some(json(
                    200,
                    format!(r#"{{"status":0,"items":[{{"name":"a.csv","size":{size}}}]}}"#),
                )),
                path if path.ends_with("/contents") => Some(respond(status, "application/octet-stream", body.clone())),
                _ => None,
            })
            .await;
            let fetched = run(&server, "a.csv").await.unwrap();
            let content = text(&fetched);
            assert!(
                content.trim_start_matches('\u{feff}').trim().is_empty(),
                "{shown:?}: {content}"
            );
            assert_eq!(fetched.cleanup.unwrap().file, "a.csv", "{shown:?}");
        }
    }
}

#[tokio::test]
async fn a_job_that_says_in_words_that_there_is_nothing_needs_no_file() {
    let server = server(|seen, _| match seen.path.as_str() {
        SUBMIT => Some(json(200, r#"{"status":0,"details":"No records found"}"#)),
        LIST_V2 => Some(listing(&[])),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    let fetched = run_waiting(&server, Duration::MAX).await.unwrap();
    assert_eq!((text(&fetched).as_str(), fetched.cleanup), ("", None));
}

#[tokio::test]
async fn a_file_that_comes_empty_though_it_is_listed_with_bytes_is_tried_again_and_stays() {
    for patient in [true, false] {
        let empty = AtomicUsize::new(if patient { 2 } else { usize::MAX });
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(&["a.csv"])),
            path if path.ends_with("/contents") => Some(match empty.load(Ordering::Relaxed) {
                0 => file(),
                left => {
                    empty.store(left - 1, Ordering::Relaxed);
                    respond(200, "application/octet-stream", "")
                }
            }),
            _ => None,
        })
        .await;
        let outcome = run_waiting(
            &server,
            if patient {
                Duration::from_secs(60)
            } else {
                Duration::ZERO
            },
        )
        .await;
        match patient {
            true => assert_eq!(text(&outcome.unwrap()), CSV),
            false => assert_eq!(outcome.unwrap_err().code(), "no-file"),
        }
        assert!(!server.lines().iter().any(|line| line.contains("delete")));
    }
}

#[tokio::test]
async fn a_file_that_is_called_invalid_for_a_while_is_tried_again() {
    for listed in [&["a.csv"][..], &[]] {
        let attempts = AtomicUsize::new(0);
        let server = server(move |seen, _| match seen.path.as_str() {
            LIST_V2 => Some(listing(listed)),
            path if path == contents("a.csv") => Some(match attempts.fetch_add(1, Ordering::Relaxed) {
                0..5 => no_such_file(),
                _ => file(),
            }),
            _ => None,
        })
        .await;
        assert_eq!(text(&run_waiting(&server, Duration::from_secs(60)).await.unwrap()), CSV);
        assert_eq!(submissions(&server), 1);
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_by_the_first_answer() {
    let server = server(|seen, _| match seen.path.as_str() {
        LIST_V2 => Some(listing(&["other.csv"])),
        path if path.ends_with("/contents") => Some(no_such_file()),
        _ => None,
    })
    .await;
    let error = run(&server, "a.csv").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Failed, "no-file"));
    assert!(error.to_string().contains("Invalid file"), "{error}");
}

#[tokio::test]
async fn a_file_that_says_in_words_that_there_is_nothing_has_no_rows() {
    for (kind, body, empty) in [
        ("application/octet-stream", "No records found", true),
        ("application/octet-stream", "\"4fB==\"\r\n", true),
        ("application/octet-stream", "User,Date\r\nNo data found\r\n", true),
        ("application/json", r#"{"message": "No records found"}"#, true),
        (
            "application/json",
            r#"{"status":0,"details":["No records found"]}"#,
            true,
        ),
        ("application/octet-stream", r#"["No records found"]"#, true),
        ("application/octet-stream", "User,Date\r\nada,no data\r\n", false),
        ("application/octet-stream", "No data: the store is unavailable", false),
    ] {
        let server = server(move |seen, _| match seen.path.as_str() {
            DOWNLOAD_V2 => Some(json(404, "{}")),
            path if path == contents("a.csv") => Some(respond(200, kind, body)),
            _ => None,
        })
        .await;
        let fetched = run(&server, "a.csv").await.unwrap();
        assert_eq!(fetched.is_empty(), empty, "{body}");
    }
}
