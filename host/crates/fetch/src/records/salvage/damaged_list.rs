//! A list some of whose records break the grammar: where each of them ends.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;

use serde::de::IgnoredAny;

use super::error::{Result, SalvageError};
use super::lookahead::Lookahead;
use crate::error::FetchError;
use crate::records::mend::{self, Sound};
use crate::records::piece::Piece;

/// So many times what one record may have is looked at to find its end.
const SPAN: usize = 16;

/// A list with more broken records than this is no list.
const MOST_HIDDEN: u32 = 10_000;

/// Names of members that are remembered, and bytes that one may have: those of honest records are few.
pub(super) const NAMES: usize = 4096;
pub(super) const NAME_BYTES: usize = 512;

/// A list in an answer, and what is known of its records.
pub(super) struct DamagedList<R> {
    /// The answer from where reading is.
    pub(super) text: Lookahead<R>,
    /// Bytes that one record may have.
    most: usize,
    /// The number of records that had no end of their own, or are missing.
    hidden: u32,
    /// The names of the members of the whole records so far.
    pub(super) names: HashSet<String>,
}

impl<R: Read> DamagedList<R> {
    pub(super) fn new(body: R, most: usize) -> DamagedList<R> {
        DamagedList {
            text: Lookahead::new(body, most.saturating_mul(SPAN)),
            most,
            hidden: 0,
            names: HashSet::new(),
        }
    }

    /// The records of the list that begins here, in so many objects.
    pub(super) fn records(
        &mut self,
        depth: usize,
        each: &mut impl FnMut(Piece<'static>) -> std::result::Result<(), FetchError>,
    ) -> Result<()> {
        self.text.pass(1);
        // The bracket or the comma behind which a record is to come.
        let mut before = Some(b'[');
        loop {
            self.text.pass_space()?;
            let next = self.text.peek(0)?;
            if matches!((before, next), (Some(_), Some(b',')) | (Some(b','), Some(b']'))) {
                self.note_hidden()?;
                each(Piece::missing()).map_err(SalvageError::Taker)?;
            }
            before = next.filter(|byte| *byte == b',');
            match next {
                None => return Err(SalvageError::Form("the list breaks off")),
                Some(b']') => break self.text.pass(1),
                Some(b',') => self.text.pass(1),
                Some(_) => {
                    let piece = self.record(depth)?;
                    each(piece).map_err(SalvageError::Taker)?;
                }
            }
        }
        Ok(())
    }

    /// Notes a record that has no end of its own, or is missing; fails where they are too many.
    fn note_hidden(&mut self) -> Result<()> {
        self.hidden += 1;
        match self.hidden > MOST_HIDDEN {
            true => Err(SalvageError::Form("too many of its records are damaged")),
            false => Ok(()),
        }
    }

    fn record(&mut self, depth: usize) -> Result<Piece<'static>> {
        let end = self.text.end_of_value(0)?;
        let mut settled = None;
        if let Some(end) = end {
            let next = self.text.behind_space(end)?;
            if matches!(self.text.peek(next)?, Some(b',' | b']' | b'{')) {
                if let Some(sound) = mend::sound(self.text.slice(0, end)) {
                    let piece = self.piece(end, Some(sound));
                    if let Some(Ok(members)) = piece.json().map(serde_json::from_str::<BTreeMap<String, IgnoredAny>>) {
                        self.remember(members.into_keys());
                    }
                    self.text.pass(end);
                    return Ok(piece);
                }
                settled = Some(end);
            }
        }
        self.note_hidden()?;
        let end = match self.sure_end(settled.unwrap_or(self.text.span()), depth)? {
            Some(end) => end,
            None => settled.ok_or(SalvageError::Form("a record in it has no end that can be told"))?,
        };
        let piece = self.piece(end, None);
        self.text.pass(end);
        Ok(piece)
    }

    pub(super) fn remember(&mut self, names: impl Iterator<Item = String>) {
        for name in names.filter(|name| name != mend::MARK && name.len() <= NAME_BYTES) {
            if self.names.len() < NAMES {
                self.names.insert(name);
            }
        }
    }

