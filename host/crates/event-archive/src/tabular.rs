//! Records of columns: CSV, and what it has in common with the rows of Parquet.
//!
//! A cell of CSV has no type and may be neutralised: one that a spreadsheet would run has an apostrophe in front. The columns of
//! an encoding say what each is. An empty cell stands for no value.

use std::io::Read;
use std::sync::Arc;

use event::cells::{self, Cell};
use event::{Encoding, Event, Provenance, Rendering, Rfc3339};

use crate::error::{ArchiveReadError, Unreadable};
use crate::json::Json;
use crate::ndjson::broken;
use crate::record::{ArchivedRecord, CellForm, LATER, RecordContent, encoding_with};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnType {
    Text,
    Number,
    List,
    Attributes,
}

impl ColumnType {
    fn of(cell: &Cell<'_>) -> ColumnType {
        match cell {
            Cell::Text(_) | Cell::Shown(_) | Cell::Time(_) => ColumnType::Text,
            Cell::Number(_) | Cell::Millis(_) => ColumnType::Number,
            Cell::List(_) | Cell::Labels(_) | Cell::Distinct(_) => ColumnType::List,
            Cell::Attributes(_) => ColumnType::Attributes,
        }
    }
}

/// The encoding that has these columns, and no others.
pub(crate) fn encoding_of_columns(columns: &[String]) -> Result<Encoding, String> {
    let has = |name: &str| {
        (columns.iter())
            .any(|column| column == name || column.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    let encoding = encoding_with(has).ok_or("its columns are of no encoding")?;
    let known = cells::names(encoding);
    match columns.iter().find(|column| !known.contains(&column.as_str())) {
        Some(column) => Err(format!("the encoding {encoding} has no column {column:?}")),
        None => Ok(encoding),
    }
}

/// The records of a CSV file.
pub(crate) struct CsvRecords<R> {
    name: String,
    records: csv::Reader<R>,
    encoding: Encoding,
    columns: Arc<Vec<String>>,
    types: Vec<ColumnType>,
    read: u64,
}

impl<R: Read> CsvRecords<R> {
    /// Reads the header; nothing where the file is empty.
    pub(crate) fn new(name: &str, from: R) -> Result<Option<CsvRecords<R>>, ArchiveReadError> {
        let mut records = csv::ReaderBuilder::new().flexible(true).from_reader(from);
        let header = records.headers().map_err(|error| wrong(name, 0, error))?;
        if header.is_empty() {
            return Ok(None);
        }
        let columns: Vec<String> = header.iter().map(str::to_owned).collect();
        let encoding = encoding_of_columns(&columns).map_err(|problem| ArchiveReadError::Foreign {
            name: name.to_owned(),
            problem,
        })?;
        let mut known = Vec::new();
        cells::columns(&encoding.into(), &nobody(), &mut |name, cell| {
            known.push((name, ColumnType::of(&cell)))
        });
        let of = |column: &String| known.iter().find(|(name, _)| name == column).map(|(_, kind)| *kind);
        let types = columns
            .iter()
            .map(|column| of(column).unwrap_or(ColumnType::Text))
            .collect();
        Ok(Some(CsvRecords {
            name: name.to_owned(),
            records,
            encoding,
            columns: Arc::new(columns),
            types,
            read: 0,
        }))
    }

    /// The next record; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<ArchivedRecord>, ArchiveReadError> {
        let mut record = csv::StringRecord::new();
        let records = self.read;
        let more = self.records.read_record(&mut record);
        if !more.map_err(|error| wrong(&self.name, records, error))? {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let mut raw = Vec::new();
        for cell in &record {
            raw.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            raw.extend_from_slice(cell.as_bytes());
        }
        self.read += 1;
        let content = match self.cells(&record) {
            Ok(cells) => RecordContent::Cells {
                encoding: self.encoding,
                columns: Arc::clone(&self.columns),
                cells,
                form: CellForm::Text,
            },
            Err(problem) => RecordContent::Foreign(problem),
        };
        Ok(Some(ArchivedRecord { line, raw, content }))
    }

    /// The error about the last record, which has no end.
    pub(crate) fn unfinished(&self, line: u64) -> ArchiveReadError {
        ArchiveReadError::Incomplete {
            name: self.name.clone(),
            records: self.read.saturating_sub(1),
            problem: format!("the record of line {line} has no end"),
        }
    }

    fn cells(&self, record: &csv::StringRecord) -> Result<Vec<Json>, String> {
        if record.len() != self.columns.len() {
            return Err(format!(
                "it has {} cells, and the header {} columns",
                record.len(),
                self.columns.len()
            ));
        }
        let typed = record.iter().zip(&self.types).zip(self.columns.iter());
        typed
            .map(|((cell, kind), column)| {
                let wrong = || format!("the cell of {column} cannot be read");
                Ok(match kind {
                    _ if cell.is_empty() => Json::Null,
                    ColumnType::Text => Json::Text(meant(cell).to_owned()),
                    ColumnType::Number => Json::Number(cell.parse().map_err(|_| wrong())?),
                    ColumnType::List | ColumnType::Attributes => serde_json::from_str(cell).map_err(|_| wrong())?,
                })
            })
            .collect()
    }
}

/// The text of a cell that may be neutralised.
fn meant(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if runs(text) => text,
        _ => cell,
    }
}

/// True where a spreadsheet might run the cell: as the writer of CSV decides.
fn runs(text: &str) -> bool {
    text.starts_with(|c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') || c.is_control())
}

fn wrong(name: &str, records: u64, error: csv::Error) -> ArchiveReadError {
    let line = error.position().map(csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => broken(name, records, error),
        csv::ErrorKind::Utf8 { err, .. } => ArchiveReadError::Foreign {
            name: name.to_owned(),
            problem: match line {
                Some(line) => format!("line {line}: {err}"),
                None => err.to_string(),
            },
        },
        _ => ArchiveReadError::Incomplete {
            name: name.to_owned(),
            records,
            problem: "a record cannot be read".into(),
        },
    }
}

fn nobody() -> Provenance {
    Provenance::new("", "", "", event::Product::epm_cloud())
}

/// The cells as an object, as the encoding nests it.
pub(crate) fn nested(columns: &[String], cells: &[Json]) -> Json {
    let mut object = Json::Object(Vec::new());
    for (column, cell) in columns.iter().zip(cells) {
        if *cell != Json::Null {
            object.put(column, cell.clone());
        }
    }
    object
}

/// Holds the cells against those that the event has today. Columns that the file does not have, of an earlier version, are passed
/// over.
pub(crate) fn compare(
    encoding: Encoding,
    columns: &[String],
    there: &[Json],
    form: CellForm,
    event: &Event,
    provenance: &Provenance,
) -> Result<(), Unreadable> {
    let mut different = None;
    cells::for_each(&Rendering::from(encoding), event, provenance, &mut |name, cell| {
        if different.is_some() {
            return;
        }
        let place = columns.iter().position(|column| column == name);
        let same = match place.and_then(|place| there.get(place)) {
            None => (encoding == Encoding::Event && LATER.contains(&name)) || is_nothing(&written(cell, form), form),
            Some(there) => {
                let now = written(cell, form);
                (is_nothing(there, form) && is_nothing(&now, form)) || there.difference(&now, "").is_none()
            }
        };
        if !same {
            different = Some(name.to_owned());
        }
    });
    match different {
        Some(member) => Err(Unreadable::Different { member }),
        None => Ok(()),
    }
}

/// True where a cell stands for no value.
fn is_nothing(cell: &Json, form: CellForm) -> bool {
    match cell {
        Json::Null => true,
        Json::Text(text) => form == CellForm::Text && text.is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The cell as the file would have it.
fn written(cell: Cell<'_>, form: CellForm) -> Json {
    let text = |text: &str| Json::Text(text.to_owned());
    match cell {
        Cell::Text(value) => value.map_or(Json::Null, text),
        Cell::Number(value) | Cell::Millis(value) => value.map_or(Json::Null, Json::Number),
        Cell::Time(None) => Json::Null,
        Cell::Time(Some(time)) => match form {
            CellForm::Text => Json::Text(time.to_string()),
            CellForm::Typed => {
                let Rfc3339(ms) = time;
                Json::Number(ms)
            }
        },
        Cell::Shown(value) => value.map_or(Json::Null, |shown| Json::Text(shown.to_string())),
        Cell::List(items) => list(items.iter().copied()),
        Cell::Labels(items) => list(items.iter().map(String::as_str)),
        Cell::Distinct(items) => list(items.iter()),
        Cell::Attributes(attributes) => match serde_json::to_vec(attributes) {
            Ok(json) => serde_json::from_slice(&json).unwrap_or(Json::Null),
            Err(_) => Json::Null,
        },
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> Json {
    Json::List(items.map(|item| Json::Text(item.to_owned())).collect())
}
