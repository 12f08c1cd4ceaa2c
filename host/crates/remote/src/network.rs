//! The network, by way of reqwest: connections that are kept, and the meaning of what reqwest reports.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::address::{AddressRefused, GuardedResolver, UnknownName};
use super::cause::{innermost, tls_error};
use super::coding;
use super::error::RemoteError;
use super::one_line::one_line;
use super::origin::Origin;
use super::settings::Settings;
use super::transport::{Incoming, Outgoing, Transport};

/// The network, by way of reqwest.
pub(super) struct Network {
    /// Keeps connections for the next request.
    client: reqwest::Client,
    /// Keeps none; made when it is first needed.
    fresh: OnceLock<reqwest::Client>,
    settings: Settings,
    secure: bool,
}

/// The time that a connection without a request is kept. Firewalls and balancers forget connections without a word, the
/// impatient ones after a minute.
const KEPT: Duration = Duration::from_secs(15);

/// The interval in which a silent connection is proven while a request waits for its answer: so that whoever stands between does not
/// forget it, and its end is noticed.
const PROVEN: Duration = Duration::from_secs(15);

impl Network {
    /// `secure` says whether any URL in play is `https`: reading the system's certificates takes time.
    pub(super) fn new(settings: &Settings, secure: bool) -> Result<Network, RemoteError> {
        Ok(Network {
            client: Network::client(settings, secure, true)?,
            fresh: OnceLock::new(),
            settings: settings.clone(),
            secure,
        })
    }

    /// A client that keeps connections, or gives each request one of its own.
    fn client(settings: &Settings, secure: bool, keep: bool) -> Result<reqwest::Client, RemoteError> {
        // A second installation fails and changes nothing, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut exempt = HashSet::new();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("host/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.timeouts.connect)
            .pool_idle_timeout(KEPT)
            .tcp_keepalive(PROVEN)
            .tcp_keepalive_interval(PROVEN)
            .tcp_keepalive_retries(3)
            .tcp_nodelay(true);
        if !keep {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder = match &settings.proxy {
            None => builder.no_proxy(),
            Some(proxy) => {
                exempt.extend(proxy.url.host_str().map(str::to_owned));
                builder.proxy(super::tls::proxy(proxy)?)
            }
        };
        builder = builder.dns_resolver(GuardedResolver::new(settings.allow_private_addresses, exempt));
        builder = super::tls::configure(builder, settings, secure)?;
        builder.build().map_err(|error| {
            RemoteError::settings_hint(
                format!("{}: cannot set up TLS: {}", settings.name, innermost(&error)),
                "check `ca-file`, `client-certificate` and `client-key`, and that the system has CA certificates",
            )
        })
    }

    /// The client that keeps no connection.
    fn fresh(&self) -> Result<&reqwest::Client, RemoteError> {
        if let Some(client) = self.fresh.get() {
            return Ok(client);
        }
        let client = Network::client(&self.settings, self.secure, false)?;
        Ok(self.fresh.get_or_init(|| client))
    }

    /// One request and the head of its answer.
    #[cfg(feature = "object-store")]
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<reqwest::Body>,
    ) -> Result<Incoming, RemoteError> {
        self.send_by(&self.client, method, url, headers, body).await
    }

    async fn send_by(
        &self,
        client: &reqwest::Client,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<reqwest::Body>,
    ) -> Result<Incoming, RemoteError> {
        let host = Origin::of(&url).map(|origin| origin.authority()).unwrap_or_default();
        let takes_body = method == Method::POST || method == Method::PUT;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            // The client says nothing of a body without bytes, and a strict server would not know that none comes
            // (RFC 9110 section 8.6).
            if body.as_bytes().is_some_and(<[u8]>::is_empty) && takes_body {
                request = request.header(CONTENT_LENGTH, 0);
            }
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| classify(&host, &error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response
            .bytes_stream()
            .map(move |piece| piece.map_err(|error| classify(&host, &error)))
            .boxed();
        Ok(Incoming { status, headers, body })
    }
}

#[async_trait]
impl Transport for Network {
    async fn execute(&self, outgoing: Outgoing) -> Result<Incoming, RemoteError> {
        let body = outgoing.body.map(reqwest::Body::from);
        let client = match outgoing.fresh {
            true => self.fresh()?,
            false => &self.client,
        };
        let url = match &outgoing.query {
            Some(field) => field.put_on(&outgoing.url),
            None => outgoing.url,
        };
        self.send_by(client, outgoing.method, url, outgoing.headers, body)
            .await
            .map(coding::decoded)
    }
}

/// The meaning of a failed exchange. Never prints the error itself: it names the URL, query included.
fn classify(host: &str, error: &reqwest::Error) -> RemoteError {
    let host = host.to_owned();
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = source {
        if let Some(refused) = current.downcast_ref::<AddressRefused>() {
            return RemoteError::AddressRefused {
                host: refused.host.clone(),
                address: refused.address,
                kind: refused.kind,
            };
        }
        if let Some(unknown) = current.downcast_ref::<UnknownName>() {
            let reason = one_line(&unknown.to_string(), 200);
            return RemoteError::UnknownHost { host, reason };
        }
        if let Some(tls) = tls_error(current) {
            return RemoteError::Tls {
                host,
                reason: tls,
                connecting: error.is_connect(),
            };
        }
        source = current.source();
    }
    let reason = innermost(error);
    if error.is_connect() {
        if reason.contains("proxy authorization required") {
            return RemoteError::Refused {
                connection: host,
                status: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
                detail: None,
                hint: "check the proxy's user name and password".into(),
            };
        }
        return RemoteError::Connect { host, reason };
    }
    // hyper's words; its error has a method for it only where the crate itself is at hand.
    if reason == "message head is too large" {
        let reason = "the head of the answer is too large".into();
        return RemoteError::Malformed { reason };
    }
    if error.is_builder() {
        return RemoteError::Malformed { reason };
    }
    RemoteError::Interrupted { reason }
}
