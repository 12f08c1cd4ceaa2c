//! The part of a configuration that says how to reach a server, made into settings of [`remote`].
//!
//! [`Connection`] has the keys of `[connections.NAME]` and of a sink's endpoint, [`AuthMethod`] those of `auth`; a secret is
//! never a value there but a [`SecretSource`]. [`ConfiguredServer`] makes settings of them, [`TlsFiles`] is for what speaks
//! another protocol than HTTP. Messages say where a key stands in the [`ConfigSource`]; each is a [`base::SetupError`].
//!
//! ```
//! use connection::{ConfigSource, ConfiguredServer, Connection, Owner};
//!
//! let text = "url = \"https://siem.example.com\"\nauth = { kind = \"bearer\", token = { env = \"SIEM_TOKEN\" } }";
//! let connection: Connection = toml::from_str(text)?;
//! let file = ConfigSource::default();
//! let server = ConfiguredServer { owner: Owner::Sink("siem"), connection: &connection, file: &file };
//! server.check().expect("it could be asked");
//! # Ok::<(), toml::de::Error>(())
//! ```
#![warn(missing_docs)]

mod auth_method;
mod compartment;
mod config_source;
mod credentials;
mod endpoint;
mod environment;
mod max_rejected;
#[cfg(not(feature = "oci"))]
mod no_oci;
#[cfg(feature = "oci")]
mod oci;
mod owner;
mod secret;
mod server;
mod state_folder;
mod tls_files;
pub mod web_address;

#[cfg(not(feature = "oci"))]
use no_oci as oci;

pub use auth_method::{AuthMethod, ClientAuthentication};
pub use compartment::CompartmentId;
pub use config_source::{ConfigSource, line_of};
pub use credentials::client_credentials;
pub use endpoint::{Connection, ConnectionKind, ProxyServer};
pub use environment::Environment;
pub use max_rejected::MaxRejected;
pub use owner::Owner;
pub use secret::SecretSource;
pub use server::ConfiguredServer;
pub use state_folder::{state_folder, token_folder};
pub use tls_files::TlsFiles;