    fn piece(&self, end: usize, sound: Option<Sound>) -> Piece<'static> {
        let text = self.text.slice(0, end);
        if text.len() > self.most {
            return Piece::Broken(text.get(..=self.most).unwrap_or(text).to_vec());
        }
        match sound {
            Some(Sound::Whole) => Piece::Whole(String::from_utf8_lossy(text).into_owned().into()),
            Some(Sound::Mended(mended)) => Piece::Mended(mended.marked()),
            None => Piece::Broken(text.to_vec()),
        }
    }

    /// The first place before `limit` where the record that begins here ends for sure.
    fn sure_end(&mut self, limit: usize, depth: usize) -> Result<Option<usize>> {
        let own = self.first_name(0)?;
        let (mut at, mut looked_to) = (0, 0);
        while at < limit {
            let Some(byte) = self.text.peek(at)? else { break };
            at += 1;
            if byte != b'}' {
                continue;
            }
            self.text.look(at - looked_to)?;
            looked_to = at;
            let next = self.text.behind_space(at)?;
            let sure = match self.text.peek(next)? {
                Some(b',') => {
                    let next = self.text.behind_space(next + 1)?;
                    self.is_record(next, own.as_deref(), depth)?
                }
                Some(b']') => self.is_the_end(next + 1, depth)?,
                _ => false,
            };
            if sure {
                return Ok(Some(at));
            }
        }
        self.text.look(at - looked_to)?;
        Ok(None)
    }

    /// True if a record of this list, and not one of a list in a record, begins there: a whole one whose first member is
    /// known by name. `own` is the name of the broken record's first member.
    fn is_record(&mut self, from: usize, own: Option<&str>, depth: usize) -> Result<bool> {
        let Some(name) = self.first_name(from)? else {
            return Ok(false);
        };
        if !self.names.is_empty() {
            return Ok(self.names.contains(&name) && self.end_of_record(from)?.is_some());
        }
        if own == Some(&name) {
            return Ok(self.end_of_record(from)?.is_some());
        }
        self.is_row_of_records(from, depth)
    }

    /// True if several whole records begin there in a row, or the last ones of the list.
    fn is_row_of_records(&mut self, from: usize, depth: usize) -> Result<bool> {
        const SEVERAL: u32 = 8;
        let mut at = from;
        for _ in 0..SEVERAL {
            let Some(end) = self.end_of_record(at)? else {
                return Ok(false);
            };
            if self.text.peek(end)? == Some(b']') {
                return self.is_the_end(end + 1, depth);
            }
            at = self.text.behind_space(end + 1)?;
        }
        Ok(true)
    }

    /// The place of the comma or the bracket behind a whole record that begins there; none where none does.
    fn end_of_record(&mut self, from: usize) -> Result<Option<usize>> {
        let Some(end) = self.text.end_of_value(from)? else {
            return Ok(None);
        };
        let next = self.text.behind_space(end)?;
        let ends = matches!(self.text.peek(next)?, Some(b',' | b']'));
        Ok((ends && mend::sound(self.text.slice(from, end)).is_some()).then_some(next))
    }

    /// The name of the first member of an object that begins there.
    fn first_name(&mut self, from: usize) -> Result<Option<String>> {
        if self.text.peek(from)? != Some(b'{') {
            return Ok(None);
        }
        let name = self.text.behind_space(from + 1)?;
        if self.text.peek(name)? != Some(b'"') {
            return Ok(None);
        }
        let end = self.text.end_of_value(name)?;
        Ok(end.and_then(|end| serde_json::from_slice(self.text.slice(name, end)).ok()))
    }

    /// True if the answer ends well behind the list that ended there, in so many objects.
    fn is_the_end(&mut self, from: usize, depth: usize) -> Result<bool> {
        let (mut at, mut open) = (self.text.behind_space(from)?, depth);
        while open > 0 {
            match self.text.peek(at)? {
                Some(b'}') => {
                    open -= 1;
                    at = self.text.behind_space(at + 1)?;
                }
                Some(b',') => match self.end_of_member(at + 1)? {
                    Some(end) => at = self.text.behind_space(end)?,
                    None => return Ok(false),
                },
                _ => return Ok(false),
            }
        }
        Ok(self.text.peek(at)?.is_none())
    }

    /// The end of the member that begins there, if it is sound.
    fn end_of_member(&mut self, from: usize) -> Result<Option<usize>> {
        let name = self.text.behind_space(from)?;
        if self.text.peek(name)? != Some(b'"') {
            return Ok(None);
        }
        let Some(end) = self.text.end_of_value(name)? else {
            return Ok(None);
        };
        let colon = self.text.behind_space(end)?;
        if self.text.peek(colon)? != Some(b':') {
            return Ok(None);
        }
        let value = self.text.behind_space(colon + 1)?;
        let Some(end) = self.text.end_of_value(value)? else {
            return Ok(None);
        };
        Ok(mend::sound(self.text.slice(value, end)).is_some().then_some(end))
    }
}
