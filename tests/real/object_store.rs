//! Events in objects: of S3, and of a folder.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use super::desk;
use super::past::Past;
use super::s3_server::S3Server;

const BUCKET: &str = "audit-archive";

fn sink(server: &S3Server, id: &str, more: &str) -> String {
    format!(
        "kind = \"object-store\"\nurl = \"s3://{BUCKET}/team/audit\"\nendpoint = \"{}\"\nallow-private-addresses = true\n\
         access-key-id = \"{id}\"\nsecret-access-key = {{ file = \"key\" }}\nencoding = \"event\"\n{more}\n",
        server.url()
    )
}

fn write_key(desk: &tests::TestEnv, secret: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = desk.write("key", secret);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// The ids in an object, all of the day that its name says.
fn ids(name: &str, content: &[u8]) -> Vec<String> {
    let (_, date) = name.split_once("/report=invalid-login/connection=epm/date=").unwrap();
    assert!(name.ends_with(".ndjson.gz"), "{name}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(content).read_to_string(&mut text).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .map(|event| {
            assert_eq!(event["time"].as_str().unwrap()[..10], date[..10]);
            event["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn all_ids(objects: &[(String, Vec<u8>)]) -> (BTreeSet<String>, usize) {
    let found: Vec<_> = objects.iter().flat_map(|(name, content)| ids(name, content)).collect();
    (found.iter().cloned().collect(), found.len())
}

#[test]
#[ignore = "needs moto"]
fn every_event_is_in_one_object_of_its_day_however_often_it_is_delivered() {
    let (past, desk) = (Past::new(), desk());
    // Whoever only writes needs to read nothing.
    let server = S3Server::start(BUCKET, r#"["s3:PutObject"]"#);
    let (id, secret) = server.key();
    write_key(&desk, secret);
    past.configure(&desk, &sink(&server, id, ""));
    past.assert_usable(&desk, "reached");
    let mut before = Vec::new();
    for _ in 0..2 {
        past.deliver(&desk);
        let objects = server.objects(BUCKET);
        assert!(objects.iter().all(|(name, _)| name.starts_with("team/audit/report=")));
        let (found, count) = all_ids(&objects);
        assert_eq!((found.len(), found), (count, past.ids(&desk)));
        let names: Vec<_> = objects.into_iter().map(|(name, _)| name).collect();
        assert!(names.len() >= 2);
        assert!(before.is_empty() || before == names);
        before = names;
    }
}

#[test]
#[ignore = "needs moto"]
fn objects_of_a_bucket_come_to_a_sink_that_is_new() {
    let (past, desk) = (Past::new(), desk());
    let server = S3Server::start(BUCKET, r#"["s3:PutObject","s3:GetObject","s3:ListBucket"]"#);
    let (id, secret) = server.key();
    write_key(&desk, secret);
    // Objects of more than one range, and of several days.
    let new = "compression = \"none\"\n[sinks.new]\nkind = \"file\"\npath = \"new.ndjson\"\nencoding = \"event\"";
    past.configure(&desk, &sink(&server, id, new));
    past.deliver(&desk);
    let redeliver = |pattern: &str| {
        let arguments = ["redeliver", "--from-archive", pattern, "--sink", "new"];
        let output = desk.host(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", tests::stderr(&output));
        let text = std::fs::read_to_string(desk.path().join("new.ndjson")).unwrap();
        let ids = text.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        ids.collect::<Vec<_>>()
    };
    let of_a_day = redeliver("target:report=invalid-login/**/date=2026-03-02/*");
    let all = past.ids(&desk);
    assert!(!of_a_day.is_empty() && of_a_day.len() < all.len());
    std::fs::remove_file(desk.path().join("new.ndjson")).unwrap();
    let found = redeliver("target");
    assert_eq!(found.len(), all.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all);

    // Whoever may only write cannot read.
    let writer = S3Server::start(BUCKET, r#"["s3:PutObject"]"#);
    let (id, secret) = writer.key();
    write_key(&desk, secret);
    past.configure(&desk, &sink(&writer, id, new));
    let arguments = ["redeliver", "--from-archive", "target", "--sink", "new"];
    let output = desk.host(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", tests::stderr(&output));
    assert!(
        tests::stderr(&output).contains("AccessDenied"),
        "{}",
        tests::stderr(&output)
    );
}

/// The sink without a key of its own.
fn by(server: &S3Server, more: &str) -> String {
    format!(
        "kind = \"object-store\"\nurl = \"s3://{BUCKET}/team/audit\"\nendpoint = \"{}\"\nregion = \"us-east-1\"\n\
         allow-private-addresses = true\nencoding = \"event\"\n{more}\n",
        server.url()
    )
}

#[test]
#[ignore = "needs moto"]
fn a_credential_comes_from_the_environment_or_a_profile() {
    let (past, desk) = (Past::new(), desk());
    let server = S3Server::start(BUCKET, r#"["s3:PutObject"]"#);
    let (id, secret) = server.key();
    past.configure(&desk, &by(&server, ""));
    let expected = past.ids(&desk);
    let delivered = |variables: &[(&str, &str)]| {
        past.deliver_with(&desk, variables);
        let (found, count) = all_ids(&server.objects(BUCKET));
        assert_eq!((found.len(), &found), (count, &expected));
        server.clear(BUCKET);
    };
    let key = [("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)];
    for credentials in ["", "credentials = \"environment\""] {
        past.configure(&desk, &by(&server, credentials));
        delivered(&key);
    }

    std::fs::create_dir(desk.path().join(".aws")).unwrap();
    desk.write_secret(
        ".aws/credentials",
        format!("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n[audit]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
    );
    past.configure(&desk, &by(&server, "profile = \"audit\""));
    delivered(&[]);
    past.configure(&desk, &by(&server, "credentials = \"profile\""));
    delivered(&[("AWS_PROFILE", "audit")]);
}

#[test]
#[ignore = "needs moto"]
fn what_s3_refuses_is_told() {
    let (past, desk) = (Past::new(), desk());
    let server = S3Server::start(BUCKET, r#"["s3:GetObject","s3:PutObject","s3:ListBucket"]"#);
    let (id, secret) = server.key();
    write_key(&desk, secret);
    past.configure(&desk, &sink(&server, id, "").replace(BUCKET, "not-there"));
    past.assert_refused(&desk, "NoSuchBucket");
    past.configure(&desk, &sink(&server, "AKIAUNKNOWN", ""));
    past.assert_refused(&desk, "InvalidAccessKeyId");
    write_key(&desk, "not-the-secret");
    past.configure(&desk, &sink(&server, id, ""));
    past.assert_refused(&desk, "SignatureDoesNotMatch");
    assert!(server.objects(BUCKET).is_empty());

    let reader = S3Server::start(BUCKET, r#"["s3:GetObject","s3:ListBucket"]"#);
    let (id, secret) = reader.key();
    write_key(&desk, secret);
    past.configure(&desk, &sink(&reader, id, ""));
    past.assert_undelivered(&desk, "AccessDenied");
}

fn read(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => read(&path, files),
            false => files.push((path.to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())),
        }
    }
}

#[test]
fn a_folder_holds_the_same_objects() {
    let (past, desk) = (Past::new(), desk());
    past.configure(
        &desk,
        "kind = \"object-store\"\nurl = \"archive/audit\"\nencoding = \"event\"\n",
    );
    past.assert_usable(&desk, "can be written");
    for _ in 0..2 {
        past.deliver(&desk);
        let mut files = Vec::new();
        read(&desk.path().join("archive/audit"), &mut files);
        let (found, count) = all_ids(&files);
        assert_eq!((found.len(), found), (count, past.ids(&desk)));
    }
}
