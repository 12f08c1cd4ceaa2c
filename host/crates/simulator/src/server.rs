//! The server: it listens, sends each request to who answers it, and is stopped.

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
use jiff::Timestamp;
use tokio::task::JoinHandle;
use url::Url;

use super::error::SimulatorError;
use super::oci::demo_user::OciDemoUser;
use super::oci::domain_events::{self, DomainEventIds};
use super::oci::{federation, instance, list_events, search};
use super::scenario::Scenario;
use super::site::{AppState, RecordedRequest};
use super::{
    about, answer, assignment_reports, audit_events, files, front, jobs, oauth, pages, reports, tls, user_login,
};

/// The longest time that requests may still take after [`RunningSimulator::stop`].
const GRACE: Duration = Duration::from_millis(500);

/// Starts servers.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Listens on 127.0.0.1 at `port`, 0 for a free one, and answers from now on. With `tls`, behind a certificate from
    /// [`RunningSimulator::ca_pem`].
    pub async fn start(scenario: Scenario, port: u16, tls: bool) -> Result<RunningSimulator, SimulatorError> {
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
        Ok(RunningSimulator {
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
pub struct RunningSimulator {
    url: Url,
    ca_pem: Option<String>,
    site: Arc<AppState>,
    handle: Handle<SocketAddr>,
    server: Option<JoinHandle<io::Result<()>>>,
}

impl RunningSimulator {
    /// The URL at which the server listens, with the scenario's prefix.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The certificate authority to trust, where it speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Requests that reached it so far, oldest first: the last 10,000 requests.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.site.seen()
    }

    /// The number of jobs that were created and write a report.
    pub fn report_jobs(&self) -> u64 {
        self.site.desk().reports()
    }

    /// Lets the clock stand at another time from now on, as if the scenario's `now` had said so. Jobs, files and requests stay.
    pub fn set_clock(&self, now: Timestamp) {
        self.site.set_clock(now);
    }

    /// The user who may read the audit log of the tenancy.
    pub fn oci_user(&self) -> OciDemoUser {
        self.site.scenario.oci.demo_user()
    }

    /// A session token for whoever has the private half of that RSA key, PEM, as the vendor's services give it to resource
    /// principals and `oci session authenticate`; good for as long as `token-life` says. None for what is no key.
    pub fn oci_session_token(&self, public_key_pem: &str) -> Option<String> {
        federation::issue(&self.site, public_key_pem, "ocid1.resource.oc1..simulator")
    }

    /// The ids of all events of a compartment that OCI has processed from `from` up to but without `to`: what ListEvents has to
    /// give, whichever pages it gives it in.
    pub fn oci_event_ids(&self, compartment: &str, from: Timestamp, to: Timestamp) -> Vec<String> {
        list_events::ids(&self.site, compartment, from.as_millisecond(), to.as_millisecond())
    }

    /// All that happened in the identity domain from `from` up to but without `to`, in order, by its ids in `AuditEvents` and in
    /// OCI Audit: also what one of them does not tell of.
    pub fn domain_events(&self, from: Timestamp, to: Timestamp) -> Vec<DomainEventIds> {
        domain_events::between(&self.site, from.as_millisecond(), to.as_millisecond())
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

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn router(site: &Arc<AppState>) -> Router {
    let routes = Router::new()
        .merge(epm())
        .merge(identity_domain())
        .merge(oci())
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
        .route(
            "/interop/rest/security/v1/roleassignmentauditreport",
            post(assignment_reports::role_audit),
        )
        .route(
            "/interop/rest/v2/reports/groupaudit",
            post(assignment_reports::group_audit),
        )
        .route("/interop/rest/security/v1/jobs/{id}", get(jobs::security))
        .route("/interop/rest/v2/jobs/{id}", get(jobs::second))
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

fn oci() -> Router<Arc<AppState>> {
    Router::new()
        .route("/20190901/auditEvents", get(list_events::list))
        .route("/20190901/configuration", get(list_events::configuration))
        .route("/20190909/search", post(search::search))
        .route("/opc/v2/instance/region", get(instance::region))
        .route("/opc/v2/identity/{name}", get(instance::file))
        .route("/v1/x509", post(federation::x509))
        .route("/v1/authentication/refresh", post(federation::refresh))
        .route("/resourcePrincipalSessionTokens", post(federation::pod))
}
