//! An HTTP server that takes what sinks send, remembers it, and answers as it is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method of the request.
    pub method: Method,
    /// The path of the request.
    pub path: String,
    /// The query, which follows the `?`.
    pub query: String,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body of the request.
    pub body: Bytes,
    /// The status that it was answered with.
    pub status: u16,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A status and nothing else.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: String::new(),
        }
    }
}

type Answers = dyn FnMut(&Received) -> Reply + Send;

struct ReceiverState {
    received: Mutex<Vec<Received>>,
    forgetful: AtomicBool,
    down: AtomicBool,
    answers: Mutex<Box<Answers>>,
}

/// A port that is taken, and refuses connections until a receiver opens there.
pub struct Place(TcpSocket);

impl Place {
    /// Takes a free port.
    pub fn take() -> Place {
        Place(bound(TcpSocket::new_v4().expect("a socket"), 0))
    }

    /// The base URL of the receiver that will be there.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// Opens the receiver.
    pub fn open(self, answers: impl FnMut(&Received) -> Reply + Send + 'static) -> Receiver {
        Receiver::on(self.0, answers)
    }
}

fn bound(socket: TcpSocket, port: u16) -> TcpSocket {
    socket.bind(([127, 0, 0, 1], port).into()).expect("a port");
    socket
}

/// The server, on a free port until it is dropped.
pub struct Receiver {
    desk: Arc<ReceiverState>,
    port: u16,
    _runtime: Runtime,
}

impl Receiver {
    /// Takes everything with 200.
    pub fn start() -> Receiver {
        Receiver::with(0, |_| Reply::status(200))
    }

    /// Listens on a port, 0 for a free one, and answers as the function says.
    pub fn with(port: u16, answers: impl FnMut(&Received) -> Reply + Send + 'static) -> Receiver {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Connections of the one that listened there before may not be over yet.
        socket.set_reuseaddr(true).expect("an option");
        Receiver::on(bound(socket, port), answers)
    }

    fn on(socket: TcpSocket, answers: impl FnMut(&Received) -> Reply + Send + 'static) -> Receiver {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let desk = Arc::new(ReceiverState {
            received: Mutex::default(),
            forgetful: AtomicBool::new(false),
            down: AtomicBool::new(false),
            answers: Mutex::new(Box::new(answers)),
        });
        let app = Router::new()
            .fallback(take)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&desk));
        let listener = runtime.block_on(async { socket.listen(1024) }).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Receiver {
            desk,
            port,
            _runtime: runtime,
        }
    }

    /// The port of the receiver.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The base URL of the receiver.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.desk.received.lock().expect("requests").clone()
    }

    /// Remembers nothing from now on: for a great many requests.
    pub fn forget(&self) {
        self.desk.forgetful.store(true, Ordering::Relaxed);
    }

    /// Answers everything with 503 from now on, or again as it was told.
    pub fn set_down(&self, down: bool) {
        self.desk.down.store(down, Ordering::SeqCst);
    }

    /// Forgets every request so far.
    pub fn clear(&self) {
        self.desk.received.lock().expect("requests").clear();
    }

    /// The JSON lines of all bodies that were taken, in order.
    pub fn taken(&self) -> Vec<Value> {
        let mut values = Vec::new();
        for request in self.received().iter().filter(|request| request.status == 200) {
            let text = std::str::from_utf8(&request.body).expect("UTF-8");
            values.extend(
                text.lines()
                    .map(|line| serde_json::from_str::<Value>(line).expect("a JSON line")),
            );
        }
        values
    }
}

async fn take(
    State(desk): State<Arc<ReceiverState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let mut received = Received {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        status: 0,
    };
    let reply = match desk.down.load(Ordering::SeqCst) {
        true => Reply::status(503),
        false => (desk.answers.lock().expect("answers"))(&received),
    };
    received.status = reply.status;
    if !desk.forgetful.load(Ordering::Relaxed) {
        desk.received.lock().expect("requests").push(received);
    }
    let headers: HeaderMap = reply
        .headers
        .into_iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(&value).expect("a header"),
            )
        })
        .collect();
    let status = StatusCode::from_u16(reply.status).expect("a status");
    (status, headers, reply.body)
}
