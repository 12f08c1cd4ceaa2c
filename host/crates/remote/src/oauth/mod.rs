//! OAuth 2: how the host obtains tokens.
//!
//! [`OAuth2`] says which [`GrantType`] to use and how the client proves itself ([`ClientAuth`]). A [`TokenSource`] keeps
//! the token of a connection, fetches one at a time, and renews it before it runs out. [`DeviceLogin`] is the
//! interactive way to a first refresh token (RFC 8628).
//!
//! Credentials for tokens go to the token endpoint's origin and nowhere else; it must be `https`, or this machine.

mod device;
mod endpoint;
mod key;
mod redemption;
mod settings;
mod source;
mod store;

pub use device::{DeviceLogin, Prompt};
pub use key::{KeyId, SigningKey};
pub(super) use redemption::Redemption;
pub use redemption::Redemptions;
pub use settings::{ClientAuth, GrantType, OAuth2};
pub(super) use source::TokenSource;
