//! The rules that a base URL must pass before anything is sent.

use super::address::refused;
use super::error::RemoteError;
use super::origin::{BaseUrl, Origin};
use super::settings::Settings;

/// Refuses a base URL that may not be used.
pub(super) fn admit(settings: &Settings, base: &BaseUrl) -> Result<(), RemoteError> {
    let origin = base.origin();
    let loopback = origin.is_loopback();
    if base.url().scheme() == "http" && !loopback && !settings.allow_http {
        return Err(RemoteError::settings_hint(
            format!("{origin} uses http: credentials would be sent unencrypted"),
            "use https, or set `allow-http = true` beside the url",
        ));
    }
    admit_origin(settings, origin)
}

/// Refuses an origin whose address, where it is written in the URL, may not be reached.
pub(super) fn admit_origin(settings: &Settings, origin: &Origin) -> Result<(), RemoteError> {
    if settings.allow_private_addresses {
        return Ok(());
    }
    let address = match origin.address() {
        Some(address) => address,
        None if origin.is_loopback() => std::net::Ipv4Addr::LOCALHOST.into(),
        None => return Ok(()),
    };
    match refused(address) {
        Some(kind) => Err(RemoteError::AddressRefused {
            host: origin.authority(),
            address,
            kind,
        }),
        None => Ok(()),
    }
}
