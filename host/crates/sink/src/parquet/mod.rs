//! Apache Parquet: typed columns, written by row groups.
//!
//! The columns are those of [`event::cells`], and dots become nested groups, so that `user.name` is the member
//! `name` of `user`. A group is always there; what the event does not have is a null in it. Lists are lists, times are
//! timestamps in milliseconds and UTC, OCSF's own `time` among them, attributes are JSON.

mod column;

use std::{io, sync::Arc};

use parquet::{
    basic::{Compression, Repetition, ZstdLevel},
    data_type::{ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
    schema::types::{Type, TypePtr},
};

use self::column::{ColumnKind, ParquetColumn};
use crate::Pages;
use event::cells;
use event::{Event, Provenance, Rendering};

/// A row group ends at whichever comes first; it is what must be held in memory.
const GROUP_ROWS: usize = 32 * 1024;
const GROUP_BYTES: usize = 8 << 20;

/// The codec of the pages.
fn codec(pages: Pages) -> Compression {
    match pages {
        Pages::Plain => Compression::UNCOMPRESSED,
        Pages::Snappy => Compression::SNAPPY,
        Pages::Zstd => Compression::ZSTD(ZstdLevel::default()),
    }
}

/// A file being written. What is complete of it is handed out as it comes.
#[derive(Debug)]
pub(crate) struct Parquet {
    pages: Pages,
    writer: Option<SerializedFileWriter<Vec<u8>>>,
    columns: Vec<ParquetColumn>,
    rows: usize,
    text: String,
}

impl Parquet {
    pub(crate) fn new(pages: Pages) -> Self {
        Parquet {
            pages,
            writer: None,
            columns: Vec::new(),
            rows: 0,
            text: String::new(),
        }
    }

    pub(crate) fn pages(&self) -> Pages {
        self.pages
    }

    /// Bytes of texts that wait for the end of the row group.
    pub(crate) fn pending(&self) -> usize {
        self.columns.iter().map(|column| column.bytes.len()).sum()
    }

    pub(crate) fn write(
        &mut self,
        encoding: &Rendering,
        events: &[Event],
        provenance: &Provenance,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.begin(encoding, provenance).map_err(io::Error::other)?;
        for event in events {
            let mut columns = self.columns.iter_mut();
            let text = &mut self.text;
            let mut result = Ok(());
            cells::for_each(encoding, event, provenance, &mut |_, cell| {
                if let Some(column) = columns.next()
                    && let Err(error) = column.push(cell, text)
                {
                    result = Err(error);
                }
            });
            result?;
            self.rows += 1;
            if self.rows >= GROUP_ROWS || self.pending() >= GROUP_BYTES {
                self.end_group(out).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(
        &mut self,
        encoding: &Rendering,
        provenance: &Provenance,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut end = |parquet: &mut Self| {
            parquet.begin(encoding, provenance)?;
            parquet.end_group(out)?;
            if let Some(mut writer) = parquet.writer.take() {
                writer.finish()?;
                out.append(writer.inner_mut());
            }
            Ok::<_, ParquetError>(())
        };
        end(self).map_err(io::Error::other)
    }

    fn begin(&mut self, encoding: &Rendering, provenance: &Provenance) -> Result<(), ParquetError> {
        if self.writer.is_some() {
            return Ok(());
        }
        let mut leaves = Vec::new();
        cells::columns(encoding, provenance, &mut |name, cell| {
            leaves.push((name, ColumnKind::of(&cell)))
        });
        self.columns = leaves.iter().map(|(_, kind)| ParquetColumn::new(*kind)).collect();
        let schema = Type::group_type_builder("event")
            .with_fields(members(&leaves, 0)?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(codec(self.pages))
            // Indexes of pages would be held until the end of the file.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        self.writer = Some(SerializedFileWriter::new(
            Vec::new(),
            Arc::new(schema),
            Arc::new(properties),
        )?);
        Ok(())
    }

    fn end_group(&mut self, out: &mut Vec<u8>) -> Result<(), ParquetError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.rows > 0 {
            let mut group = writer.next_row_group()?;
            for column in &mut self.columns {
                let Some(mut to) = group.next_column()? else { break };
                match column.kind {
                    ColumnKind::Number | ColumnKind::Time => {
                        to.typed::<Int64Type>()
                            .write_batch(&column.numbers, Some(&column.defined), None)?;
                    }
                    ColumnKind::Text | ColumnKind::Json => {
                        to.typed::<ByteArrayType>()
                            .write_batch(&column.values(), Some(&column.defined), None)?;
                    }
                    ColumnKind::List => {
                        let values = column.values();
                        let repeated = Some(column.repeated.as_slice());
                        to.typed::<ByteArrayType>()
                            .write_batch(&values, Some(&column.defined), repeated)?;
                    }
                }
                to.close()?;
                column.clear();
            }
            group.close()?;
            self.rows = 0;
        }
        writer.flush()?;
        out.append(writer.inner_mut());
        Ok(())
    }
}

/// The members of a group whose columns share their names up to `depth` dots.
fn members(leaves: &[(&'static str, ColumnKind)], depth: usize) -> Result<Vec<TypePtr>, ParquetError> {
    let part = |name: &'static str| name.split('.').nth(depth).unwrap_or_default();
    let mut members = Vec::new();
    for run in leaves.chunk_by(|(a, _), (b, _)| part(a) == part(b)) {
        let Some((first, kind)) = run.first() else { continue };
        let leaf = first.split('.').count() == depth + 1;
        members.push(Arc::new(if leaf {
            kind.leaf(part(first))?
        } else {
            Type::group_type_builder(part(first))
                .with_repetition(Repetition::REQUIRED)
                .with_fields(self::members(run, depth + 1)?)
                .build()?
        }));
    }
    Ok(members)
}

#[cfg(test)]
mod tests;
