//! host.toml, validated.
