//! In the place of signing for OCI where the feature `oci` is not built in: every such `auth` is refused.

use super::config_source::ConfigSource;
use super::endpoint::Connection;
use super::owner::Owner;
use base::SetupError;
use remote::OciAuth;

/// The environment, which nobody asks here.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(crate) fn environment(_: &str) -> Option<String> {
    None
}

/// Refuses the kinds of `auth` that this build lacks; all others pass.
pub(crate) fn check(owner: Owner<'_>, connection: &Connection, file: &ConfigSource) -> Result<(), SetupError> {
    let Some(kind) = connection.auth.signs_for_oci() else {
        return Ok(());
    };
    let message =
        format!("{owner} has an auth of kind {kind}, which this build of host lacks: build it with the feature `oci`");
    Err(SetupError::usage(message).at(&owner.place("auth", file)))
}

pub(crate) fn signing(
    owner: Owner<'_>,
    connection: &Connection,
    file: &ConfigSource,
    _: Environment<'_>,
) -> Result<Option<OciAuth>, SetupError> {
    check(owner, connection, file).map(|()| None)
}
