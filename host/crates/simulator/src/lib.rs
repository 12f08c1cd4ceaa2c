//! A local stand-in for EPM Cloud and an identity domain: a real HTTP server on the loopback interface with made-up
//! users and a past, for plugin authors, demonstrations and tests.
//!
//! [`Simulator::start`] takes a [`Scenario`], which says what the server holds and how it misbehaves, and gives a
//! [`Running`] server, which knows its URL and [what it was asked](Running::requests). Nothing is stored anywhere:
//! jobs and files live in memory and hold no bytes, and the past is computed from a seed when somebody looks at it.
//!
//! `docs/simulator.md` lists every switch and every path.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use simulator::{Scenario, Simulator};
//!
//! let scenario: Scenario = "slow-job=3,download:cut=1".parse()?;
//! let running = Simulator::start(scenario, 0, false).await?;
//! assert_eq!(running.url().host_str(), Some("127.0.0.1"));
//! running.stop().await;
//! # Ok::<(), simulator::SimulatorError>(()) }).unwrap();
//! ```

mod about;
mod answer;
mod archive;
mod audit_events;
mod chance;
mod content;
mod desk;
mod domain_settings;
mod download;
mod fault;
mod files;
mod filter;
mod front;
mod history;
mod jobs;
mod oauth;
mod pages;
mod people;
mod real_world;
mod reports;
mod resource;
mod scenario;
mod settings;
mod site;
mod switches;
mod table;
#[cfg(test)]
mod tests;
mod throttle;
mod tls;
mod tokens;
mod user_login;
mod values;
mod window;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::task::JoinHandle;
use url::Url;

pub use fault::{Fault, FaultKind, Phase};
pub use scenario::{
    Absent, ArchiveName, ArchiveStyle, CertificateFlaw, Credentials, Failure, Layout, LinkStyle, OAuth, Paging,
    Preamble, Ranges, Scenario, TimeStyle, Totals,
};
pub use site::Seen;
pub use switches::Switch;
pub use throttle::{LimitHeaders, RateLimit};

use site::AppState;

/// How long requests may still take after [`Running::stop`].
const GRACE: Duration = Duration::from_millis(500);

/// What can go wrong with starting a simulator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// A switch that does not exist.
    #[error("the simulator has no switch `{name}`")]
    UnknownSwitch {
        /// What was given.
        name: String,
        /// The switch that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A switch with a value that makes no sense.
    #[error("switch `{name}` {reason}")]
    BadSwitch {
        /// The switch, with its phase or report.
        name: String,
        /// Reads on from the name.
        reason: String,
    },
    /// The port is not free.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(String),
}

impl SimulatorError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownSwitch {
                nearest: Some(nearest), ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::UnknownSwitch { nearest: None, .. } | Self::BadSwitch { .. } => {
                Some("`host simulate --scenario help` lists the switches".to_owned())
            }
            Self::Listen { .. } => Some("choose another port, or 0 for a free one".to_owned()),
            Self::Certificate(_) => None,
        }
    }

    /// Whether it is about what the user typed.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Certificate(_))
    }
}

/// Starts servers.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Listens on 127.0.0.1 at `port`, 0 for a free one, and answers from now on. With `tls`, behind a certificate from
    /// [`Running::ca_pem`].
    pub async fn start(scenario: Scenario, port: u16, tls: bool) -> Result<Running, SimulatorError> {
        let failed = |source| SimulatorError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = tls.then(|| tls::Identity::generate(scenario.certificate)).transpose()?;
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{address}{}", scenario.prefix);
        let url = Url::parse(&url).map_err(|error| failed(io::Error::other(error)))?;

        let site = Arc::new(AppState::new(scenario, tls));
        let service = router(&site).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let ca_pem = identity.as_ref().map(|identity| identity.ca_pem.clone());
        let server = match identity {
            Some(identity) => {
                let config = RustlsConfig::from_config(identity.config);
                let server = axum_server::from_tcp_rustls(listener, config)
                    .map_err(failed)?
                    .handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
            None => {
                let server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
                tokio::spawn(server.serve(service))
            }
        };
        // The listener is open already; this waits for the server to have looked at its handle, so that a stop right
        // after the start is heard.
        handle.listening().await;
        Ok(Running {
            url,
            ca_pem,
            site,
            handle,
            server: Some(server),
        })
    }
}

