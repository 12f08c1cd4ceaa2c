use super::*;

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![],
        body: body.into(),
    }
}

fn other(status: u16, body: &str) -> Settlement {
    match read(&answer(status, body), 3) {
        AnswerReading::Other(settlement) => settlement,
        _ => panic!("{body}"),
    }
}

#[test]
fn a_success_without_an_error_code_of_hec_is_taken() {
    for (status, body, expected) in [
        (200, r#"{"text":"Success","code":0}"#, None),
        (200, r#"{"text":"Success","code":0,"ackId":7}"#, Some(7)),
        (200, r#"{"text":"Success","code":0,"ackID":7}"#, None),
        (200, r#"{"text":"Success","code":200}"#, None),
        (200, r#"{"code":"OK"}"#, None),
        (200, r#"{"status":"ok"}"#, None),
        (200, "{}", None),
        (200, "null", None),
        (200, "Success", None),
        (200, "OK\r\n", None),
        (200, "", None),
        (201, "", None),
        (202, r#"{"code":-1}"#, None),
        (204, "", None),
    ] {
        assert!(
            matches!(read(&answer(status, body), 3), AnswerReading::Taken(ack) if ack == expected),
            "{body}"
        );
    }
}

#[test]
fn an_error_code_of_hec_counts_whatever_the_status_is() {
    let unusable = |text: &str| Settlement::Unusable(text.into());
    for status in [200, 400, 403] {
        for (body, expected) in [
            (
                r#"{"text":"Token disabled","code":1}"#,
                unusable("Token disabled (code 1)"),
            ),
            (
                r#"{"text":"Invalid token","code":4}"#,
                unusable("Invalid token (code 4)"),
            ),
            (
                r#"{"text":"Incorrect index","code":7,"invalid-event-number":1}"#,
                unusable("Incorrect index (code 7)"),
            ),
            (
                r#"{"text":"Data channel is missing","code":10}"#,
                unusable("Data channel is missing (code 10)"),
            ),
            (r#"{"code":"11"}"#, unusable("code 11")),
            (
                r#"{"text":"Server is busy","code":9,"invalid-event-number":1}"#,
                Settlement::retry(None, "Server is busy (code 9)"),
            ),
            (
                r#"{"text":"No data","code":5}"#,
                Settlement::Refused("No data (code 5)".into()),
            ),
        ] {
            assert_eq!(other(status, body), expected, "{body}");
        }
        assert!(matches!(
            read(
                &answer(status, r#"{"text":"Invalid data format","code":6,"invalid-event-number":1}"#),
                3
            ),
            AnswerReading::Stopped(1, text) if text == "Invalid data format (code 6)"
        ));
    }
}

#[test]
fn what_is_not_hecs_is_read_by_its_status() {
    for (status, body, expected) in [
        (
            500,
            r#"{"text":"Internal server error","code":8}"#,
            Settlement::retry(None, "Internal server error (code 8)"),
        ),
        (429, "slow down", Settlement::retry(None, "")),
        (502, "<html>", Settlement::retry(None, "")),
        (503, r#"{"code":200}"#, Settlement::retry(None, "")),
        (
            404,
            "no such page",
            Settlement::Refused("status 404: no such page".into()),
        ),
        (
            400,
            r#"{"text":"Success","code":0}"#,
            Settlement::Refused("Success (code 0)".into()),
        ),
        (
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":3}"#,
            Settlement::Refused("Invalid data format (code 6)".into()),
        ),
    ] {
        assert_eq!(other(status, body), expected, "{body}");
    }
    for page in [" <html>sign in</html>", "<!DOCTYPE html>"] {
        assert!(matches!(other(200, page), Settlement::Refused(reason) if reason.contains("not HEC's")));
    }
    let mut page = answer(200, "Please sign in");
    page.headers
        .push(("content-type".into(), "text/html; charset=utf-8".into()));
    assert!(matches!(read(&page, 3), AnswerReading::Other(Settlement::Refused(_))));
}

#[test]
fn what_comes_after_an_invalid_event_is_delivered_again_a_few_times() {
    let parts = |stops, acknowledged| {
        let Settlement::Settled(parts) = stopped(1, 4, "Invalid data format (code 6)", stops, acknowledged) else {
            panic!()
        };
        let rejected: Vec<_> = parts
            .rejected
            .into_iter()
            .map(|item| (item.index, item.reason))
            .collect();
        (rejected, parts.retried)
    };
    let first = (1, "Invalid data format (code 6)".to_owned());
    assert_eq!(parts(1, false), (vec![first.clone()], vec![2, 3]));
    assert_eq!(parts(1, true), (vec![first.clone()], vec![0, 2, 3]));
    let (rejected, retried) = parts(STOPS, false);
    assert_eq!(retried, [0; 0]);
    assert_eq!(rejected.len(), 3);
    assert_eq!(rejected[2].1, "not looked at: Splunk stopped at event 1 of the request");
}

#[test]
fn an_acknowledgement_is_true_for_the_number_that_was_asked_for() {
    let read = |status, body: &str| acknowledged(&answer(status, body), 7);
    assert_eq!(read(200, r#"{"acks":{"7":true}}"#), Ok(true));
    for waiting in [
        r#"{"acks":{"7":false}}"#,
        r#"{"acks":{"8":true}}"#,
        r#"{"acks":{}}"#,
        r#"{"acks":{"7":"true"}}"#,
        r#"{"text":"Success","code":0}"#,
        r#"{"text":"Server is busy","code":9}"#,
    ] {
        assert_eq!(read(200, waiting), Ok(false), "{waiting}");
    }
    for (status, body, told) in [
        (
            400,
            r#"{"text":"ACK is disabled","code":14}"#,
            "ACK is disabled (code 14)",
        ),
        (400, r#"{"text":"Data channel is missing","code":10}"#, "code 10"),
        (404, "no", "status 404: no"),
        (200, "<html>", "status 200: <html>"),
    ] {
        let Err(reason) = read(status, body) else {
            panic!("{body}")
        };
        assert!(
            reason.contains(told) && reason.starts_with("no acknowledgement"),
            "{reason}"
        );
    }
}
