//! Rows by their report, connection, source and number.

/// A selection of rows; what is left out does not restrict.
#[derive(Debug, Clone, Default)]
pub struct RejectedSelection {
    /// Of this report.
    pub report: Option<String>,
    /// Of this connection.
    pub connection: Option<String>,
    /// With these numbers.
    pub numbers: Vec<i64>,
    /// Not those from these sources.
    pub except: Vec<String>,
}

/// Rows from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedGroup {
    /// The URL that they were collected from; unknown for those that an earlier version kept.
    pub source: Option<String>,
    /// The number of rows.
    pub rows: u64,
}

impl RejectedSelection {
    /// The condition of SQL, and the values of its parameters.
    pub(super) fn condition(&self) -> (String, Vec<String>) {
        let mut conditions = vec!["true".to_owned()];
        let mut values = Vec::new();
        for (column, value) in [("report", &self.report), ("connection", &self.connection)] {
            if let Some(value) = value {
                values.push(value.clone());
                conditions.push(format!("row.{column} = ?{}", values.len()));
            }
        }
        if !self.numbers.is_empty() {
            let numbers: Vec<String> = self.numbers.iter().map(i64::to_string).collect();
            conditions.push(format!("number IN ({})", numbers.join(", ")));
        }
        for source in &self.except {
            values.push(source.clone());
            conditions.push(format!("source <> ?{}", values.len()));
        }
        (conditions.join(" AND "), values)
    }
}
