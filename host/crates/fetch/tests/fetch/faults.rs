//! Every phase of a fetch against everything that a server can do wrong: each ends in its documented class, in bounded
//! time, without a credential outside the origin, and without a document.

mod proxy;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::ErrorKind;
use fetch::{FetchError, FetchLimits, Fetcher};
use remote::{Auth, CaFile, ClientAuth, GrantType, OAuth2, Remote, Request, Settings};
use sandbox::{Fetch, HttpRequest, Job, Method, Pages, Paging};
use servers::*;
use simulator::{CertificateFlaw, Scenario, Simulator};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Token,
    Submit,
    Poll,
    List,
    Page,
    Download,
    Delete,
}

const PHASES: [Phase; 7] = [
    Phase::Token,
    Phase::Submit,
    Phase::Poll,
    Phase::List,
    Phase::Page,
    Phase::Download,
    Phase::Delete,
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    /// The server goes away, and whoever asks again finds nobody.
    Refused,
    ResetMidBody,
    Status(u16),
    /// A status, and the header that says when to come back.
    Later(u16, &'static str),
    Html,
    Empty,
    TruncatedJson,
    WrongTypes,
    NumbersAsStrings,
    TwoGibibytes,
    /// One byte at a time.
    Trickle,
    /// Never answers.
    Mute,
    /// A redirect to this place; `{self}` is the server, `{canary}` another one.
    Redirect(&'static str),
    TwentyRedirects,
}

fn faults() -> Vec<Fault> {
    let mut faults = vec![
        Fault::Refused,
        Fault::ResetMidBody,
        Fault::Later(429, "3600"),
        Fault::Later(429, "Fri, 31 Dec 2049 23:59:59 GMT"),
        Fault::Later(503, "0"),
        Fault::Html,
        Fault::Empty,
        Fault::TruncatedJson,
        Fault::WrongTypes,
        Fault::NumbersAsStrings,
        Fault::TwoGibibytes,
        Fault::Trickle,
        Fault::Mute,
        Fault::Redirect("http://{canary}/"),
        Fault::Redirect("//{canary}/x"),
        Fault::Redirect("https://{self}/x"),
        Fault::Redirect("http://localhost:{port}/x"),
        Fault::Redirect("http://{self}@{canary}/"),
        Fault::Redirect("http://169.254.169.254/latest/meta-data/"),
        Fault::TwentyRedirects,
    ];
    faults.extend([400, 401, 403, 404, 409, 413, 429, 500, 502, 503].map(Fault::Status));
    faults
}

/// The outcome that the documentation promises. None: the run continues as if nothing had happened.
fn expected(phase: Phase, fault: &Fault) -> Option<ErrorKind> {
    let class = match fault {
        Fault::NumbersAsStrings => return None,
        Fault::Refused | Fault::ResetMidBody | Fault::Trickle | Fault::Mute | Fault::Later(..) => {
            ErrorKind::Unavailable
        }
        // The page is one to sign in on.
        Fault::Status(401 | 403) | Fault::Html => ErrorKind::Refused,
        Fault::Status(408 | 425 | 429 | 500..) => ErrorKind::Unavailable,
        Fault::Status(_)
        | Fault::Empty
        | Fault::TruncatedJson
        | Fault::WrongTypes
        | Fault::TwoGibibytes
        | Fault::Redirect(_)
        | Fault::TwentyRedirects => ErrorKind::Failed,
    };
    match (phase, class) {
        // Without a list the file is simply not found.
        (Phase::List, ErrorKind::Refused) if *fault != Fault::Html => Some(ErrorKind::Failed),
        // That a file stays on the server is a warning.
        (Phase::Delete, _) => None,
        (_, class) => Some(class),
    }
}

const LISTS: [&str; 2] = [
    "/interop/rest/v2/files/list",
    "/interop/rest/11.1.2.3.600/applicationsnapshots",
];

fn phase_of(path: &str) -> Option<Phase> {
    Some(match path.split('?').next().unwrap_or_default() {
        "/oauth2/v1/token" => Phase::Token,
        "/submit" => Phase::Submit,
        "/jobs/1" => Phase::Poll,
        "/events" => Phase::Page,
        "/interop/rest/v3/files/delete" => Phase::Delete,
        path if LISTS.contains(&path) => Phase::List,
        path if path.ends_with("/contents") => Phase::Download,
        _ => return None,
    })
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn json(body: &str) -> Vec<u8> {
    http(200, "content-type: application/json\r\n", body)
}

/// The answer of a good server; with numbers as strings where that is asked for.
fn answer(phase: Phase, path: &str, tested: Phase, strings: bool, address: SocketAddr) -> Vec<u8> {
    let number = |number: i64| {
        if strings {
            format!("\"{number}\"")
        } else {
            number.to_string()
        }
    };
    match phase {
        Phase::Token => json(&format!(
            r#"{{"access_token":"{CANARY}","expires_in":{}}}"#,
            number(3600)
        )),
        Phase::Submit => {
            let link = format!(r#"{{"rel":"Job Status","href":" http://{address}/jobs/1"}}"#);
            json(&format!(r#"{{"status":{},"links":[{link}]}}"#, number(-1)))
        }
        Phase::Poll | Phase::Delete => json(&format!(r#"{{"status":{},"details":"null"}}"#, number(0))),
        // A submission whose answer is lost must not find its file by chance.
        Phase::List if tested != Phase::List => json(r#"{"status":0,"items":[]}"#),
        Phase::List => json(&format!(
            r#"{{"status":{},"items":[{{"name":"inbox/a.csv","size":{}}}]}}"#,
            number(0),
            number(18)
        )),
        Phase::Page => json(&format!(
            r#"{{"totalResults":{},"startIndex":{},"Resources":[{{"id":"a"}}]}}"#,
            number(1),
            number(1)
        )),
        // The list is looked at only where the file is not where it should be.
        Phase::Download if tested == Phase::List && !path.contains("inbox") => {
            json(r#"{"status":1,"details":"Invalid file : a.csv"}"#)
        }
        Phase::Download => http(200, "content-type: application/octet-stream\r\n", "User,Date\njdoe,x\n"),
    }
}

struct Hostile {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    stray: Arc<Mutex<Vec<String>>>,
    gone: CancellationToken,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

impl Hostile {
    async fn start(tested: Phase, fault: Fault, canary: SocketAddr) -> Hostile {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hostile = Hostile {
            address,
            requests: Arc::default(),
            stray: Arc::default(),
            gone: CancellationToken::new(),
        };
        let (requests, stray, gone) = (hostile.requests.clone(), hostile.stray.clone(), hostile.gone.clone());
        tokio::spawn(async move {
            let broken = Arc::new(AtomicBool::new(false));
            loop {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    () = gone.cancelled() => return,
                };
                let (requests, stray, gone, fault, broken) = (
                    requests.clone(),
                    stray.clone(),
                    gone.clone(),
                    fault.clone(),
                    broken.clone(),
                );
                tokio::spawn(async move {
                    let serving = serve(
                        stream, address, canary, tested, &fault, &requests, &stray, &gone, &broken,
                    );
                    tokio::select! {
                        () = serving => {}
                        () = gone.cancelled() => {}
                    }
                });
            }
        });
        hostile
    }
}

#[allow(clippy::too_many_arguments)]
async fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    canary: SocketAddr,
    tested: Phase,
    fault: &Fault,
    requests: &AtomicUsize,
    stray: &Mutex<Vec<String>>,
    gone: &CancellationToken,
    broken: &AtomicBool,
) {
    let text = read_request(&mut stream).await;
    if text.is_empty() {
        return;
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    if let Some(left) = path.strip_prefix("/hop/") {
        let left: u32 = left.parse().unwrap();
        let bytes = if left == 0 {
            json("{}")
        } else {
            http(302, &format!("location: /hop/{}\r\n", left - 1), "")
        };
        let _ = stream.write_all(&bytes).await;
        return;
    }
    let Some(phase) = phase_of(&path) else {
        stray.lock().unwrap().push(path);
        let _ = stream.write_all(&http(404, "", "")).await;
        return;
    };
    let whole = |strings| answer(phase, &path, tested, strings, address);
    if phase != tested || *fault == Fault::NumbersAsStrings {
        let _ = stream.write_all(&whole(phase == tested)).await;
        return;
    }
    broken.store(true, Ordering::SeqCst);
    let bytes = match fault {
        Fault::NumbersAsStrings => whole(true),
        Fault::Refused => {
            gone.cancel();
            return;
        }
        Fault::ResetMidBody => {
            let bytes = whole(false);
            bytes[..bytes.len() - 5].to_vec()
        }
        Fault::Status(status) => http(*status, "content-type: text/html\r\n", "<html>no</html>"),
        Fault::Later(status, after) => http(*status, &format!("retry-after: {after}\r\n"), ""),
        Fault::Html => http(200, "content-type: text/html\r\n", "<html><form>Sign in</form></html>"),
        Fault::Empty => json(""),
        Fault::TruncatedJson => json(r#"{"status":0,"access_token":"x","totalResults":1,"Resources":[{"id":"#),
        Fault::WrongTypes => {
            json(r#"{"status":{"a":1},"links":"x","items":7,"access_token":[1],"totalResults":{},"Resources":"x"}"#)
        }
        Fault::TwoGibibytes => {
            let head = "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let promised = "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 2147483648\r\n\r\n";
            // Odd requests are told the length, even ones are not.
            let told = requests.load(Ordering::SeqCst) % 2 == 1 || phase == Phase::Download;
            let _ = stream.write_all(if told { promised } else { head }.as_bytes()).await;
            let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            while stream.write_all(piece.as_bytes()).await.is_ok() {}
            return;
        }
        Fault::Trickle => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
                .await;
            let mut beat = tokio::time::interval(Duration::from_millis(2));
            while stream.write_all(b" ").await.is_ok() {
                beat.tick().await;
            }
            return;
        }
        Fault::Mute => std::future::pending().await,
        Fault::Redirect(target) => {
            let target = target
                .replace("{canary}", &canary.to_string())
                .replace("{self}", &address.to_string())
                .replace("{port}", &canary.port().to_string());
            http(302, &format!("location: {target}\r\n"), "")
        }
        Fault::TwentyRedirects => http(302, "location: /hop/19\r\n", ""),
    };
    let _ = stream.write_all(&bytes).await;
}

fn connection(address: SocketAddr) -> Settings {
    let mut settings = settings(&format!("http://{address}"));
    settings.auth = Auth::OAuth2(Box::new(OAuth2 {
        token_url: None,
        device_url: None,
        client_id: "client".into(),
        client: ClientAuth::Basic(CANARY.into()),
        grant: GrantType::ClientCredentials,
        scope: None,
    }));
    settings.retry.attempts = 3;
    // After a 429 everybody pauses for twice the longest delay, 6 ms: however fast this machine is, 17 of them fit in here.
    settings.retry.max_throttled = Duration::from_millis(100);
    settings.timeouts.head = Duration::from_millis(300);
    settings.timeouts.idle = Duration::from_millis(300);
    settings.timeouts.throughput_period = Duration::from_millis(100);
    settings.timeouts.throughput_bytes = 10_000;
    settings
}

fn request(method: Method, path: &str) -> HttpRequest {
    HttpRequest {
        method,
        path: vec![path.into()],
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn plan(phase: Phase) -> Fetch {
    match phase {
        Phase::Page => Fetch::Pages(Pages {
            service: None,
            request: request(Method::Get, "events"),
            paging: Paging::Scim(10),
            records: Some(vec!["Resources".into()]),
            key: Some(vec!["id".into()]),
        }),
        _ => Fetch::Job(Job {
            submit: request(Method::Post, "submit"),
            file: "a.csv".into(),
            keep: false,
        }),
    }
}

/// One fetch under one fault; says what went otherwise than promised.
async fn trial(phase: Phase, fault: Fault, page_memory: usize, canary: SocketAddr) -> Result<(), String> {
    let server = Hostile::start(phase, fault.clone(), canary).await;
    let spool = tempfile::tempdir().unwrap();
    let limits = FetchLimits {
        first_poll: Duration::from_millis(1),
        longest_poll: Duration::from_millis(2),
        job_timeout: Duration::from_secs(10),
        job_search: Duration::ZERO,
        file_wait: Duration::ZERO,
        control_bytes: 1 << 20,
        page_bytes: 1 << 20,
        page_memory,
        ..FetchLimits::default()
    };
    let mut settings = connection(server.address);
    if !matches!(fault, Fault::Mute | Fault::Trickle) {
        // Only who never answers costs time: a machine with much to do is not one that is slow to answer.
        settings.timeouts.head = Duration::from_secs(20);
        settings.timeouts.idle = Duration::from_secs(20);
        settings.timeouts.throughput_period = Duration::from_secs(20);
    }
    let remote = Arc::new(Remote::new(settings).unwrap());
    let fetcher = Fetcher::new(remote, spool.path(), limits, Arc::new(()));
    let work = async {
        let outcome: Result<_, FetchError> = fetcher.fetch(&plan(phase)).await;
        let cleaned = match &outcome {
            Ok(fetched) => match &fetched.cleanup {
                Some(cleanup) => Some(fetcher.clean_up(cleanup).await),
                None => None,
            },
            Err(_) => None,
        };
        (outcome, cleaned)
    };
    let Ok((outcome, cleaned)) = tokio::time::timeout(Duration::from_secs(120), work).await else {
        return Err("did not end".into());
    };
    let kind = outcome.as_ref().err().map(FetchError::kind);
    if kind != expected(phase, &fault) {
        return Err(format!(
            "{kind:?} instead of {:?}: {outcome:?}",
            expected(phase, &fault)
        ));
    }
    if let Err(error) = &outcome {
        assert_secret_free(&format!("{error} {error:?} {:?}", error.hint()));
    }
    if phase == Phase::Delete && cleaned != Some(fault == Fault::NumbersAsStrings) {
        return Err(format!("the deletion counted as {cleaned:?}"));
    }
    let requests = server.requests.load(Ordering::SeqCst);
    if requests > 40 {
        return Err(format!("{requests} requests"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fault_in_every_phase_ends_as_documented() {
    let canary = Canary::start().await;
    let mut trials = Vec::new();
    // So many at once that each is served in time.
    let seats = Arc::new(tokio::sync::Semaphore::new(8));
    let held = FetchLimits::default().page_memory;
    // Pages on the spool too.
    let phases = PHASES.map(|phase| (phase, held)).into_iter().chain([(Phase::Page, 0)]);
    for (phase, page_memory) in phases {
        for fault in faults() {
            let (address, seats) = (canary.address, Arc::clone(&seats));
            let running = trial(phase, fault.clone(), page_memory, address);
            let seated = async move {
                let _seat = seats.acquire_owned().await.unwrap();
                running.await
            };
            trials.push((phase, fault, tokio::spawn(seated)));
        }
    }
    let mut wrong = Vec::new();
    for (phase, fault, trial) in trials {
        match trial.await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => wrong.push(format!("{phase:?} {fault:?}: {reason}")),
            Err(panic) => wrong.push(format!("{phase:?} {fault:?}: {panic}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    canary.assert_untouched();
}
