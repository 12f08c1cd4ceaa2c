//! Events to bytes.

use std::sync::Arc;

#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::{Format, Pages, csv::Csv, table::TextTable, terminal};
use event::{Event, Provenance, Rendering};

/// Turns the events of one run into the bytes of one output. The encoding does not matter to a table.
#[derive(Debug)]
pub struct Renderer {
    encoding: Rendering,
    provenance: Arc<Provenance>,
    shape: Shape,
    /// Still to be written before the first event.
    header: bool,
}

#[derive(Debug)]
enum Shape {
    Ndjson,
    Csv(Csv),
    Table(TextTable, String),
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
    /// A format that this build cannot write; whoever configures it is refused before anything is rendered.
    #[cfg(not(feature = "parquet"))]
    NotBuilt(Format),
}

impl Renderer {
    /// A renderer for one output. A table is as wide as the terminal behind stdout.
    pub fn new(format: Format, encoding: impl Into<Rendering>, provenance: Arc<Provenance>) -> Self {
        let shape = match format {
            Format::Ndjson => Shape::Ndjson,
            Format::Csv => Shape::Csv(Csv::default()),
            Format::Table => Shape::Table(TextTable::new(terminal::columns()), String::new()),
            #[cfg(feature = "parquet")]
            Format::Parquet => Shape::Parquet(Box::new(Parquet::new(Pages::default()))),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Shape::NotBuilt(format),
        };
        Renderer {
            encoding: encoding.into(),
            provenance,
            shape,
            header: true,
        }
    }

    /// A table of so many columns.
    #[must_use]
    pub fn with_columns(mut self, columns: usize) -> Self {
        if let Shape::Table(table, _) = &mut self.shape {
            *table = TextTable::new(columns);
        }
        self
    }

    /// A Parquet file whose pages are compressed so.
    #[must_use]
    pub fn with_pages(mut self, pages: Pages) -> Self {
        #[cfg(feature = "parquet")]
        if let Shape::Parquet(parquet) = &mut self.shape {
            **parquet = Parquet::new(pages);
        }
        #[cfg(not(feature = "parquet"))]
        let _ = (&mut self, pages);
        self
    }

    /// A renderer for another output of the same kind.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Renderer {
            encoding: self.encoding.clone(),
            provenance: Arc::clone(&self.provenance),
            shape: match &self.shape {
                Shape::Ndjson => Shape::Ndjson,
                Shape::Csv(_) => Shape::Csv(Csv::default()),
                Shape::Table(table, _) => Shape::Table(table.clone(), String::new()),
                #[cfg(feature = "parquet")]
                Shape::Parquet(parquet) => Shape::Parquet(Box::new(Parquet::new(parquet.pages()))),
                #[cfg(not(feature = "parquet"))]
                Shape::NotBuilt(format) => Shape::NotBuilt(*format),
            },
            header: true,
        }
    }

    /// Bytes of events that are still to be rendered: those of a Parquet file's row group.
    pub(super) fn pending(&self) -> usize {
        match &self.shape {
            #[cfg(feature = "parquet")]
            Shape::Parquet(parquet) => parquet.pending(),
            _ => 0,
        }
    }

    /// For an output that already begins with a header.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    /// True if the output names its columns in its first line.
    pub(super) fn names_columns(&self) -> bool {
        matches!(self.shape, Shape::Csv(_))
    }

    /// For an output whose first line names these columns. Answers with those of the encoding that it lacks, which are not
    /// written; nothing where it has others.
    pub(super) fn follow(&mut self, header: &str) -> Option<Vec<&'static str>> {
        match &mut self.shape {
            Shape::Csv(csv) => csv.follow(&self.encoding, &self.provenance, header),
            _ => Some(Vec::new()),
        }
    }

    /// True if the output is a JSON object a line.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.shape, Shape::Ndjson)
    }

    /// True if the output begins with a line that is no event.
    pub(super) fn has_header(&self) -> bool {
        matches!(self.shape, Shape::Csv(_) | Shape::Table(..))
    }

    /// True if an output may begin with what an earlier renderer wrote.
    pub fn can_extend(&self) -> bool {
        matches!(self.shape, Shape::Ndjson | Shape::Csv(_) | Shape::Table(..))
    }

    /// Appends the events to `out`, after the header if they are the first.
    pub fn render(&mut self, events: &[Event], out: &mut Vec<u8>) -> std::io::Result<()> {
        if self.header && !events.is_empty() {
            self.write_header(out)?;
        }
        match &mut self.shape {
            Shape::Ndjson => {
                for event in events {
                    self.encoding.write(event, &self.provenance, out);
                    out.push(b'\n');
                }
            }
            Shape::Csv(csv) => csv.write(&self.encoding, events, &self.provenance, out)?,
            Shape::Table(table, time) => {
                for event in events {
                    table.write(&self.encoding.trim(event), &self.provenance, time, out);
                }
            }
            #[cfg(feature = "parquet")]
            Shape::Parquet(parquet) => parquet.write(&self.encoding, events, &self.provenance, out)?,
            #[cfg(not(feature = "parquet"))]
            Shape::NotBuilt(format) => return Err(std::io::Error::other(format.lacking())),
        }
        Ok(())
    }

    /// Appends what a complete output still needs: a CSV header even without events, the end of a Parquet file.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        match &mut self.shape {
            Shape::Csv(_) if self.header => self.write_header(out),
            #[cfg(feature = "parquet")]
            Shape::Parquet(parquet) => parquet.finish(&self.encoding, &self.provenance, out),
            _ => Ok(()),
        }
    }

    fn write_header(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.header = false;
        match &mut self.shape {
            Shape::Csv(csv) => csv.header(&self.encoding, &self.provenance, out)?,
            Shape::Table(table, _) => table.header(out),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Encoding, Outcome, samples};

    fn rendered(format: Format, batches: &[usize]) -> String {
        let mut renderer = Renderer::new(format, Encoding::Event, Arc::new(samples::epm())).with_columns(120);
        let mut out = Vec::new();
        for size in batches {
            let events = vec![samples::sparse(Activity::Logon, Outcome::Success); *size];
            renderer.render(&events, &mut out).unwrap();
        }
        renderer.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_header_comes_once_however_events_are_batched() {
        for (format, extra) in [(Format::Ndjson, 0), (Format::Csv, 1), (Format::Table, 1)] {
            let text = rendered(format, &[0, 1, 0, 3]);
            assert_eq!(text.lines().count(), 4 + extra, "{format}");
            assert!(text.ends_with('\n'));
            assert_eq!(text, rendered(format, &[4]));
        }
    }

    #[test]
    fn without_events_only_csv_has_a_header() {
        assert_eq!(rendered(Format::Ndjson, &[]), "");
        assert_eq!(rendered(Format::Table, &[0]), "");
        assert!(rendered(Format::Csv, &[]).starts_with("id,time,activity,"));
    }
}
