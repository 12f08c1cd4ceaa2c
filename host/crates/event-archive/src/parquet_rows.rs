//! The rows of a Parquet file, column by column under the names that CSV has too.

use std::sync::Arc;

use event::Encoding;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use crate::error::ArchiveReadError;
use crate::json::Json;
use crate::record::{ArchivedRecord, CellForm, RecordContent};
use crate::tabular::encoding_of_columns;

/// The rows of a file.
pub(crate) struct ParquetRows {
    name: String,
    rows: RowIter<'static>,
    encoding: Encoding,
    columns: Arc<Vec<String>>,
    read: u64,
}

impl ParquetRows {
    /// Reads what stands at the file's end.
    pub(crate) fn new<R: ChunkReader + 'static>(name: &str, from: R) -> Result<ParquetRows, ArchiveReadError> {
        let reader = SerializedFileReader::new(from).map_err(|error| ArchiveReadError::Incomplete {
            name: name.to_owned(),
            records: 0,
            problem: format!("it has no footer that can be read: {error}"),
        })?;
        let mut columns = Vec::new();
        leaves(reader.metadata().file_metadata().schema(), "", &mut columns);
        let encoding = encoding_of_columns(&columns).map_err(|problem| ArchiveReadError::Foreign {
            name: name.to_owned(),
            problem,
        })?;
        Ok(ParquetRows {
            name: name.to_owned(),
            rows: RowIter::from_file_into(Box::new(reader)),
            encoding,
            columns: Arc::new(columns),
            read: 0,
        })
    }

    /// The next row; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<ArchivedRecord>, ArchiveReadError> {
        let row = match self.rows.next() {
            None => return Ok(None),
            Some(Ok(row)) => row,
            Some(Err(error)) => {
                return Err(ArchiveReadError::Incomplete {
                    name: self.name.clone(),
                    records: self.read,
                    problem: error.to_string(),
                });
            }
        };
        self.read += 1;
        let mut cells = vec![Json::Null; self.columns.len()];
        let mut problem = None;
        fill(row, "", &self.columns, &mut cells, &mut problem);
        let raw = format!("{cells:?}").into_bytes();
        let content = match problem {
            Some(column) => RecordContent::Foreign(format!("the cell of {column} is of another type")),
            None => RecordContent::Cells {
                encoding: self.encoding,
                columns: Arc::clone(&self.columns),
                cells,
                form: CellForm::Typed,
            },
        };
        Ok(Some(ArchivedRecord {
            line: self.read,
            raw,
            content,
        }))
    }
}

fn below(before: &str, name: &str) -> String {
    match before {
        "" => name.to_owned(),
        before => format!("{before}.{name}"),
    }
}

/// The columns of a schema; a list is one.
fn leaves(group: &Type, before: &str, columns: &mut Vec<String>) {
    for field in group.get_fields() {
        let path = below(before, field.name());
        let is_list =
            field.is_group() && matches!(field.get_fields(), [only] if only.name() == "list" && only.is_group());
        match field.is_group() && !is_list {
            true => leaves(field, &path, columns),
            false => columns.push(path),
        }
    }
}

/// Puts the fields of a row into their cells; the column of one of another type becomes the problem.
fn fill(row: Row, before: &str, columns: &[String], cells: &mut [Json], problem: &mut Option<String>) {
    for (name, field) in row.into_columns() {
        let path = below(before, &name);
        let value = match field {
            Field::Group(row) => {
                fill(row, &path, columns, cells, problem);
                continue;
            }
            Field::Null => Json::Null,
            Field::Long(number) | Field::TimestampMillis(number) => Json::Number(number),
            Field::Str(text) if is_attributes(&path) => match serde_json::from_str(&text) {
                Ok(attributes) => attributes,
                Err(_) => {
                    problem.get_or_insert(path);
                    continue;
                }
            },
            Field::Str(text) => Json::Text(text),
            Field::ListInternal(list) => {
                let texts = list.elements().iter().map(|element| match element {
                    Field::Str(text) => Some(Json::Text(text.clone())),
                    _ => None,
                });
                match texts.collect::<Option<Vec<_>>>() {
                    Some(texts) => Json::List(texts),
                    None => {
                        problem.get_or_insert(path);
                        continue;
                    }
                }
            }
            _ => {
                problem.get_or_insert(path);
                continue;
            }
        };
        let place = columns.iter().position(|column| *column == path);
        match place.and_then(|place| cells.get_mut(place)) {
            Some(cell) => *cell = value,
            None => {
                problem.get_or_insert(path);
            }
        }
    }
}

/// The columns that hold attributes as JSON.
fn is_attributes(path: &str) -> bool {
    matches!(
        path,
        "attributes" | "unmapped" | "oracle.attributes" | "audit.attributes"
    )
}
