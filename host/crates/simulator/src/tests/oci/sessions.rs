//! Sessions of an instance and of a pod.

use super::*;

/// A request to the metadata service.
async fn metadata(running: &RunningSimulator, path: &str) -> String {
    let answer = raw(
        running,
        "GET",
        &format!("/opc/v2/{path}"),
        &[("Authorization", "Bearer Oracle")],
        "",
    )
    .await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text().to_owned()
}

#[tokio::test]
async fn an_instance_gets_a_token_for_its_certificate_and_signs_with_it() {
    let running = start("").await;
    assert_eq!(metadata(&running, "instance/region").await, "eu-frankfurt-1");
    let unasked = raw(&running, "GET", "/opc/v2/identity/key.pem", &[], "").await;
    assert_eq!(unasked.status, 401);
    let (leaf, intermediate) = (
        metadata(&running, "identity/cert.pem").await,
        metadata(&running, "identity/intermediate.pem").await,
    );
    let bare = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let der = STANDARD.decode(bare(&leaf)).unwrap();
    let digits: Vec<String> = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    let key_id = format!("{}/fed-x509-sha256/{}", running.oci_user().tenancy, digits.join(":"));
    assert!(String::from_utf8_lossy(&der).contains(&format!("opc-tenant:{}", running.oci_user().tenancy)));
    // The session's key may be any; the demo user's public one is at hand.
    let body = serde_json::json!({
        "certificate": bare(&leaf), "fingerprintAlgorithm": "SHA256", "intermediateCertificates": [bare(&intermediate)],
        "publicKey": bare(crate::oci::demo_user::PUBLIC_KEY),
    });
    let body = body.to_string();
    let post = [
        "date",
        "(request-target)",
        "content-length",
        "content-type",
        "x-content-sha256",
    ];
    let answer = Signed::new(&running, "POST", "/v1/x509", &body)
        .key(&key_id)
        .headers(&post)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);

    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let by = async |token: &str| {
        Signed::new(&running, "GET", &path, "")
            .key(&format!("ST${token}"))
            .send()
            .await
            .status
    };
    assert_eq!((by(&token).await, by("other").await), (200, 401));

    let current = serde_json::json!({ "currentToken": token }).to_string();
    let path = "/v1/authentication/refresh";
    let renewed = Signed::new(&running, "POST", path, &current)
        .key(&format!("ST${token}"))
        .send()
        .await;
    let renewed = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((renewed != token, by(&renewed).await), (true, 200));

    let other = body.replace(&bare(&leaf), &bare(&intermediate));
    let refused = Signed::new(&running, "POST", "/v1/x509", &other)
        .key(&key_id)
        .headers(&post)
        .send()
        .await;
    assert_eq!(refused.status, 400);
    let unknown = format!("{}/fed-x509-sha256/00", running.oci_user().tenancy);
    let refused = Signed::new(&running, "POST", "/v1/x509", &body)
        .key(&unknown)
        .headers(&post)
        .send()
        .await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let running = start("token-life=0").await;
    let token = running.oci_session_token(crate::oci::demo_user::PUBLIC_KEY).unwrap();
    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let answer = Signed::new(&running, "GET", &path, "")
        .key(&format!("ST${token}"))
        .send()
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_pod_gets_a_token_for_its_service_account() {
    let running = start("").await;
    let body = serde_json::json!({ "podKey": crate::oci::demo_user::PUBLIC_KEY }).to_string();
    let path = "/resourcePrincipalSessionTokens";
    let answer = raw(&running, "POST", path, &[("Authorization", "Bearer demo-token")], &body).await;
    let inner = STANDARD.decode(answer.json().as_str().unwrap()).unwrap();
    let inner: Value = serde_json::from_slice(&inner).unwrap();
    let path = format!(
        "/20190901/auditEvents?compartmentId={}&{WINDOW}",
        running.oci_user().tenancy
    );
    let answer = Signed::new(&running, "GET", &path, "")
        .key(inner["token"].as_str().unwrap())
        .send()
        .await;
    assert_eq!(answer.status, 200);
}
