//! Sessions with OCI, against those who issue their tokens: the metadata service and the federation endpoint, the cluster, the
//! endpoint that renews what a user signed in for; and files that somebody else replaces.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::response::Response;
use base::ErrorKind;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use remote::{
    Auth, Exchange, MetadataAddress, OciAuth, OciPrincipal, OciResource, OciSecret, OciSession, OciWorkload, Remote,
    RemoteError, Request, RsaKey, Settings,
};
use serde_json::{Value, json};
use servers::*;

use crate::oci::{KEY, PUBLIC};
use crate::signatures::{public_pem, verified};

const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";

/// A token that ends in so many seconds; its number makes it another one than all others.
fn token(number: usize, seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iat": now + seconds - 3600, "exp": now + seconds, "jti": number });
    format!("{}.{}.{CANARY}", part(json!({ "alg": "RS256" })), part(claims))
}

fn signing(url: &str, principal: OciPrincipal, token_url: Option<&str>) -> Settings {
    let mut settings = settings(url);
    settings.auth = Auth::Oci(Box::new(OciAuth {
        principal,
        token_url: token_url.map(|url| url.parse().unwrap()),
    }));
    settings
}

async fn api(remote: &Remote) -> Result<(), RemoteError> {
    let answer = remote.exchange(Request::get(remote.resolve("/api").unwrap())).await;
    if let Err(error) = &answer {
        assert_secret_free(&format!("{error} {error:?} {:?} {remote:?}", error.hint()));
    }
    answer.map(drop)
}

fn secret_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn requests(server: &Server, path: &str) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.path == path).collect()
}

fn form(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}

/// A certificate such as instances have, for the key of the tests.
fn leaf(subject: &str) -> String {
    let key = rcgen::KeyPair::from_pem(KEY).unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    let name = &mut parameters.distinguished_name;
    name.push(rcgen::DnType::CommonName, "ocid1.instance.oc1..aaaaexampleinstance");
    name.push(rcgen::DnType::OrganizationalUnitName, "opc-certtype:instance");
    name.push(rcgen::DnType::OrganizationName, subject);
    parameters.self_signed(&key).unwrap().pem()
}

fn text(body: impl Into<String>) -> Response {
    respond(200, "text/plain", body.into())
}

/// A machine of OCI, and the service that is asked: its answers to `/v1/x509` and `/api` are the test's.
async fn cloud(subject: &str, rest: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static) -> Server {
    let leaf = leaf(subject);
    Server::start(move |seen, _| match seen.path.as_str() {
        path if path.starts_with("/opc/v2/") && seen.header("authorization") != Some("Bearer Oracle") => {
            respond(403, "text/plain", "")
        }
        "/opc/v2/identity/cert.pem" | "/opc/v2/identity/intermediate.pem" => text(leaf.clone()),
        "/opc/v2/identity/key.pem" => text(KEY),
        "/opc/v2/instance/region" => text("mars-north-1"),
        _ => rest(seen).unwrap_or_else(|| json(404, "{}")),
    })
    .await
}

fn of_instance(server: &Server, federated: bool) -> Settings {
    let address = MetadataAddress::parse(Some(&format!("{}/opc/v2", server.url()))).unwrap();
    let federation = format!("{}/v1/x509", server.url());
    signing(
        &server.url(),
        OciPrincipal::Instance(address),
        federated.then_some(&*federation),
    )
}

/// Issues tokens that are good for so long, one after another.
fn issue(seconds: i64) -> impl Fn() -> String + Send + Sync {
    let issued = Mutex::new(0);
    move || {
        let mut issued = issued.lock().unwrap();
        *issued += 1;
        token(*issued, seconds)
    }
}

