//! The rules that a base URL must pass before anything is sent.

use url::Url;

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

/// Refuses a URL that may not be asked for tokens: it must be `https` or this machine, without user information, and at no address
/// that the settings keep from it. Gives it back without its query.
pub(super) fn admit_issuer(settings: &Settings, url: &Url) -> Result<BaseUrl, RemoteError> {
    let mut bare = url.clone();
    bare.set_query(None);
    let place = BaseUrl::new(bare)?;
    if place.url().scheme() == "http" && !place.origin().is_loopback() {
        return Err(RemoteError::settings_hint(
            format!(
                "the token URL on {} uses http: credentials would be sent unencrypted",
                place.origin()
            ),
            "use https; http is allowed for this machine only",
        ));
    }
    admit_origin(settings, place.origin())?;
    Ok(place)
}

/// Refuses an origin whose address, where it is written in the URL, may not be reached.
fn admit_origin(settings: &Settings, origin: &Origin) -> Result<(), RemoteError> {
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