/// A server that answers until it is [stopped](Self::stop) or dropped.
#[derive(Debug)]
pub struct Running {
    url: Url,
    ca_pem: Option<String>,
    site: Arc<AppState>,
    handle: Handle<SocketAddr>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where it listens, with the scenario's prefix.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The certificate authority to trust, where it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What it was asked so far, oldest first: the last 10,000 requests.
    pub fn requests(&self) -> Vec<Seen> {
        self.site.seen()
    }

    /// How many jobs were created that write a report.
    pub fn report_jobs(&self) -> u64 {
        self.site.desk().reports()
    }

    /// Lets requests end for half a second, then closes every connection.
    pub async fn stop(mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(server) = self.server.take()
            && let Err(error) = server.await
        {
            tracing::debug!(%error, "the simulator did not end well");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn router(site: &Arc<AppState>) -> Router {
    let routes = Router::new()
        .merge(epm())
        .merge(identity_domain())
        .route("/simulator", get(about::about))
        .fallback(|request: Request| async move { answer::refusal(StatusCode::NOT_FOUND, request.uri().path()) })
        .layer(from_fn_with_state(Arc::clone(site), front::front))
        .with_state(Arc::clone(site));
    match site.scenario.prefix.as_str() {
        "" => routes,
        prefix => Router::new().nest(prefix, routes),
    }
}

fn epm() -> Router<Arc<AppState>> {
    Router::new()
        .route(
            "/interop/rest/security/v1/invalidloginreport",
            post(reports::invalid_login),
        )
        .route(
            "/interop/rest/security/v1/report/userloginreport",
            get(user_login::report),
        )
        .route("/interop/rest/{version}/reports", post(reports::user_audit_v1))
        .route("/interop/rest/v2/reports/useraudit", post(reports::user_audit_v2))
        .route("/interop/rest/security/v1/jobs/{id}", get(jobs::security))
        .route("/interop/rest/{version}/status/jobs/{id}", get(jobs::version))
        .route("/interop/rest/v2/status/download/{id}", get(jobs::download))
        .route("/interop/rest/{version}/applicationsnapshots", get(files::list_v1))
        .route(
            "/interop/rest/{version}/applicationsnapshots/{name}",
            delete(files::delete_v1),
        )
        .route(
            "/interop/rest/{version}/applicationsnapshots/{name}/contents",
            get(files::contents),
        )
        .route("/interop/rest/v2/files/list", get(files::list_v2))
        .route("/interop/rest/v2/files/download", post(files::prepare))
        .route(
            "/interop/rest/v2/files/download/{id}",
            get(files::prepared).delete(files::withdraw),
        )
        .route("/interop/rest/v2/files/delete", delete(files::delete_v2))
        .route("/interop/rest/v3/files/delete", post(files::delete_v3))
}

fn identity_domain() -> Router<Arc<AppState>> {
    Router::new()
        .route(
            "/admin/v1/AuditEvents",
            get(audit_events::list).fallback(audit_events::not_allowed),
        )
        .route(
            "/admin/v1/AuditEvents/.search",
            post(audit_events::search).fallback(audit_events::not_allowed),
        )
        .route(
            "/admin/v1/AuditEvents/{id}",
            get(audit_events::one).fallback(audit_events::not_allowed),
        )
        .route(
            "/admin/v1/Schemas/{urn}",
            get(audit_events::schema).fallback(audit_events::not_allowed),
        )
        .route("/oauth2/v1/token", post(oauth::token))
        .route("/oauth2/v1/device", post(oauth::device))
        .route("/pages/link", get(pages::link))
        .route("/pages/token", get(pages::token))
}
