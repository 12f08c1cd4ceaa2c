//! The table that events go to, and the statements about it.

use std::str::FromStr;

/// The longest name that PostgreSQL does not cut.
const NAME_BYTES: usize = 63;

/// A table, perhaps in a schema: `audit_events` or `siem.audit_events`. Names are taken as written; case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

/// Why a text names no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no table: write TABLE or SCHEMA.TABLE, with letters, digits, '_', '-' and '$'")]
pub struct BadTableName(String);

impl FromStr for TableName {
    type Err = BadTableName;

    fn from_str(text: &str) -> Result<Self, BadTableName> {
        let safe = |c: char| c.is_alphanumeric() || "_-$".contains(c);
        let good = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES && name.chars().all(safe);
        let parts: Vec<_> = text.split('.').collect();
        match parts.len() <= 2 && parts.iter().all(|part| good(part)) {
            true => Ok(TableName(text.to_owned())),
            false => Err(BadTableName(text.to_owned())),
        }
    }
}

impl Default for TableName {
    fn default() -> Self {
        TableName("audit_events".into())
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TableName {
    /// The name as SQL; quotes cannot occur in it.
    pub(super) fn quoted(&self) -> String {
        let parts: Vec<_> = self.0.split('.').map(|part| format!("\"{part}\"")).collect();
        parts.join(".")
    }

    /// Creates the table and its index by time.
    pub(super) fn creation(&self) -> String {
        let table = self.quoted();
        format!(
            "create table if not exists {table} (\
             id text primary key, \
             time timestamptz not null, \
             report text not null, \
             connection text not null, \
             activity text not null, \
             outcome text not null, \
             subject text not null, \
             actor text, \
             target text, \
             source_ip text, \
             event jsonb not null); \
             create index on {table} (time)"
        )
    }

    /// Inserts one row for each element of the arrays. Which parameter is what: [`Rows`](super::rows::Rows).
    ///
    /// An id that is there already has the same event: it is left alone.
    pub(super) fn insertion(&self) -> String {
        format!(
            "insert into {} (id, time, report, connection, activity, outcome, subject, actor, target, source_ip, event) \
             select r.id, timestamptz 'epoch' + r.time * interval '1 millisecond', $1, $2, \
             r.activity, r.outcome, r.subject, r.actor, r.target, r.source_ip, r.event::jsonb \
             from unnest($3::text[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
             $10::text[], $11::text[]) \
             as r(id, time, activity, outcome, subject, actor, target, source_ip, event) \
             on conflict (id) do nothing",
            self.quoted()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_cannot_break_out() {
        let quoted = |name: &str| name.parse::<TableName>().map(|table| table.quoted());
        assert_eq!(quoted("audit_events").unwrap(), r#""audit_events""#);
        assert_eq!(quoted("Siem.Audit-Events").unwrap(), r#""Siem"."Audit-Events""#);
        for name in ["", ".", "a.", "a.b.c", "a\"b", "a b", "a;b", "a\0", &"x".repeat(64)] {
            assert!(quoted(name).is_err(), "{name:?}");
        }
    }
}
