//! Reads Slack's answers, and those of receivers that take Slack's messages.
//!
//! Slack answers in words ("Handling errors" of "Sending messages using incoming webhooks", and the errors of
//! `chat.postMessage`), sometimes with a status that says something else: the word counts. A JSON object with `ok` and
//! `error` is how the Web API and workflow webhooks say the same; Mattermost, Rocket.Chat and Zulip have theirs.

use plugin_sdk::*;
use serde_json::Value;

/// Nothing is posted until somebody changes something.
const OF_THE_SINK: &[&str] = &[
    "account_inactive",
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "ekm_access_denied",
    "invalid_auth",
    "invalid_token",
    "is_archived",
    "no_active_hooks",
    "no_service",
    "no_service_id",
    "no_team",
    "not_in_channel",
    "org_login_required",
    "posting_to_general_channel_denied",
    "restricted_action",
    "team_access_not_granted",
    "team_disabled",
    "token_expired",
    "token_revoked",
    "user_not_found",
    "webhook_disabled",
];

/// The message may be posted later.
const PASSING: &[&str] = &[
    "fatal_error",
    "internal_error",
    "message_limit_exceeded",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "rollup_error",
    "service_unavailable",
    "team_added_to_org",
];

/// Answers after which a message is never posted.
const OF_THE_MESSAGE: &[&str] = &[
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_payload",
    "missing_text_or_fallback_or_attachments",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
];

/// The settlement that an answer means for the message that was posted.
pub fn settle(response: &HttpResponse) -> Settlement {
    let is_success = (200..300).contains(&response.status);
    let body = response.text();
    let body = body.trim();
    let json: Option<Value> = serde_json::from_str(body).ok().filter(Value::is_object);
    if is_success && (is_ok(body) || json.as_ref().is_some_and(says_ok)) {
        return Settlement::accepted();
    }
    let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let word = error.unwrap_or(body);
    let reason = || response.reason();
    if OF_THE_SINK.contains(&word) {
        return Settlement::Unusable(reason());
    }
    if PASSING.contains(&word) {
        return Settlement::retry(response.retry_after(), reason());
    }
    if OF_THE_MESSAGE.contains(&word) {
        return Settlement::Refused(reason());
    }
    match Verdict::from_status(response) {
        // A page of another server, a login form say, is no receipt.
        Verdict::Accepted => Settlement::Refused(format!("the answer is not Slack's: {}", reason())),
        verdict => verdict.into(),
    }
}

fn is_ok(body: &str) -> bool {
    body.is_empty() || body.eq_ignore_ascii_case("ok")
}

fn says_ok(json: &Value) -> bool {
    let is_true = |name: &str| json.get(name) == Some(&Value::Bool(true));
    is_true("ok") || is_true("success") || json.get("result").and_then(Value::as_str) == Some("success")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Settlement {
        settle(&HttpResponse {
            status,
            headers: vec![("retry-after".into(), "30".into())],
            body: body.into(),
        })
    }

    #[test]
    fn a_success_is_said_in_several_ways() {
        for body in [
            "ok",
            "OK\n",
            "",
            r#"{"ok":true}"#,
            r#"{"success":true}"#,
            r#"{"result":"success","msg":""}"#,
        ] {
            assert_eq!(read(200, body), Settlement::accepted(), "{body}");
        }
        assert_eq!(read(204, ""), Settlement::accepted());
    }

    #[test]
    fn the_word_counts_whatever_the_status_is() {
        for status in [200, 400, 403, 404, 410, 500] {
            for word in [
                "no_service",
                "channel_is_archived",
                "action_prohibited",
                "token_revoked",
            ] {
                let unusable = Settlement::Unusable(format!("status {status}: {word}"));
                assert_eq!(read(status, word), unusable);
                let json = format!(r#"{{"ok":false,"error":"{word}"}}"#);
                assert!(matches!(read(status, &json), Settlement::Unusable(_)), "{json}");
            }
            for word in ["no_text", "invalid_payload", "invalid_blocks", "too_many_attachments"] {
                let refused = Settlement::Refused(format!("status {status}: {word}"));
                assert_eq!(read(status, word), refused);
            }
            for word in ["rollup_error", "rate_limited", "service_unavailable"] {
                let retry = Settlement::retry(Some(30_000), format!("status {status}: {word}"));
                assert_eq!(read(status, word), retry);
            }
        }
    }

    #[test]
    fn other_words_are_read_by_the_status_and_a_page_is_no_receipt() {
        assert_eq!(read(429, "slow down"), Settlement::retry(Some(30_000), ""));
        assert_eq!(read(503, "<html>"), Settlement::retry(Some(30_000), ""));
        assert_eq!(
            read(400, "new_word"),
            Settlement::Refused("status 400: new_word".into())
        );
        for body in [
            "<html>",
            "new_word",
            r#"{"ok":false}"#,
            r#"{"ok":false,"error":"new_word"}"#,
        ] {
            assert!(
                matches!(read(200, body), Settlement::Refused(reason) if reason.starts_with("the answer is not Slack's")),
                "{body}"
            );
        }
        assert!(matches!(read(500, "ok"), Settlement::Retry(_)));
    }
}
