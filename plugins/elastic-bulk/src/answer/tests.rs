use super::*;

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("retry-after".into(), "7".into())],
        body: body.into(),
    }
}

fn read(status: u16, body: &str) -> Settlement {
    settle(&answer(status, body), 2)
}

fn items(first: &str, second: &str) -> String {
    format!(r#"{{"errors":true,"items":[{{"create":{first}}},{{"create":{second}}}]}}"#)
}

/// The places of what is rejected and of what is delivered again, and the first reason.
fn parts(settlement: Settlement) -> (Vec<u32>, Vec<u32>, String) {
    let Settlement::Settled(parts) = settlement else {
        panic!("{settlement:?}")
    };
    let first = parts.rejected.first().map(|item| item.reason.clone());
    (
        parts.rejected.iter().map(|item| item.index).collect(),
        parts.retried,
        first.unwrap_or(parts.reason),
    )
}

fn accepted(settlement: &Settlement) -> bool {
    matches!(settlement, Settlement::Settled(parts) if parts.rejected.is_empty() && parts.retried.is_empty())
}

const MADE: &str = r#"{"status":201}"#;
const THERE: &str =
    r#"{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[e1]: document already exists"}}"#;
const BUSY: &str = r#"{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"}}"#;
const WRONG: &str = r#"{"status":400,"error":{"type":"document_parsing_exception",
    "reason":"[1:9] failed to parse field [a] of type [ip]. Preview of field's value: 'jdoe'"}}"#;
const FULL: &str = r#"{"status":403,"error":{"type":"cluster_block_exception",
    "reason":"index [logs] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"}}"#;
const GONE: &str = r#"{"status":404,"error":{"type":"index_not_found_exception","reason":"no such index [logs] and [action.auto_create_index] is [false]"}}"#;

#[test]
fn no_errors_is_success_whatever_else_stands_there() {
    for body in [
        r#"{"errors":false}"#,
        r#"{"errors":false,"items":[]}"#,
        r#"{"errors":false,"items":null}"#,
        r#"{"errors":false,"items":[{"":{"status":200}},{"":{"status":200}}]}"#,
        r#"{"errors":false,"items":[{"create":{"status":201}}]}"#,
        r#"{"took":1,"errors":false,"items":"none"}"#,
        r#"{"items":[{"index":{"status":201}},{"":{"status":"200"}}]}"#,
    ] {
        assert!(accepted(&read(200, body)), "{body}");
    }
}

