//! The table that events go to, and the statements about it.

use std::str::FromStr;

/// The longest name that PostgreSQL does not cut.
const NAME_BYTES: usize = 63;

/// A table, perhaps in a schema: `audit_events` or `siem.audit_events`. Names are taken as written; case counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

/// The reason why a text names no table.
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

    /// Creates the table, with its key, and indexes by time, by who it is about and by where that came from. Whoever
    /// signs in chooses the length of a name: only a hash index takes any.
    pub(super) fn creation(&self, conflict: Conflict) -> String {
        let table = self.quoted();
        let key = conflict.0.columns();
        format!(
            "create table if not exists {table} (\
             id text not null, \
             time timestamptz not null, \
             report text not null, \
             connection text not null, \
             activity text not null, \
             outcome text not null, \
             subject text not null, \
             actor text, \
             target text, \
             source_ip inet, \
             event jsonb not null, \
             ingested_at timestamptz not null default now(), \
             primary key ({key})); \
             create index on {table} (time); \
             create index on {table} using hash (subject); \
             create index on {table} (source_ip)"
        )
    }

    /// Asks whether the table keeps addresses as such, `$1` the quoted name. Those of earlier versions have texts.
    pub(super) const ADDRESSES: &str = "select exists (select from pg_catalog.pg_attribute a \
         where a.attrelid = pg_catalog.to_regclass($1) and a.attname = 'source_ip' and not a.attisdropped \
         and a.atttypid = 'pg_catalog.inet'::pg_catalog.regtype)";

    /// Asks for the columns of each unique index of the table that `on conflict` can name, as comma-separated names in
    /// alphabetical order, `$1` the quoted name. No partial, invalid or deferrable one, none on expressions.
    pub(super) const UNIQUE: &str = "select string_agg(a.attname, ',' order by a.attname) \
         from pg_catalog.pg_index i \
         join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey[0:i.indnkeyatts - 1]) \
         where i.indrelid = pg_catalog.to_regclass($1) and i.indisunique and i.indisvalid and i.indimmediate \
         and i.indpred is null and i.indexprs is null group by i.indexrelid";

    /// The statements that insert one row for each element of the arrays, in one transaction and in this order. Which
    /// parameter is what: [`Rows`](super::rows::Rows).
    ///
    /// A row that is there already has the same event: it is left alone.
    pub(super) fn insertions(&self, Layout { key, addresses }: Layout) -> Vec<String> {
        let table = self.quoted();
        let address = if addresses { "r.source_ip::inet" } else { "r.source_ip" };
        let insertion = |id: &str, condition: &str| {
            format!(
                "insert into {table} (id, time, report, connection, activity, outcome, subject, actor, target, source_ip, event) \
                 select {id}, r.moment, $1, $2, r.activity, r.outcome, r.subject, r.actor, r.target, {address}, r.event::jsonb \
                 from (select *, timestamptz 'epoch' + time * interval '1 millisecond' as moment \
                 from unnest($3::text[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], \
                 $10::text[], $11::text[], $12::text[]) \
                 as u(id, time, activity, outcome, subject, actor, target, source_ip, event, identity)) as r{condition} \
                 on conflict ({}) do nothing",
                key.columns()
            )
        };
        if key.has_stream() {
            return vec![insertion("r.id", "")];
        }
        // Another stream may have a row of that id, which is another event: then this one goes by its identity. The second
        // statement sees what others have committed while the first one waited for them.
        let none = |id: &str| {
            format!(
                " where not exists (select from {table} as t where t.id = {id} and t.report = $1 and t.connection = $2)"
            )
        };
        vec![
            insertion("r.id", &none("r.identity")),
            insertion("r.identity", &none("r.id")),
        ]
    }
}

/// The columns by which a row is known again, as somebody chose them: `["id", "time"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conflict(pub(super) Key);

/// The reason why columns cannot tell events apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`conflict` must name `id`, alone or with `connection` and `report`, and may name `time`")]
pub struct BadConflict;

