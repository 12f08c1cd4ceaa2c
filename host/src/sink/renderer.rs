//! Events to bytes.

use std::sync::Arc;

use super::{Format, csv::Csv, table::Table, terminal};
use crate::event::{Encoding, Event, Provenance};

/// Turns the events of one run into the bytes of one output. The encoding does not matter to a table.
#[derive(Debug, Clone)]
pub struct Renderer {
    encoding: Encoding,
    provenance: Arc<Provenance>,
    shape: Shape,
    /// Still to be written before the first event.
    header: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    Ndjson,
    Csv(Csv),
    Table(Table, String),
}

impl Renderer {
    /// A renderer for one output. A table is as wide as the terminal behind stdout.
    pub fn new(format: Format, encoding: Encoding, provenance: Arc<Provenance>) -> Self {
        let shape = match format {
            Format::Ndjson => Shape::Ndjson,
            Format::Csv => Shape::Csv(Csv::default()),
            Format::Table => Shape::Table(Table::new(terminal::columns()), String::new()),
        };
        Renderer {
            encoding,
            provenance,
            shape,
            header: true,
        }
    }

    /// A table of so many columns.
    #[must_use]
    pub fn with_columns(mut self, columns: usize) -> Self {
        if let Shape::Table(table, _) = &mut self.shape {
            *table = Table::new(columns);
        }
        self
    }

    /// For an output that already begins with a header.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        self.header = false;
        self
    }

    /// Whether its output begins with a line that is no event.
    pub(super) fn has_header(&self) -> bool {
        !matches!(self.shape, Shape::Ndjson)
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
            Shape::Csv(csv) => csv.write(self.encoding, events, &self.provenance, out)?,
            Shape::Table(table, time) => {
                for event in events {
                    table.write(event, &self.provenance, time, out);
                }
            }
        }
        Ok(())
    }

    /// Appends what a complete output still needs: CSV has its header even without events.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        if self.header && matches!(self.shape, Shape::Csv(_)) {
            self.write_header(out)?;
        }
        Ok(())
    }

    fn write_header(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.header = false;
        match &mut self.shape {
            Shape::Ndjson => {}
            Shape::Csv(csv) => csv.header(self.encoding, &self.provenance, out)?,
            Shape::Table(table, _) => table.header(out),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Activity, Outcome, samples};

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
