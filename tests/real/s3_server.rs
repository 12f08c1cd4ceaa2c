//! [`S3Server`]: moto, which checks signatures and policies as S3 does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, free_port, installed};

/// A running S3.
pub struct S3Server {
    port: u16,
    key: (String, String),
    _folder: TempDir,
    _process: Process,
}

impl S3Server {
    /// Has an empty bucket of that name, and one user who may do what the actions say.
    pub fn start(bucket: &str, actions: &str) -> S3Server {
        S3Server::with(bucket, actions, "")
    }

    /// The same, whose bucket has Object Lock.
    pub fn with_object_lock(bucket: &str, actions: &str) -> S3Server {
        S3Server::with(bucket, actions, "x-amz-bucket-object-lock-enabled: true\r\n")
    }

    fn with(bucket: &str, actions: &str, bucket_headers: &str) -> S3Server {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(installed(&[concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/venv/bin/moto_server"
        )]));
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(folder.path());
        let process = Process::start(&mut command, port, &folder.path().join("said.log"));
        let mut server = S3Server {
            port,
            key: Default::default(),
            _folder: folder,
            _process: process,
        };
        server.exchange("PUT", &format!("/{bucket}"), "s3", "", bucket_headers);
        server.ask(
            "POST",
            "/",
            "iam",
            "Action=CreateUser&Version=2010-05-08&UserName=audit",
        );
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*"}}]}}"#
        );
        let policy: String = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
        server.ask(
            "POST",
            "/",
            "iam",
            &format!("Action=PutUserPolicy&Version=2010-05-08&UserName=audit&PolicyName=p&PolicyDocument={policy}"),
        );
        let key = server.ask(
            "POST",
            "/",
            "iam",
            "Action=CreateAccessKey&Version=2010-05-08&UserName=audit",
        );
        let key = String::from_utf8(key).unwrap();
        server.key = (text(&key, "AccessKeyId"), text(&key, "SecretAccessKey"));
        server.guard(true);
        server
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The id and the secret of the user's key.
    pub fn key(&self) -> (&str, &str) {
        (&self.key.0, &self.key.1)
    }

    /// Names and contents of all objects of a bucket.
    pub fn objects(&self, bucket: &str) -> Vec<(String, Vec<u8>)> {
        self.guard(false);
        let listed = String::from_utf8(self.ask("GET", &format!("/{bucket}?list-type=2"), "s3", "")).unwrap();
        let names = listed
            .split("<Key>")
            .skip(1)
            .map(|rest| rest.split("</Key>").next().unwrap());
        let objects = names
            .map(|name| (name.to_owned(), self.ask("GET", &format!("/{bucket}/{name}"), "s3", "")))
            .collect();
        self.guard(true);
        objects
    }

    /// Removes all objects of a bucket.
    pub fn clear(&self, bucket: &str) {
        let objects = self.objects(bucket);
        self.guard(false);
        for (name, _) in objects {
            self.ask("DELETE", &format!("/{bucket}/{name}"), "s3", "");
        }
        self.guard(true);
    }

    /// Sets whether the server looks at who asks.
    fn guard(&self, on: bool) {
        let unchecked = if on { "0" } else { "1000000" };
        self.ask("POST", "/moto-api/reset-auth", "s3", unchecked);
    }

    /// The body of an answer that must be a success. Which service is meant stands where a signature would.
    fn ask(&self, method: &str, path: &str, service: &str, body: &str) -> Vec<u8> {
        self.exchange(method, path, service, body, "").1
    }

    /// The head of the answer that an object comes with.
    pub fn head(&self, bucket: &str, name: &str) -> String {
        self.guard(false);
        let (head, _) = self.exchange("GET", &format!("/{bucket}/{name}"), "s3", "", "");
        self.guard(true);
        head
    }

    /// Head and body of an answer that must be a success, to a request with these headers too.
    fn exchange(&self, method: &str, path: &str, service: &str, body: &str, headers: &str) -> (String, Vec<u8>) {
        let media_type = match service {
            "iam" => "application/x-www-form-urlencoded",
            _ => "text/plain",
        };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\n\
             Content-Type: {media_type}\r\n{headers}\
             Authorization: AWS4-HMAC-SHA256 Credential=x/20250101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=x\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap();
        assert!(
            status.starts_with('2'),
            "{method} {path}: {}",
            String::from_utf8_lossy(&answer)
        );
        (head, answer.split_off(end + 4))
    }
}

fn text(body: &str, name: &str) -> String {
    let (_, after) = body.split_once(&format!("<{name}>")).unwrap();
    after.split_once('<').unwrap().0.to_owned()
}
