//! HTTP under one policy: the only room that may touch reqwest.
//!
//! A [`Remote`] is one connection, made from [`Settings`]. Every [`Request`] over it goes the same way: the URL must be
//! on the connection's [`Origin`]; the name must not lead to a private address unless the connection says so; the
//! credential ([`Auth`]) is put on; redirects are followed only within the origin; the answer is read under limits of
//! size and time; what may pass is repeated ([`RetryPolicy`]); the rest is a [`RemoteError`], whose [`base::ErrorKind`] says
//! whose move is next.
//!
//! ```no_run
//! # async fn example() -> Result<(), remote::RemoteError> {
//! use remote::{Auth, BaseUrl, Remote, Request, Settings};
//!
//! let base = BaseUrl::parse("https://epm.example.com")?;
//! let mut settings = Settings::new("epm", base.url().clone());
//! settings.auth = Auth::Basic { username: "acme.jdoe".into(), password: "…".to_owned().into() };
//! let remote = Remote::new(settings)?;
//! let url = remote.base().join(["interop", "rest", "v2", "files", "list"])?;
//! let answer = remote.exchange(Request::get(url)).await?;
//! println!("{} bytes", answer.body.len());
//! # Ok(())
//! # }
//! ```

mod address;
mod admission;
mod allowance;
mod auth;
mod authorizer;
mod cause;
mod channel;
mod client;
mod client_tls;
mod clock;
mod coding;
mod counters;
mod credential;
mod dial;
mod direct;
mod error;
mod error_codes;
#[doc(hidden)]
pub mod fuzz;
mod network;
mod oauth;
#[cfg(feature = "object-store")]
mod object_store;
mod oci;
mod one_line;
mod origin;
mod own_words;
mod pace;
mod recording;
mod redact;
mod request;
mod response;
mod retry;
mod settings;
mod sign_in;
mod spelling;
mod tls;
mod transport;

pub use auth::Auth;
pub use client::Remote;
pub use client_tls::client_tls;
pub use clock::{TOLERATED as TOLERATED_SKEW, in_words as skew_in_words};
pub use counters::Counters;
pub use dial::{ByteStream, Dialer, HostPort};
pub use direct::RawConnection;
pub use error::RemoteError;
pub use error_codes::{ERROR_CODES, ErrorCode};
pub use oauth::{ClientAuth, DeviceLogin, GrantType, KeyId, OAuth2, Prompt, Redemptions, SigningKey};
#[cfg(feature = "object-store")]
pub use object_store::{StoreConnector, StoreRefusal};
#[cfg(feature = "oci")]
pub use oci::{MetadataAddress, OciApiKey, OciPrincipal, OciResource, OciSecret, OciSession, OciWorkload, RsaKey};
pub use oci::{OciAuth, OciRegion, oci_service_of, oci_service_url};
pub use origin::LINK_BYTES;
pub use origin::{BaseUrl, Origin};
pub use recording::Recording;
pub use redact::Redactor;
pub use request::Request;
pub use response::{Answer, Response};
pub use retry::retry_after;
pub use settings::{CaFile, ClientCertificate, Exchange, Parallel, Proxy, RetryPolicy, Settings, Timeouts};