#[tokio::test]
async fn an_instance_gets_a_token_for_a_new_key_and_signs_with_that() {
    let issue = issue(3600);
    let server = cloud(&format!("opc-tenant:{TENANCY}"), move |seen| match seen.path.as_str() {
        "/v1/x509" => Some(json(200, format!("\n{}\n", json!({ "token": issue() })))),
        "/api" => Some(json(200, "[]")),
        _ => None,
    })
    .await;
    let remote = Arc::new(Remote::new(of_instance(&server, true)).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let remote = Arc::clone(&remote);
            tokio::spawn(async move { api(&remote).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let [federation] = &requests(&server, "/v1/x509")[..] else {
        panic!("one token serves all")
    };
    let signature = verified(federation, PUBLIC);
    assert_eq!(
        signature.headers,
        "date (request-target) content-length content-type x-content-sha256"
    );
    let (prefix, fingerprint) = signature.key_id.rsplit_once('/').unwrap();
    assert_eq!(prefix, format!("{TENANCY}/fed-x509-sha256"));
    assert_eq!((fingerprint.len(), fingerprint.matches(':').count()), (95, 31));
    let form = form(federation);
    assert_eq!(form["fingerprintAlgorithm"], "SHA256");
    assert_eq!(form["intermediateCertificates"][0], form["certificate"]);
    assert!(form["certificate"].as_str().unwrap().starts_with("MII"));
    let session = public_pem(form["publicKey"].as_str().unwrap());
    assert_ne!(session.replace('\n', ""), PUBLIC.replace('\n', ""));
    for seen in requests(&server, "/api") {
        let signature = verified(&seen, &session);
        assert!(signature.key_id.starts_with("ST$ey"), "{}", signature.key_id);
        assert_eq!(signature.headers, "date (request-target) host");
    }
}

#[tokio::test]
async fn a_recording_holds_nothing_of_how_a_session_came_about() {
    let issue = issue(3600);
    let server = cloud(&format!("opc-tenant:{TENANCY}"), move |seen| match seen.path.as_str() {
        "/v1/x509" => Some(json(200, json!({ "token": issue() }).to_string())),
        "/api" => Some(json(200, json!({ "echo": seen.header("authorization") }).to_string())),
        _ => None,
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording");
    let mut settings = of_instance(&server, true);
    settings.exchange = Exchange::Record {
        folder: path.clone(),
        notes: Default::default(),
    };
    api(&Remote::new(settings).unwrap()).await.unwrap();
    let mut whole = String::new();
    for entry in std::fs::read_dir(&path).unwrap() {
        whole += &String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    assert!(whole.contains("/api"), "{whole}");
    for secret in [CANARY, "x509", "cert.pem", "PRIVATE KEY"] {
        assert!(!whole.contains(secret), "{secret} is in {whole}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_together_with_its_key() {
    let first = token(1, 3600);
    let tokens = Mutex::new(vec![token(2, 3600), first.clone()]);
    let server = cloud(&format!("opc-tenant:{TENANCY}"), move |seen| match seen.path.as_str() {
        "/v1/x509" => Some(json(200, json!({ "token": tokens.lock().unwrap().pop() }).to_string())),
        "/api" if seen.header("authorization").unwrap().contains(&first) => Some(json(401, "{}")),
        "/api" => Some(json(200, "[]")),
        _ => None,
    })
    .await;
    let remote = Remote::new(of_instance(&server, true)).unwrap();
    api(&remote).await.unwrap();
    let forms: Vec<Value> = requests(&server, "/v1/x509").iter().map(form).collect();
    assert_eq!(forms.len(), 2, "signed anew once");
    assert_ne!(forms[0]["publicKey"], forms[1]["publicKey"]);
    let [first, second] = &requests(&server, "/api")[..] else {
        panic!("two attempts")
    };
    for (seen, form) in [(first, &forms[0]), (second, &forms[1])] {
        verified(seen, &public_pem(form["publicKey"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_machine_that_is_no_instance_is_told_so() {
    let canary = Server::start(|_, _| json(404, "{}")).await;
    let address = MetadataAddress::parse(Some(&format!("{}/opc/v2", canary.url()))).unwrap();
    let settings = signing(&canary.url(), OciPrincipal::Instance(address), None);
    let error = api(&Remote::new(settings).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("metadata service"), "{error}");
    assert!(error.hint().unwrap().contains("oci-api-key"), "{error}");
    let unknown = cloud(&format!("opc-tenant:{TENANCY}"), |_| None).await;
    let error = api(&Remote::new(of_instance(&unknown, false)).unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("mars-north-1"), "{error}");
    let nobody = cloud("opc-nothing", |_| None).await;
    let error = api(&Remote::new(of_instance(&nobody, true)).unwrap())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("without a tenancy"), "{error}");
}

#[tokio::test]
async fn the_metadata_service_is_asked_past_the_rules_and_past_the_proxy_and_nobody_else_is() {
    let server = cloud(&format!("opc-tenant:{TENANCY}"), |_| None).await;
    let proxy = Canary::start().await;
    let mut settings = of_instance(&server, false);
    settings.base = "https://audit.eu-frankfurt-1.oraclecloud.com".parse().unwrap();
    settings.allow_private_addresses = false;
    settings.proxy = Some(remote::Proxy {
        url: proxy.url().parse().unwrap(),
        credentials: None,
    });
    let error = Remote::new(settings.clone()).unwrap().authenticate().await.unwrap_err();
    assert!(error.to_string().contains("mars-north-1"), "{error}");
    proxy.assert_untouched();
    // What is configured beside it is under the rules.
    let Auth::Oci(auth) = &mut settings.auth else {
        panic!("it signs")
    };
    auth.token_url = Some(format!("{}/v1/x509", server.url()).parse().unwrap());
    let error = Remote::new(settings).unwrap_err();
    assert!(matches!(error, RemoteError::AddressRefused { .. }), "{error}");
}

fn of_user(server: &Server, token_file: &Path) -> Settings {
    let session = OciSession {
        token_file: token_file.to_owned(),
        key: Arc::new(RsaKey::from_pem(&KEY.into()).unwrap()),
        region: None,
        profile: "WORK".into(),
    };
    let refresh = format!("{}/v1/authentication/refresh", server.url());
    signing(&server.url(), OciPrincipal::Session(session), Some(&refresh))
}

fn key_ids(server: &Server) -> Vec<String> {
    let seen = requests(server, "/api");
    seen.iter().map(|seen| verified(seen, PUBLIC).key_id).collect()
}

#[tokio::test]
async fn a_session_that_is_ending_is_renewed_and_the_new_token_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (token(1, 60), token(2, 3600));
    let file = secret_file(folder.path(), "token", &old);
    let next = new.clone();
    let server = Server::start(move |seen, _| match seen.path.as_str() {
        "/v1/authentication/refresh" => json(200, json!({ "token": next }).to_string()),
        _ => json(200, "[]"),
    })
    .await;
    let remote = Remote::new(of_user(&server, &file)).unwrap();
    for _ in 0..2 {
        api(&remote).await.unwrap();
    }
    let [refresh] = &requests(&server, "/v1/authentication/refresh")[..] else {
        panic!("renewed once")
    };
    assert_eq!(form(refresh), json!({ "currentToken": old }));
    assert_eq!(verified(refresh, PUBLIC).key_id, format!("ST${old}"));
    assert_eq!(key_ids(&server), [format!("ST${new}"), format!("ST${new}")]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), new);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_token_that_somebody_else_renewed_is_taken_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (token(1, 3600), token(2, 3600));
    let file = secret_file(folder.path(), "token", &format!("{old}\n"));
    let (path, next) = (file.clone(), new.clone());
    let server = Server::start(move |_, n| match n {
        0 => {
            std::fs::write(&path, &next).unwrap();
            json(401, "{}")
        }
        _ => json(200, "[]"),
    })
    .await;
    api(&Remote::new(of_user(&server, &file)).unwrap()).await.unwrap();
    assert_eq!(key_ids(&server), [format!("ST${old}"), format!("ST${new}")]);
    assert!(requests(&server, "/v1/authentication/refresh").is_empty());
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_is_used_to_its_end_and_then_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (seconds, refused) in [(60, false), (-10, true)] {
        let file = secret_file(folder.path(), "token", &token(1, seconds));
        let server = Server::start(|seen, _| match seen.path.as_str() {
            "/v1/authentication/refresh" => json(
                401,
                json!({ "code": "NotAuthenticated", "message": form(seen)["currentToken"] }).to_string(),
            ),
            _ => json(200, "[]"),
        })
        .await;
        let outcome = api(&Remote::new(of_user(&server, &file)).unwrap()).await;
        assert_eq!(outcome.is_err(), refused);
        if let Err(error) = outcome {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "token-refused"));
            let hint = error.hint().unwrap();
            assert!(hint.contains("oci session authenticate --profile-name WORK"), "{hint}");
        }
    }
}

#[tokio::test]
async fn a_file_that_holds_no_token_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| json(200, "[]")).await;
    let file = secret_file(folder.path(), "token", "two words");
    let error = api(&Remote::new(of_user(&server, &file)).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("token holds no session token"), "{error}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = api(&Remote::new(of_user(&server, &file)).unwrap()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("chmod"), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_files_of_a_resource_are_read_again_when_their_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (token(1, 3600), token(2, 3600));
    let file = folder.path().join("rpst");
    // Whoever provides it decides who may read it.
    std::fs::write(&file, &old).unwrap();
    let (path, next) = (file.clone(), new.clone());
    let server = Server::start(move |_, n| match n {
        0 => {
            std::fs::write(&path, &next).unwrap();
            json(401, "{}")
        }
        _ => json(200, "[]"),
    })
    .await;
    let resource = OciResource {
        token: OciSecret::File(file.clone()),
        private_key: OciSecret::Text(KEY.into()),
    };
    let settings = || signing(&server.url(), OciPrincipal::Resource(resource.clone()), None);
    api(&Remote::new(settings()).unwrap()).await.unwrap();
    assert_eq!(key_ids(&server), [format!("ST${old}"), format!("ST${new}")]);
    std::fs::remove_file(&file).unwrap();
    let error = api(&Remote::new(settings()).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("rpst"), "{error}");
}

#[tokio::test]
async fn a_pod_gets_a_token_for_its_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let account = folder.path().join("account");
    std::fs::write(&account, format!("{CANARY}\n")).unwrap();
    let issued = format!("ST${}", token(1, 3600));
    let server = Server::start(move |seen, n| match (seen.path.as_str(), n) {
        ("/resourcePrincipalSessionTokens", 0) => respond(503, "text/plain", ""),
        ("/resourcePrincipalSessionTokens", _) => {
            let answer = BASE64_STANDARD.encode(json!({ "token": issued }).to_string());
            json(200, json!(answer).to_string())
        }
        _ => json(200, "[]"),
    })
    .await;
    let workload = || {
        OciPrincipal::Workload(OciWorkload {
            issuer: format!("{}/resourcePrincipalSessionTokens", server.url())
                .parse()
                .unwrap(),
            ca_file: folder.path().join("ca.crt"),
            token_file: account.clone(),
        })
    };
    api(&Remote::new(signing(&server.url(), workload(), None)).unwrap())
        .await
        .unwrap();
    let asked = requests(&server, "/resourcePrincipalSessionTokens");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].header("authorization"), Some(&*format!("Bearer {CANARY}")));
    let session = public_pem(form(&asked[1])["podKey"].as_str().unwrap());
    let [api] = &requests(&server, "/api")[..] else {
        panic!("one request")
    };
    assert_eq!(verified(api, &session).key_id, format!("ST${}", token_of(api)));
}

fn token_of(seen: &Seen) -> &str {
    let credential = seen.header("authorization").unwrap();
    credential.split_once("ST$").unwrap().1.split_once('"').unwrap().0
}

#[tokio::test]
async fn a_basic_cluster_is_named_where_it_gives_no_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let account = folder.path().join("account");
    std::fs::write(&account, CANARY).unwrap();
    let server = Server::start(|_, _| json(403, "{}")).await;
    let workload = OciPrincipal::Workload(OciWorkload {
        issuer: format!("{}/resourcePrincipalSessionTokens", server.url())
            .parse()
            .unwrap(),
        ca_file: folder.path().join("ca.crt"),
        token_file: account,
    });
    let error = api(&Remote::new(signing(&server.url(), workload, None)).unwrap())
        .await
        .unwrap_err();
    assert!(error.hint().unwrap().contains("enhanced cluster"), "{error}");
}

#[tokio::test]
async fn an_answer_without_a_token_is_no_answer() {
    for body in [
        "",
        "<html>",
        "{}",
        "{\"token\":7}",
        "{\"token\":\"\"}",
        "{\"token\":\"a b\"}",
        "[]",
    ] {
        let server = cloud(&format!("opc-tenant:{TENANCY}"), move |seen| {
            (seen.path == "/v1/x509").then(|| json(200, body))
        })
        .await;
        let error = api(&Remote::new(of_instance(&server, true)).unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{body}: {error}");
        assert!(requests(&server, "/api").is_empty());
    }
}