#[test]
fn what_says_nothing_of_the_documents_is_refused_once_and_told() {
    for (body, told) in [
        ("", "not JSON"),
        ("<html><title>Sign in</title>", "Sign in"),
        ("\"ok\"", "says nothing"),
        ("[]", "says nothing"),
        ("{}", "says nothing"),
        (r#"{"errors":true}"#, "says nothing"),
        (r#"{"acknowledged":true}"#, "acknowledged"),
        (
            r#"{"errors":true,"items":[{"create":{"status":201}}]}"#,
            "1 documents where 2",
        ),
    ] {
        let Settlement::Refused(reason) = read(200, body) else {
            panic!("{body}")
        };
        assert!(reason.contains(told), "{reason}");
    }
}

#[test]
fn each_item_has_its_own_fate() {
    assert!(accepted(&read(200, &items(MADE, MADE))));
    assert!(accepted(&read(200, &items(MADE, THERE))));
    for older in [
        r#"{"status":409,"error":"DocumentAlreadyExistsException[[logs][2] [event][e1]: document already exists]"}"#,
        r#"{"status":409,"error":{"type":"document_already_exists_exception","reason":"[event][e1]: document already exists"}}"#,
    ] {
        assert!(accepted(&read(200, &items(MADE, older))), "{older}");
    }
    assert_eq!(
        parts(read(200, &items(THERE, WRONG))),
        (
            vec![1],
            vec![],
            "document_parsing_exception: [1:9] failed to parse field [a] of type [ip].".into()
        )
    );
    let (rejected, retried, _) = parts(read(200, &items(BUSY, WRONG)));
    assert_eq!((rejected, retried), (vec![1], vec![0]));
    for busy in [
        BUSY,
        FULL,
        GONE,
        r#"{"status":500,"error":{"type":"exception","reason":null}}"#,
        r#"{"status":500,"error":{"type":null}}"#,
        r#"{"status":503,"error":"EsRejectedExecutionException[rejected execution]"}"#,
        r#"{"status":"503"}"#,
        r#"{"status":503,"error":null}"#,
        r#"{"status":429,"error":{"type":"circuit_breaking_exception","reason":{"a":1}}}"#,
        r#"{"status":403,"error":{"type":"security_exception","reason":"unauthorized"}}"#,
        r#"{"error":{"type":"rejected_execution_exception"}}"#,
    ] {
        let (rejected, retried, reason) = parts(read(200, &items(MADE, busy)));
        assert_eq!((rejected, retried), (vec![], vec![1]), "{busy}");
        assert!(!reason.is_empty());
    }
}

#[test]
fn a_lasting_failure_keeps_whatever_reason_there_is() {
    for (wrong, told) in [
        (
            r#"{"status":400,"error":{"type":"mapper_parsing_exception","reason":null}}"#,
            "mapper_parsing_exception",
        ),
        (
            r#"{"status":400,"error":{"type":"x","reason":["a","b"]}}"#,
            r#"x: ["a","b"]"#,
        ),
        (
            r#"{"status":400,"error":"MapperParsingException[no]"}"#,
            "MapperParsingException[no]",
        ),
        (r#"{"status":400,"error":{}}"#, "an error without a type or a reason"),
        (r#"{"status":400}"#, "status 400"),
        ("{}", "the answer does not say what became of it"),
        ("7", "the answer does not say what became of it"),
    ] {
        assert_eq!(
            parts(read(200, &items(MADE, wrong))),
            (vec![1], vec![], told.into()),
            "{wrong}"
        );
    }
}

#[test]
fn what_holds_for_every_document_is_the_sinks_trouble() {
    let denied = r#"{"status":403,"error":{"type":"security_exception","reason":"unauthorized for API key"}}"#;
    let pipeline = r#"{"status":400,"error":{"type":"illegal_argument_exception","reason":"pipeline with id [geo] does not exist"}}"#;
    let shards = r#"{"status":400,"error":{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;"}}"#;
    for item in [GONE, denied, pipeline, shards] {
        assert!(
            matches!(read(200, &items(item, item)), Settlement::Unusable(_)),
            "{item}"
        );
    }
    // A limit of the index is met by the document that has one field too many.
    let fields = r#"{"status":400,"error":{"type":"illegal_argument_exception","reason":"Limit of total fields [1000] has been exceeded"}}"#;
    assert_eq!(parts(read(200, &items(fields, fields))).0, [0, 1]);
}

#[test]
fn a_request_that_failed_as_a_whole_is_read_by_its_error_and_its_status() {
    let error = |kind: &str, reason: &str| format!(r#"{{"error":{{"type":"{kind}","reason":"{reason}"}}}}"#);
    let full = error("cluster_block_exception", "blocked by: [FORBIDDEN/12/…]");
    for (status, body) in [
        (403, full.as_str()),
        (429, r#"{"error":{"type":"circuit_breaking_exception","reason":null}}"#),
        (503, r#"{"error":"ClusterBlockException[blocked]"}"#),
    ] {
        let Settlement::Retry(again) = read(status, body) else {
            panic!("{body}")
        };
        assert_eq!(again.after, Some(7000));
        assert!(!again.reason.is_empty());
    }
    assert_eq!(read(502, "<html>"), Settlement::retry(Some(7000), ""));
    assert_eq!(
        read(401, &error("security_exception", "missing authentication credentials")),
        Settlement::Unusable("security_exception: missing authentication credentials".into())
    );
    assert_eq!(
        read(404, &error("index_not_found_exception", "no such index [logs]")),
        Settlement::Unusable("index_not_found_exception: no such index [logs]".into())
    );
    assert_eq!(
        read(404, "not found"),
        Settlement::Refused("status 404: not found".into())
    );
    assert_eq!(
        read(400, &error("parse_exception", "request body is required")),
        Settlement::Refused("parse_exception: request body is required".into())
    );
}
