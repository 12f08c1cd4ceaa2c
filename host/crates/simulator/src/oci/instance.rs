//! The metadata service of an instance: its region, its certificate, and the certificate's key. The key is the demo user's, so
//! that there is one to publish and no other.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::demo_user::PRIVATE_KEY;
use super::instance_certificate::InstanceCertificates;
use crate::answer;
use crate::site::AppState;

/// The certificates of the simulator's instance, made when they are first asked for; none where none can be made.
pub(crate) fn identity(site: &AppState) -> Option<&InstanceCertificates> {
    let made = || InstanceCertificates::generate(&site.scenario.oci.tenancy).ok();
    site.instance.get_or_init(made).as_ref()
}

/// `GET /opc/v2/instance/region`
pub(crate) async fn region() -> Response {
    answer::with_type(StatusCode::OK, "text/plain", Body::from("eu-frankfurt-1"))
}

/// `GET /opc/v2/identity/{name}`
pub(crate) async fn file(State(site): State<Arc<AppState>>, Path(name): Path<String>) -> Response {
    let Some(identity) = identity(&site) else {
        return answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, "");
    };
    let text = match name.as_str() {
        "cert.pem" => identity.leaf_pem.clone(),
        "intermediate.pem" => identity.intermediate_pem.clone(),
        "key.pem" => PRIVATE_KEY.to_owned(),
        _ => return answer::refusal(StatusCode::NOT_FOUND, ""),
    };
    answer::with_type(StatusCode::OK, "application/x-pem-file", Body::from(text))
}
