//! The sign-in of a person, by a device code.

use super::*;

#[tokio::test]
async fn a_person_signs_in_once_and_the_connection_works_from_then_on() {
    let server = Server::start(|seen, n| match seen.path.as_str() {
        "/oauth2/v1/device" => device_answer(seen),
        TOKEN if form(seen)["grant_type"] == "refresh_token" => {
            assert_eq!(form(seen)["refresh_token"], "refresh-1");
            json(200, r#"{"access_token":"access-2","expires_in":3600}"#)
        }
        TOKEN if n < 3 => json(400, r#"{"error":"authorization_pending"}"#),
        TOKEN => json(
            200,
            r#"{"access_token":"access-1","refresh_token":"refresh-1","expires_in":3600}"#,
        ),
        _ => json(200, seen.header("authorization").unwrap().to_owned()),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
    let login = DeviceLogin::start(&settings).await.unwrap();
    assert_eq!(login.prompt().user_code, "ABCD-EFGH");
    assert_eq!(login.prompt().verification_uri.path(), "/ui/v1/device");
    assert_eq!(login.prompt().expires_in, Duration::from_secs(300));
    login.wait().await.unwrap();
    assert_eq!(api(&Remote::new(settings).unwrap()).await.unwrap(), "Bearer access-2");
    let seen = server.seen();
    let (start, poll) = (form(&seen[0]), form(&seen[1]));
    assert_eq!(
        (start["response_type"].as_str(), start["client_id"].as_str()),
        ("device_code", "client-1")
    );
    assert_eq!(poll["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_sign_in_that_fails_ends() {
    for (body, class) in [
        (r#"{"error":"access_denied"}"#, ErrorKind::Refused),
        (r#"{"error":"expired_token"}"#, ErrorKind::Refused),
        (r#"{"error":"invalid_grant"}"#, ErrorKind::Refused),
    ] {
        let server = Server::start(move |seen, _| match seen.path.as_str() {
            "/oauth2/v1/device" => device_answer(seen),
            _ => json(400, body),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
        let error = DeviceLogin::start(&settings).await.unwrap().wait().await.unwrap_err();
        assert_eq!(error.kind(), class);
        assert_secret_free(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn a_sign_in_page_that_cannot_be_trusted_is_not_shown() {
    for uri in [
        "http://evil.example/",
        "javascript:alert(1)",
        "https://user:pass@idcs.example/",
        "",
        "no url",
    ] {
        let server = Server::start(move |_, _| {
            json(
                200,
                json!({"device_code": "d", "user_code": "u", "verification_uri": uri}).to_string(),
            )
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let settings = with(&server.url(), refreshing(&folder.path().join("epm.json"), None));
        let Err(error) = DeviceLogin::start(&settings).await else {
            panic!("{uri} was accepted")
        };
        assert_eq!(error.kind(), ErrorKind::Failed, "{uri}");
    }
}

#[tokio::test]
async fn only_connections_that_keep_a_refresh_token_can_sign_in() {
    let canary = Canary::start().await;
    let Err(error) = DeviceLogin::start(&with(&canary.url(), secret_client())).await else {
        panic!("accepted")
    };
    assert_eq!(error.kind(), ErrorKind::Usage);
    canary.assert_untouched();
}
