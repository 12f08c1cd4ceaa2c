//! The form in which the events of one sink are written: [`Rendering`].

use std::borrow::Cow;
use std::sync::Arc;

use super::{Encoding, Event, OmissionError, Omissions, Provenance};

/// An encoding, without what the sink leaves out.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    encoding: Encoding,
    omissions: Option<Arc<Omissions>>,
}

impl From<Encoding> for Rendering {
    /// Whole events.
    fn from(encoding: Encoding) -> Self {
        Rendering {
            encoding,
            omissions: None,
        }
    }
}

impl Rendering {
    /// Events of that encoding without these members.
    ///
    /// # Errors
    ///
    /// Fails where an event cannot be without one of the members.
    pub fn without(encoding: Encoding, paths: &[String]) -> Result<Self, OmissionError> {
        let omissions = match paths {
            [] => None,
            paths => Some(Arc::new(Omissions::new(encoding, paths)?)),
        };
        Ok(Rendering { encoding, omissions })
    }

    /// The encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Appends the event to `out` as one JSON object without a line break, neither in it nor after it.
    #[inline]
    pub fn write(&self, event: &Event, provenance: &Provenance, out: &mut Vec<u8>) {
        match &self.omissions {
            None => self.encoding.write(event, provenance, out),
            Some(omissions) => thinned(self.encoding, omissions, event, provenance, out),
        }
    }

    /// The event as it may stand beside its document, in columns and the like.
    #[inline]
    pub fn trim<'a>(&self, event: &'a Event) -> Cow<'a, Event> {
        match &self.omissions {
            None => Cow::Borrowed(event),
            Some(omissions) => Cow::Owned(omissions.trim(event)),
        }
    }

    /// The members that are left out, if any.
    pub fn omissions(&self) -> Option<&Omissions> {
        self.omissions.as_deref()
    }
}

#[cold]
fn thinned(encoding: Encoding, omissions: &Omissions, event: &Event, provenance: &Provenance, out: &mut Vec<u8>) {
    let mut whole = Vec::with_capacity(2048);
    encoding.write(event, provenance, &mut whole);
    let start = out.len();
    // What an encoding writes is JSON: this cannot fail. Were it to, an event that says too much is better than none.
    if omissions.thin(&whole, out).is_err() {
        out.truncate(start);
        out.extend_from_slice(&whole);
    }
}
