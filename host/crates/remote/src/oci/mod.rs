//! Requests to OCI: how they are signed, and for whom.
//!
//! [`OciAuth`] says who signs ([`OciPrincipal`]). A [`PrincipalSource`] has the [`RequestSigner`] of the moment: that of a user's
//! API key stays; those of sessions (of users, instances, resources and pods) stand for a token, which is replaced before it
//! ends and when a server takes it no more. [`Remedy`] knows what helps whom OCI refuses.
//!
//! Tokens are asked for over the connection's own channel, under its rules. Two places are asked past the rules about addresses,
//! each over a channel that leads nowhere else: the [metadata service](MetadataAddress) of an instance, and the issuer inside a
//! cluster ([`OciWorkload`]).

mod instance;
mod issuer;
mod key;
mod metadata;
mod principal;
mod refusal;
mod region;
mod request_signer;
mod resource;
mod session;
mod session_token;
mod source;
#[cfg(test)]
mod tests;
mod work;
mod workload;

pub use key::RsaKey;
pub use principal::{
    MetadataAddress, OciApiKey, OciAuth, OciPrincipal, OciResource, OciSecret, OciSession, OciWorkload,
};
pub(super) use refusal::{Remedy, is_hidden, skew_of};
pub use region::{OciRegion, oci_service_url};
pub(super) use request_signer::RequestSigner;
pub(super) use source::PrincipalSource;
