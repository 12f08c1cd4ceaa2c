//! `host.toml`: what a user configured, read and validated.
//!
//! [`Config::load`] finds and reads the file; [`Connection`], [`SinkEntry`] and [`PluginEntry`] are its entries. A secret is never a
//! value here but a [`SecretSource`], resolved when a run needs it.
//!
//! ```toml
//! [connections.epm]
//! kind = "epm"
//! url = "https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com"
//! auth = { kind = "basic", username = "acme.jdoe", password = { env = "EPM_PASSWORD" } }
//! ```

mod checks;
mod error;
mod evidence;
mod found;
mod host_toml;
mod ledger;
mod load;
mod plugin;
mod remark;
mod route;
mod route_checks;
mod run;
mod schema;
mod sink;
mod stream;
mod stream_checks;
mod wrong_key;

pub use base::duration::parse_duration;
pub use connection::{AuthMethod, Connection, ConnectionKind, SecretSource};
pub use error::{ConfigError, nearest};
pub use evidence::{EvidenceSection, ObjectLock, ObjectLockMode};
pub use host_toml::Config;
pub use ledger::{LedgerSection, LookBackStep};
pub use plugin::PluginEntry;
pub use route::RouteEntry;
pub use run::RunSection;
pub use schema::schema;
pub use sink::{PluginTransport, SinkEntry, SinkKind};
pub use stream::{ParameterValue, StreamEntry};
pub use stream_checks::{is_report_name, is_stream_name};