impl Conflict {
    /// A choice of columns, in any order.
    ///
    /// # Errors
    ///
    /// Where two events could not be told apart by them, or one is not known again.
    pub fn of(columns: &[String]) -> Result<Conflict, BadConflict> {
        let mut columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        columns.sort_unstable();
        let index = columns.join(",");
        let known = Key::ALL.into_iter().find(|key| key.index() == index);
        known.map(Conflict).ok_or(BadConflict)
    }
}

/// The way a table keeps a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// By what it knows one again.
    pub(super) key: Key,
    /// The column `source_ip` is an address and no text.
    pub(super) addresses: bool,
}

/// By what the table knows a row again: the columns of its unique index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Key {
    /// Connection, report and id: what a table is created with.
    #[default]
    Stream,
    /// The columns of the stream and the time, which a table needs that is partitioned by it.
    StreamAndTime,
    /// The id alone: tables of before, in which an id may be taken by another stream.
    Id,
    /// The id and the time, in a table that is partitioned by it.
    IdAndTime,
}

impl Key {
    /// Chooses among the unique indexes of a table, each as [`TableName::UNIQUE`] has it. One on the id alone decides even
    /// beside others: no two rows can share the id.
    pub(super) fn choose<'a>(indexes: impl IntoIterator<Item = &'a str> + Clone) -> Option<Key> {
        let is_there = |key: &Key| indexes.clone().into_iter().any(|index| index == key.index());
        Key::ALL.into_iter().find(is_there)
    }

    const ALL: [Key; 4] = [Key::Id, Key::IdAndTime, Key::Stream, Key::StreamAndTime];

    /// The index as [`TableName::UNIQUE`] has it.
    pub(super) fn index(self) -> &'static str {
        match self {
            Key::Id => "id",
            Key::IdAndTime => "id,time",
            Key::Stream => "connection,id,report",
            Key::StreamAndTime => "connection,id,report,time",
        }
    }

    pub(super) fn columns(self) -> &'static str {
        match self {
            Key::Stream => "connection, report, id",
            Key::StreamAndTime => "connection, report, id, time",
            Key::Id => "id",
            Key::IdAndTime => "id, time",
        }
    }

    fn has_stream(self) -> bool {
        matches!(self, Key::Stream | Key::StreamAndTime)
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

    #[test]
    fn columns_are_chosen_among_those_that_tell_events_apart() {
        let of = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
            Conflict::of(&columns).map(|conflict| conflict.0)
        };
        assert_eq!(of(&["id", "time"]), Ok(Key::IdAndTime));
        assert_eq!(of(&["time", "id"]), Ok(Key::IdAndTime));
        assert_eq!(of(&["id"]), Ok(Key::Id));
        assert_eq!(of(&["connection", "report", "id"]), Ok(Key::Stream));
        for columns in [
            &[][..],
            &["time"],
            &["id", "id"],
            &["id", "subject"],
            &["connection", "report"],
        ] {
            assert!(of(columns).is_err(), "{columns:?}");
        }
    }

    #[test]
    fn a_created_table_has_addresses_times_and_indexes_that_take_any_name() {
        let sql = TableName::default().creation(Conflict(Key::IdAndTime));
        for part in [
            "source_ip inet",
            "ingested_at timestamptz not null default now()",
            "primary key (id, time)",
            "using hash (subject)",
        ] {
            assert!(sql.contains(part), "{sql}");
        }
        for (addresses, part) in [(true, "r.source_ip::inet,"), (false, "r.source_ip,")] {
            let key = Key::Stream;
            let statements = TableName::default().insertions(Layout { key, addresses });
            assert!(statements.iter().all(|sql| sql.contains(part)));
        }
    }

    #[test]
    fn a_unique_index_on_the_id_decides_and_any_other_is_no_key() {
        for (indexes, key) in [
            (&["connection,id,report"][..], Some(Key::Stream)),
            (&["connection,id,report,time"], Some(Key::StreamAndTime)),
            (&["connection,id,report", "id"], Some(Key::Id)),
            (&["connection,id,report", "id,time"], Some(Key::IdAndTime)),
            (&["subject", "id,subject"], None),
            (&[], None),
        ] {
            assert_eq!(Key::choose(indexes.iter().copied()), key, "{indexes:?}");
        }
    }
}
