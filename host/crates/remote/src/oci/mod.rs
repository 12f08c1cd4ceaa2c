//! Requests to OCI: how they are signed, and for whom.
//!
//! [`OciAuth`] says who signs ([`OciPrincipal`]). A [`PrincipalSource`] has the [`RequestSigner`] of the moment: that of a user's
//! API key stays; those of sessions (of users, instances, resources and pods) stand for a token, which is replaced before it
//! ends and when a server takes it no more. [`Remedy`] knows what helps whom OCI refuses.
//!
//! Tokens are asked for over the connection's own channel, under its rules. Two places are asked past the rules about addresses,
//! each over a channel that leads nowhere else: the [metadata service](MetadataAddress) of an instance, and the issuer inside a
//! cluster ([`OciWorkload`]).

#[cfg(not(feature = "oci"))]
mod absent;
#[cfg(feature = "oci")]
mod instance;
#[cfg(feature = "oci")]
mod issuer;
#[cfg(feature = "oci")]
mod key;
#[cfg(feature = "oci")]
mod metadata;
#[cfg(feature = "oci")]
mod principal;
#[cfg(feature = "oci")]
mod refusal;
mod region;
#[cfg(feature = "oci")]
mod request_signer;
#[cfg(feature = "oci")]
mod resource;
#[cfg(feature = "oci")]
mod session;
#[cfg(feature = "oci")]
mod session_token;
#[cfg(feature = "oci")]
mod source;
#[cfg(feature = "oci")]
#[cfg(test)]
mod tests;
#[cfg(feature = "oci")]
mod work;
#[cfg(feature = "oci")]
mod workload;

#[cfg(not(feature = "oci"))]
pub use absent::NoOci as OciAuth;
#[cfg(not(feature = "oci"))]
pub(super) use absent::{NoOci as PrincipalSource, NoOci as Remedy, NoOci as RequestSigner, is_hidden, skew_of};
#[cfg(feature = "oci")]
pub use key::RsaKey;
#[cfg(feature = "oci")]
pub use principal::{
    MetadataAddress, OciApiKey, OciAuth, OciPrincipal, OciResource, OciSecret, OciSession, OciWorkload,
};
#[cfg(feature = "oci")]
pub(super) use refusal::{Remedy, is_hidden, skew_of};
pub use region::{OciRegion, oci_service_of, oci_service_url};
#[cfg(feature = "oci")]
pub(super) use request_signer::RequestSigner;
#[cfg(feature = "oci")]
pub(super) use source::PrincipalSource;
