//! One column: its type, and its cells since the last row group.

use std::{fmt::Write, io, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    data_type::ByteArray,
    errors::ParquetError,
    schema::types::Type,
};

use event::cells::Cell;

/// The type of a column's values.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnKind {
    Text,
    Json,
    Number,
    Time,
    List,
}

impl ColumnKind {
    pub(super) fn of(cell: &Cell<'_>) -> Self {
        match cell {
            Cell::Text(_) | Cell::Shown(_) => ColumnKind::Text,
            Cell::Number(_) => ColumnKind::Number,
            Cell::Time(_) | Cell::Millis(_) => ColumnKind::Time,
            Cell::List(_) | Cell::Labels(_) | Cell::Distinct(_) => ColumnKind::List,
            Cell::Attributes(_) => ColumnKind::Json,
        }
    }

    /// The column in the schema.
    pub(super) fn leaf(self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnKind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
            ColumnKind::Number => (Physical::INT64, None),
            ColumnKind::Time => {
                let time = LogicalType::timestamp(true, TimeUnit::MILLIS);
                (Physical::INT64, Some(time))
            }
            ColumnKind::List => {
                let element = Type::primitive_type_builder("element", Physical::BYTE_ARRAY)
                    .with_repetition(Repetition::REQUIRED)
                    .with_logical_type(Some(LogicalType::String))
                    .build()?;
                let list = Type::group_type_builder("list")
                    .with_repetition(Repetition::REPEATED)
                    .with_fields(vec![Arc::new(element)])
                    .build()?;
                return Type::group_type_builder(name)
                    .with_repetition(Repetition::REQUIRED)
                    .with_logical_type(Some(LogicalType::List))
                    .with_fields(vec![Arc::new(list)])
                    .build();
            }
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }
}

/// The cells of one column since the last row group. Texts share one buffer.
#[derive(Debug)]
pub(super) struct ParquetColumn {
    pub(super) kind: ColumnKind,
    pub(super) bytes: Vec<u8>,
    ends: Vec<usize>,
    pub(super) numbers: Vec<i64>,
    /// Definition levels: 1 where there is a value.
    pub(super) defined: Vec<i16>,
    /// Repetition levels of a list: 1 where the value goes on with the list of the one before.
    pub(super) repeated: Vec<i16>,
}

impl ParquetColumn {
    pub(super) fn new(kind: ColumnKind) -> Self {
        ParquetColumn {
            kind,
            bytes: Vec::new(),
            ends: Vec::new(),
            numbers: Vec::new(),
            defined: Vec::new(),
            repeated: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, cell: Cell<'_>, text: &mut String) -> io::Result<()> {
        match cell {
            Cell::Text(value) => self.push_text(value),
            Cell::Number(value) | Cell::Millis(value) => self.push_number(value),
            Cell::Time(time) => self.push_number(time.map(|time| time.0)),
            Cell::Shown(value) => {
                text.clear();
                if let Some(value) = value {
                    write!(text, "{value}").map_err(io::Error::other)?;
                }
                self.push_text(value.map(|_| text.as_str()));
            }
            Cell::List(list) => self.push_list(list.iter().copied()),
            Cell::Labels(list) => self.push_list(list.iter().map(String::as_str)),
            Cell::Distinct(list) => self.push_list(list.iter()),
            Cell::Attributes(attributes) if attributes.is_empty() => self.push_text(None),
            Cell::Attributes(attributes) => {
                serde_json::to_writer(&mut self.bytes, attributes)?;
                self.ends.push(self.bytes.len());
                self.defined.push(1);
            }
        }
        Ok(())
    }

    fn push_text(&mut self, value: Option<&str>) {
        self.defined.push(value.is_some().into());
        if let Some(value) = value {
            self.bytes.extend_from_slice(value.as_bytes());
            self.ends.push(self.bytes.len());
        }
    }

    fn push_number(&mut self, value: Option<i64>) {
        self.defined.push(value.is_some().into());
        self.numbers.extend(value);
    }

    fn push_list<'a>(&mut self, values: impl Iterator<Item = &'a str>) {
        let mut first = true;
        for value in values {
            self.push_text(Some(value));
            self.repeated.push((!first).into());
            first = false;
        }
        if first {
            self.defined.push(0);
            self.repeated.push(0);
        }
    }

    /// The texts, as slices of the buffer.
    pub(super) fn values(&mut self) -> Vec<ByteArray> {
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| ByteArray::from(bytes.slice(start..*end)))
            .collect()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.numbers.clear();
        self.defined.clear();
        self.repeated.clear();
    }
}
