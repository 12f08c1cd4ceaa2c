//! The sinks that need no other program, held to the rules.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tests::conformance::{Subject, hold};
use tests::{Receiver, Reply};

use super::sinks::hostile_plugin;

fn uids(values: &[Value]) -> Vec<String> {
    values
        .iter()
        .map(|value| value["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect()
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Without the requests that only looked whether the receiver is there.
fn bodies(receiver: &Receiver) -> Vec<String> {
    let requests = receiver.received();
    let posts = requests.iter().filter(|request| request.method == "POST");
    posts
        .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
        .collect()
}

/// A sink whose events are posted to the receiver: its first lines, and how the bodies of before are read.
fn hold_posting(label: &str, first: &str, receiver: &Receiver, ids: &dyn Fn() -> Vec<String>, clear: &dyn Fn()) {
    let configuration = |url: &str| {
        format!(
            "[sinks.it]\n{first}\nendpoint = {{ url = \"{url}\", allow-private-addresses = true, retry = {{ attempts = 1 }} }}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    hold(Subject {
        label,
        up: configuration(&receiver.url()),
        down: Some(configuration("http://127.0.0.1:9")),
        folder: folder.path(),
        received: &mut || ids(),
        ordered: true,
        silent: false,
        clear: &mut || {
            receiver.clear();
            clear();
        },
    });
}

#[test]
fn http_keeps_the_rules() {
    let receiver = Receiver::start();
    // A receiver that knows `Idempotency-Key` takes a batch once.
    let ids = || {
        let (requests, mut keys) = (receiver.received(), BTreeSet::new());
        let posts = requests.iter().filter(|request| request.method == "POST");
        let new = posts.filter(|request| keys.insert(request.headers["idempotency-key"].to_str().unwrap()));
        new.flat_map(|request| uids(&json_lines(std::str::from_utf8(&request.body).unwrap())))
            .collect()
    };
    hold_posting("http", "kind = \"http\"", &receiver, &ids, &|| {});
}

#[test]
fn a_plugin_that_sends_keeps_the_rules() {
    let receiver = Receiver::start();
    let lines = || {
        bodies(&receiver)
            .iter()
            .flat_map(|body| body.lines())
            .map(str::to_owned)
            .collect()
    };
    let first = format!("plugin = \"{}\"", hostile_plugin().display());
    hold_posting("plugin", &first, &receiver, &lines, &|| {});
}

#[test]
fn splunk_hec_keeps_the_rules() {
    let receiver = Receiver::with(0, |_| Reply {
        body: r#"{"text":"Success","code":0}"#.into(),
        ..Reply::status(200)
    });
    let ids = || {
        let envelopes = bodies(&receiver)
            .iter()
            .flat_map(|body| json_lines(body))
            .collect::<Vec<_>>();
        let events: Vec<_> = envelopes
            .into_iter()
            .map(|mut envelope| envelope["event"].take())
            .collect();
        uids(&events)
    };
    hold_posting("splunk-hec", "plugin = \"splunk-hec\"", &receiver, &ids, &|| {});
}

#[test]
fn elastic_bulk_keeps_the_rules() {
    // What an index holds, in the order of creation: an id that is there is not created again.
    let index = Arc::new(Mutex::new(Vec::<String>::new()));
    let creating = Arc::clone(&index);
    let receiver = Receiver::with(0, move |request| {
        let mut index = creating.lock().unwrap();
        let lines = json_lines(std::str::from_utf8(&request.body).unwrap());
        let items = lines.chunks(2).map(|pair| {
            let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
            if index.contains(&id) {
                return json!({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": ""}}});
            }
            index.push(id);
            json!({"create": {"status": 201}})
        });
        let items: Vec<Value> = items.collect();
        Reply {
            body: json!({"errors": false, "items": items}).to_string(),
            ..Reply::status(200)
        }
    });
    hold_posting(
        "elastic-bulk",
        "plugin = \"elastic-bulk\"\nencoding = \"ecs\"",
        &receiver,
        &|| index.lock().unwrap().clone(),
        &|| index.lock().unwrap().clear(),
    );
}

/// Keeps the lines that come over TCP, of one connection after the other.
struct Lines {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn start() -> Lines {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (lines, ended) = (Arc::new(Mutex::default()), Arc::new(AtomicBool::new(false)));
        let (kept, end): (Arc<Mutex<Vec<String>>>, _) = (Arc::clone(&lines), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let mut bytes = Vec::new();
                let mut connection = connection.unwrap();
                let _ = connection.read_to_end(&mut bytes);
                // A line that was cut off with its connection is none.
                let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                let text = std::str::from_utf8(&bytes[..whole]).unwrap();
                // All are here before the connection is closed from this side as well.
                kept.lock().unwrap().extend(text.lines().map(str::to_owned));
            }
        });
        Lines {
            address,
            lines,
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The id in a line of CEF. In values `=` is escaped, so the last such key is the genuine one.
fn external_id(line: &str) -> String {
    let (_, after) = line.rsplit_once(" externalId=").unwrap();
    after.split(' ').next().unwrap().to_owned()
}

#[test]
fn cef_over_tcp_keeps_the_rules() {
    let receiver = Lines::start();
    let configuration = |port: u16| {
        format!("[sinks.it]\nplugin = \"cef\"\ntransport = {{ kind = \"tcp\", address = \"127.0.0.1:{port}\" }}\n")
    };
    let folder = tempfile::tempdir().unwrap();
    hold(Subject {
        label: "cef",
        up: configuration(receiver.address.port()),
        down: Some(configuration(9)),
        folder: folder.path(),
        received: &mut || {
            receiver
                .lines
                .lock()
                .unwrap()
                .iter()
                .map(|line| external_id(line))
                .collect()
        },
        ordered: true,
        silent: false,
        clear: &mut || receiver.lines.lock().unwrap().clear(),
    });
}

/// Names and contents of all files below a folder that end like this, in the order of their names.
fn files(folder: &Path, end: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push((path.to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The ids in files of compressed lines.
fn ids_in(files: &[(String, Vec<u8>)]) -> Vec<String> {
    let read = |content: &[u8]| {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(content)
            .read_to_string(&mut text)
            .unwrap();
        uids(&json_lines(&text))
    };
    files.iter().flat_map(|(_, content)| read(content)).collect()
}

/// A sink that writes below the folder `out`.
fn hold_writing(label: &str, sink: &str, ordered: bool, read: &dyn Fn(&Path) -> Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    hold(Subject {
        label,
        up: format!("[sinks.it]\n{sink}\n"),
        down: None,
        folder: folder.path(),
        received: &mut || read(&out),
        ordered,
        silent: false,
        clear: &mut || {
            std::fs::remove_dir_all(&out).unwrap();
            std::fs::create_dir(&out).unwrap();
        },
    });
}

#[test]
fn a_growing_file_keeps_the_rules() {
    hold_writing("file", "kind = \"file\"\npath = \"out/it.ndjson\"", true, &|out| {
        let text = std::fs::read_to_string(out.join("it.ndjson")).unwrap_or_default();
        uids(&json_lines(&text))
    });
}

#[test]
fn a_growing_compressed_file_keeps_the_rules() {
    let sink = "kind = \"file\"\npath = \"out/it.ndjson.gz\"";
    hold_writing("compressed file", sink, true, &|out| {
        ids_in(&files(out, "it.ndjson.gz"))
    });
}

#[test]
fn files_in_rotation_keep_the_rules() {
    let sink = "kind = \"file\"\npath = \"out/it.ndjson.gz\"\nrotate = { bytes = 2000, every = \"1h\" }";
    hold_writing("files in rotation", sink, true, &|out| {
        ids_in(&files(out, ".ndjson.gz"))
    });
}

#[test]
fn objects_in_a_folder_keep_the_rules() {
    let sink = "kind = \"object-store\"\nurl = \"out/archive\"";
    hold_writing("objects", sink, false, &|out| ids_in(&files(out, ".ndjson.gz")));
}
