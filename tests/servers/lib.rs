//! Servers for tests: one that answers as a closure says, one that speaks raw TCP, and one that nobody should call.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use remote::{Auth, BaseUrl, Remote, RetryPolicy, Settings, Timeouts};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The credential of every test; nothing printed may hold it.
pub const CANARY: &str = "canary-5ecret-0f-the-test";

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers every request as a closure says.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// The closure gets the request and how many came before it.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let app = Router::new().fallback(move |request: Request| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let seen = Seen {
                    method: head.method,
                    path: head.uri.path_and_query().unwrap().to_string(),
                    headers: head.headers,
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let count = {
                    let mut log = log.lock().unwrap();
                    log.push(seen.clone());
                    log.len() - 1
                };
                answer(&seen, count)
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Server { address, seen, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that nobody should call: counts connections.
pub struct Canary {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Canary {
    pub async fn start() -> Canary {
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let (address, task) = raw(move |_stream| {
            count.fetch_add(1, Ordering::SeqCst);
            async {}
        })
        .await;
        Canary {
            address,
            connections,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn assert_untouched(&self) {
        assert_eq!(
            self.connections.load(Ordering::SeqCst),
            0,
            "something connected to the canary"
        );
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hands every connection to a closure.
pub async fn raw<F>(handle: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> (SocketAddr, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    (address, task)
}

/// Reads the head of a request, and its body by its length.
pub async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        text.extend_from_slice(&buffer[..count]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        if let Some(end) = shown.find("\r\n\r\n") {
            let length = shown
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")
                        .map(|n| n.trim().parse().unwrap())
                })
                .unwrap_or(0);
            if text.len() >= end + 4 + length {
                return shown;
            }
        }
        if count == 0 {
            return shown;
        }
    }
}

/// Small waits, small patience.
pub fn settings(url: &str) -> Settings {
    let mut settings = Settings::new("epm", BaseUrl::parse(url).unwrap().url().clone());
    settings.allow_private_addresses = true;
    settings.auth = Auth::Basic {
        username: "acme.jdoe".into(),
        password: CANARY.to_owned().into(),
    };
    settings.retry = RetryPolicy {
        attempts: 4,
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(3),
        max_elapsed: Duration::from_secs(20),
        budget: 50,
        max_throttled: Duration::from_millis(300),
    };
    settings.timeouts = Timeouts {
        connect: Duration::from_secs(5),
        head: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        total: Duration::from_secs(20),
        throughput_period: Duration::from_secs(10),
        throughput_bytes: 1,
    };
    settings
}

pub fn remote(url: &str) -> Remote {
    Remote::new(settings(url)).unwrap()
}

pub fn json(status: u16, body: impl Into<String>) -> Response {
    respond(status, "application/json", body.into())
}

pub fn respond(status: u16, kind: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("content-type", kind)
        .body(body.into())
        .unwrap()
}

/// A body that breaks off after this much.
pub fn cut(text: &str) -> Body {
    use futures_util::StreamExt as _;
    let start = futures_util::stream::iter([Ok(text.to_owned())]);
    let end = futures_util::stream::once(async {
        // The server must get a chance to send what there is.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(start.chain(end))
}

pub fn redirect(status: u16, location: &str) -> Response {
    Response::builder()
        .status(status)
        .header("location", location)
        .body(Body::empty())
        .unwrap()
}

/// Fails if the text holds the credential in any form.
pub fn assert_secret_free(text: &str) {
    use base64::Engine as _;
    let pair = base64::prelude::BASE64_STANDARD.encode(format!("acme.jdoe:{CANARY}"));
    for secret in [CANARY, &pair] {
        assert!(!text.contains(secret), "a credential shows in: {text}");
    }
}
