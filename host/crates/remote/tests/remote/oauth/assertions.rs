//! Signed assertions, of clients and of users, and the clocks that they go by.

use super::*;

fn signing_key() -> SigningKey {
    let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
        .unwrap()
        .serialize_pem();
    SigningKey::new(
        &pem.into(),
        KeyId::Alias("cert-1".into()),
        Some("https://issuer.example/".into()),
    )
    .unwrap()
}

fn claims(assertion: &str) -> Value {
    let part = assertion.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_client_may_prove_itself_by_a_signed_assertion() {
    let server = issuer(json!(3600), |_, _| None).await;
    let client = oauth(ClientAuth::Assertion(signing_key()), GrantType::ClientCredentials);
    api(&Remote::new(with(&server.url(), client)).unwrap()).await.unwrap();
    let form = form(&token_requests(&server)[0]);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert_eq!(
        (form["client_id"].as_str(), form["grant_type"].as_str()),
        ("client-1", "client_credentials")
    );
    let claims = claims(&form["client_assertion"]);
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!("client-1"), &json!("client-1"))
    );
}

#[tokio::test]
async fn a_client_may_vouch_for_a_user() {
    let server = issuer(json!(3600), |_, _| None).await;
    let grant = GrantType::UserAssertion {
        user: "jdoe".into(),
        key: signing_key(),
    };
    api(&Remote::new(with(&server.url(), oauth(ClientAuth::Basic(CANARY.into()), grant))).unwrap())
        .await
        .unwrap();
    let request = &token_requests(&server)[0];
    assert!(request.header("authorization").is_some());
    let form = form(request);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims = claims(&form["assertion"]);
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client-1"), &json!("jdoe")));
}

/// Takes assertions that are good by a clock so far ahead.
async fn with_clock(ahead: i64) -> Server {
    issuer(json!(3600), move |seen, _| {
        if seen.path != TOKEN {
            return None;
        }
        let now = std::time::SystemTime::now();
        let seconds = i64::try_from(now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap() + ahead;
        let form = form(seen);
        let claims = claims(form.get("client_assertion").unwrap_or_else(|| &form["assertion"]));
        let good = (claims["iat"].as_i64().unwrap()..claims["exp"].as_i64().unwrap()).contains(&seconds);
        (!good).then(|| {
            let mut response = json(401, r#"{"error":"invalid_client"}"#);
            let date = std::time::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap());
            response
                .headers_mut()
                .insert("date", httpdate::fmt_http_date(date).parse().unwrap());
            response
        })
    })
    .await
}

#[tokio::test]
async fn a_server_with_another_clock_is_met_halfway_and_no_further() {
    let user = || GrantType::UserAssertion {
        user: "jdoe".into(),
        key: signing_key(),
    };
    let client = || ClientAuth::Assertion(signing_key());
    for (ahead, followed) in [(600, true), (-600, true), (890, true), (1000, false), (-7200, false)] {
        for oauth in [
            oauth(client(), GrantType::ClientCredentials),
            oauth(ClientAuth::Basic(CANARY.into()), user()),
            oauth(client(), user()),
        ] {
            let server = with_clock(ahead).await;
            let answer = api(&Remote::new(with(&server.url(), oauth)).unwrap()).await;
            if followed {
                assert_eq!(answer.unwrap(), "Bearer token-1", "{ahead}");
                assert_eq!(token_requests(&server).len(), 2);
            } else {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Refused, "{ahead}: {error}");
                let hint = error.hint().unwrap();
                assert!(hint.contains("set this machine's clock right"), "{hint}");
                assert_eq!(token_requests(&server).len(), 1, "nothing is dated by such a clock");
            }
        }
    }
}

#[tokio::test]
async fn an_assertion_is_for_the_token_endpoint_unless_told_otherwise() {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = |audience: Option<&str>| {
        SigningKey::new(&pem.clone().into(), KeyId::Alias("a".into()), audience.map(Into::into)).unwrap()
    };
    for audience in [None, Some("https://elsewhere.example/")] {
        let server = issuer(json!(3600), |_, _| None).await;
        let grant = GrantType::UserAssertion {
            user: "jdoe".into(),
            key: key(audience),
        };
        let mut oauth = oauth(ClientAuth::Assertion(key(audience)), grant);
        oauth.token_url = Some(format!("{}{TOKEN}?tenant=a", server.url()).parse().unwrap());
        drop(api(&Remote::new(with(&server.url(), oauth)).unwrap()).await);
        let seen = server.seen();
        let form = form(&seen[0]);
        let own = format!("{}{TOKEN}", server.url());
        for assertion in ["assertion", "client_assertion"] {
            assert_eq!(claims(&form[assertion])["aud"], audience.unwrap_or(&own), "{assertion}");
        }
    }
}
