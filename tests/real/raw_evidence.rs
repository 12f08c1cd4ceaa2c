//! Raw evidence in S3, in objects that nobody may remove.

use serde_json::Value;
use tests::{Server, TestEnv, json_lines, stderr};

use super::s3_server::S3Server;
use super::{PASSWORD, connect, desk};

const BUCKET: &str = "audit-evidence";
const NOW: &str = "2026-03-05T12:00:00Z";

fn configure(desk: &TestEnv, server: &Server, bucket: &S3Server) {
    let (id, secret) = bucket.key();
    desk.write_secret("key", secret);
    let more = format!(
        "[evidence]\nobject-store = {{ url = \"s3://{BUCKET}/prod\", endpoint = \"{}\", allow-private-addresses = true, \
         access-key-id = \"{id}\", secret-access-key = {{ file = \"key\" }} }}\n\
         object-lock = {{ mode = \"governance\", retain = \"365d\" }}\n",
        bucket.url()
    );
    connect(desk, &server.url(), &more);
}

fn collect(desk: &TestEnv, report: &str, code: i32) -> String {
    let words = report.split(' ');
    let rest = ["--now", NOW, "--ledger", "ledger.db", "--sink", "file:events.ndjson"];
    let mut command = desk.host(std::iter::once("run").chain(words).chain(rest).collect::<Vec<_>>());
    let output = command.env("EPM_PASSWORD", PASSWORD).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{report}: {}", stderr(&output));
    stderr(&output)
}

fn verified(desk: &TestEnv, code: i32) -> Value {
    let output = desk.host(["evidence", "verify", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    json_lines(&output).remove(0)
}

#[test]
#[ignore = "needs moto"]
fn documents_and_their_lines_are_locked_and_verified() {
    let (desk, server) = (desk(), Server::start(&format!("rows=60,plain-names,now={NOW}")));
    let bucket = S3Server::with_object_lock(
        BUCKET,
        r#"["s3:PutObject","s3:PutObjectRetention","s3:GetObject","s3:ListBucket"]"#,
    );
    configure(&desk, &server, &bucket);
    for report in [
        "invalid-login",
        "user-login",
        "user-login --from 2026-03-04 --to 2026-03-04",
    ] {
        collect(&desk, report, 0);
    }
    let report = verified(&desk, 0);
    assert_eq!(
        report["last"].as_array().unwrap().len(),
        2,
        "a chain for each stream: {report}"
    );
    assert!(report["documents"].as_u64() >= Some(3), "{report}");
    let objects = bucket.objects(BUCKET);
    assert_eq!(objects.len() as u64, 2 * report["documents"].as_u64().unwrap());
    for (name, _) in &objects {
        assert!(name.starts_with("prod/"), "{name}");
        let head = bucket.head(BUCKET, name).to_ascii_lowercase();
        assert!(head.contains("x-amz-object-lock-mode: governance"), "{name}: {head}");
        assert!(
            head.contains("x-amz-object-lock-retain-until-date: 20"),
            "{name}: {head}"
        );
    }
}

#[test]
#[ignore = "needs moto"]
fn what_a_bucket_does_not_take_is_not_delivered() {
    let (desk, server) = (desk(), Server::start(&format!("rows=60,plain-names,now={NOW}")));
    let bucket = S3Server::with_object_lock(BUCKET, r#"["s3:GetObject","s3:ListBucket"]"#);
    configure(&desk, &server, &bucket);
    let said = collect(&desk, "user-login", 7);
    assert!(
        said.contains("cannot keep a document as evidence in s3://audit-evidence/prod"),
        "{said}"
    );
    assert!(said.contains("hint: see that the bucket has Object Lock"), "{said}");
    let delivered = std::fs::read(desk.path().join("events.ndjson")).unwrap_or_default();
    assert!(delivered.is_empty());
    assert!(bucket.objects(BUCKET).is_empty());
}
