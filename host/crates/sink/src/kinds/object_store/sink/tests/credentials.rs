//! Credentials: told to nobody, and got from an issuer.

use super::*;

#[tokio::test]
async fn no_credential_is_told_that_a_store_repeats() {
    let repeats = |headers: HeaderMap| async move {
        let token = headers["x-amz-security-token"].to_str().unwrap().to_owned();
        let signed = headers["authorization"].to_str().unwrap().to_owned();
        let message = format!("{} {token} {signed} do-not-print-me", "x".repeat(150));
        (
            StatusCode::FORBIDDEN,
            format!("<Error><Code>{token}</Code><Message>{message}</Message></Error>"),
        )
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(repeats)).await });
    let mut place = bucket(url);
    if let UploadTarget::Bucket(bucket) = &mut place
        && let Credentials::Key { token, .. } = &mut bucket.credentials
    {
        *token = Some("canary-session".to_owned().into());
    }
    let mut sink = sink(place, Format::Ndjson, Compression::None);
    let told = format!(
        "{:?} {:?}",
        sink.deliver(&[event(0)]).await.unwrap(),
        sink.probe().await.unwrap_err()
    );
    assert!(told.contains("[redacted]"), "{told}");
    for secret in ["canary", "do-not-print-me", "do-not-"] {
        assert!(!told.contains(secret), "{told}");
    }
}

/// A service of AWS that hands out credentials, in all its three forms, to who asks as each form wants it; and a store that
/// takes what is signed with them. Says which paths were asked for.
async fn issuer() -> (url::Url, Arc<Mutex<Vec<String>>>) {
    const UNTIL: &str = "2099-01-01T00:00:00Z";
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&asked);
    let answer = move |method: axum::http::Method, uri: Uri, headers: HeaderMap| {
        let path = uri.path().to_owned();
        noted.lock().unwrap().push(path.clone());
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let key = |id: &str| {
            format!(
                r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"s","Token":"canary-{id}","Expiration":"{UNTIL}"}}"#
            )
        };
        let role = uri.query().unwrap_or_default();
        let answer = match path.as_str() {
            "/latest/api/token" if header("x-aws-ec2-metadata-token-ttl-seconds").is_some() => Ok("imds".to_owned()),
            path if path.starts_with("/latest/") && header("x-aws-ec2-metadata-token").as_deref() != Some("imds") => {
                Err(StatusCode::UNAUTHORIZED)
            }
            "/latest/meta-data/iam/security-credentials/" => Ok("archiver".to_owned()),
            "/latest/meta-data/iam/security-credentials/archiver" => Ok(key("INSTANCE")),
            "/v1/credentials" if header("authorization").as_deref() == Some("pod-token") => Ok(key("POD")),
            "/" if role.contains("Action=AssumeRoleWithWebIdentity")
                && role.contains("WebIdentityToken=canary-identity") =>
            {
                Ok(format!(
                    "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
                     <AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>canary-ROLE</SessionToken>\
                     <Expiration>{UNTIL}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
                     </AssumeRoleWithWebIdentityResponse>"
                ))
            }
            path if method == "PUT" && path.starts_with("/audit/") => {
                let signed = header("authorization").unwrap();
                let token = header("x-amz-security-token").unwrap();
                let known = ["INSTANCE", "POD", "ROLE"]
                    .iter()
                    .any(|id| signed.contains(&format!("Credential={id}/")) && token == format!("canary-{id}"));
                if known {
                    Ok(String::new())
                } else {
                    Err(StatusCode::FORBIDDEN)
                }
            }
            _ => Err(StatusCode::FORBIDDEN),
        };
        async move {
            match answer {
                Ok(body) => (StatusCode::OK, [("etag", "\"x\"")], body),
                Err(status) => (status, [("etag", "\"x\"")], String::new()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (url, asked)
}

fn with_credentials(store: url::Url, credentials: Credentials) -> ObjectStoreSink {
    let mut place = bucket(store);
    if let UploadTarget::Bucket(bucket) = &mut place {
        bucket.credentials = credentials;
    }
    sink(place, Format::Ndjson, Compression::None)
}

#[tokio::test]
async fn a_role_signs_with_what_its_issuer_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let (url, asked) = issuer().await;
    let (store, _) = issuer().await;
    for credentials in [
        Credentials::Instance {
            endpoint: Some(url.clone()),
        },
        Credentials::Pod {
            url: url.join("v1/credentials").unwrap(),
            token_file: file("pod", "pod-token"),
        },
        Credentials::WebIdentity {
            role: "arn:aws:iam::1:role/archiver".into(),
            token_file: file("identity", "canary-identity"),
            session: None,
            endpoint: Some(url.clone()),
        },
    ] {
        let named = format!("{credentials:?}");
        let mut sink = with_credentials(store.clone(), credentials);
        for day in [0, DAY] {
            assert_eq!(sink.deliver(&[event(day)]).await.unwrap(), Verdict::Accepted, "{named}");
        }
        let count = std::mem::take(&mut *asked.lock().unwrap()).len();
        assert!(
            (1..=3).contains(&count),
            "{named}: it asks once for what is good for long, not {count} times"
        );
    }
}

#[tokio::test]
async fn an_issuer_s_refusal_is_never_taken_for_the_store_s_answer() {
    let (store, _) = issuer().await;
    // Each of these means something else where a store says it of an object.
    for (status, passes) in [
        (412, false),
        (304, false),
        (501, true),
        (401, false),
        (404, false),
        (503, true),
    ] {
        let (url, _) = answering((status, &[], "")).await;
        let mut sink = with_credentials(store.clone(), Credentials::Instance { endpoint: Some(url) });
        let (found, reason) = match sink.deliver(&[event(0)]).await.unwrap() {
            Verdict::Retry { reason, .. } => (true, reason),
            Verdict::Unusable { reason } => (false, reason),
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(found, passes, "{status}: {reason}");
        assert!(reason.contains("no credential from http://127.0.0.1"), "{reason}");
        assert!(sink.probe().await.is_err());
    }
}
