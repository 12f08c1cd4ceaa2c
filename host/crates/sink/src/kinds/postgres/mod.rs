//! `kind = "postgres"`: a table of PostgreSQL.

mod address;
mod build;
mod config;
mod meaning;
mod rows;
mod session;
mod sink;
mod table;

pub use address::PostgresUrl;
pub use config::{PostgresConfig, PostgresTls};
pub use sink::{PostgresOptions, PostgresSink};
pub use table::{BadConflict, BadTableName, Conflict, TableName};
