//! The text of an answer from where reading is, as far as it had to be looked at.

use std::io::Read;

use serde_json::Value;

use super::error::{Result, SalvageError};
use crate::records::mend::{self, Sound};

/// The number of times that each byte of an answer may be looked at to find where its records end, and how many bytes besides. Ends are
/// looked for from one place after another: where none is sure, each of them leads through all that follows.
const LOOKS: u64 = 32;
const LOOKS_BESIDES: u64 = 32 * 1024 * 1024;

/// Bytes of a member besides the records that counts.
pub(crate) const TOLD_BYTES: usize = 64 * 1024;

/// The text from where reading is, as far as it had to be looked at.
pub(super) struct Lookahead<R> {
    body: R,
    buffer: Vec<u8>,
    at: usize,
    over: bool,
    /// Bytes that have come in.
    came: u64,
    /// Bytes that were looked at, again and again.
    looked: u64,
    /// Bytes in which a value's end is looked for.
    span: usize,
}

impl<R: Read> Lookahead<R> {
    pub(super) fn new(body: R, span: usize) -> Lookahead<R> {
        Lookahead {
            body,
            buffer: Vec::new(),
            at: 0,
            over: false,
            came: 0,
            looked: 0,
            span,
        }
    }

    /// Bytes in which a value's end is looked for.
    pub(super) fn span(&self) -> usize {
        self.span
    }

    pub(super) fn peek(&mut self, offset: usize) -> Result<Option<u8>> {
        while !self.over && self.buffer.len().saturating_sub(self.at) <= offset {
            self.more()?;
        }
        Ok(self.buffer.get(self.at.saturating_add(offset)).copied())
    }

    fn more(&mut self) -> Result<()> {
        const CHUNK: u64 = 128 * 1024;
        if self.at > self.buffer.len() / 2 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let read = self.body.by_ref().take(CHUNK).read_to_end(&mut self.buffer)?;
        self.over = read == 0;
        self.came += read as u64;
        Ok(())
    }

    /// The next bytes, which were looked at.
    pub(super) fn slice(&self, from: usize, to: usize) -> &[u8] {
        let (from, to) = (self.at.saturating_add(from), self.at.saturating_add(to));
        self.buffer.get(from..to).unwrap_or_default()
    }

    pub(super) fn pass(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.buffer.len());
    }

    pub(super) fn pass_space(&mut self) -> Result<()> {
        while matches!(self.peek(0)?, Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.pass(1);
        }
        Ok(())
    }

    /// The first place that is no white space.
    pub(super) fn behind_space(&mut self, mut from: usize) -> Result<usize> {
        let begin = from;
        while from < self.span && matches!(self.peek(from)?, Some(b' ' | b'\t' | b'\r' | b'\n')) {
            from += 1;
        }
        self.look(from - begin)?;
        Ok(from)
    }

    /// Notes that so many bytes were looked at; fails where it has been too often.
    pub(super) fn look(&mut self, bytes: usize) -> Result<()> {
        self.looked = self.looked.saturating_add(bytes as u64);
        match self.looked > self.came.saturating_mul(LOOKS).saturating_add(LOOKS_BESIDES) {
            true => Err(SalvageError::Form(
                "where its damaged records end takes too long to find",
            )),
            false => Ok(()),
        }
    }

    /// The end of the value that begins there, by its brackets and strings; none where there is no end within the span.
    pub(super) fn end_of_value(&mut self, from: usize) -> Result<Option<usize>> {
        let (end, to) = self.scan_value(from)?;
        self.look(to.saturating_sub(from))?;
        Ok(end)
    }

    /// The end of the value that begins there, and how far it was looked for.
    fn scan_value(&mut self, from: usize) -> Result<(Option<usize>, usize)> {
        let (mut at, mut open) = (from, Vec::new());
        let last = from.saturating_add(self.span);
        while at < last {
            let Some(byte) = self.peek(at)? else {
                return Ok((None, at));
            };
            at += 1;
            match byte {
                b'"' => loop {
                    match self.peek(at)? {
                        _ if at >= last => return Ok((None, at)),
                        None => return Ok((None, at)),
                        Some(b'\\') => at += 2,
                        Some(b'"') => break at += 1,
                        Some(_) => at += 1,
                    }
                },
                b'{' | b'[' => open.push(byte),
                b'}' | b']' => match (open.pop(), byte) {
                    (Some(b'{'), b'}') | (Some(b'['), b']') => {}
                    _ => return Ok((None, at)),
                },
                // A number or a word ends before what follows it.
                _ if open.is_empty() => {
                    let ends = |byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
                    while at < last && self.peek(at)?.is_some_and(|byte| !ends(byte)) {
                        at += 1;
                    }
                    return Ok((Some(at), at));
                }
                _ => {}
            }
            if open.is_empty() {
                return Ok((Some(at), at));
            }
        }
        Ok((None, at))
    }

    /// The value that begins there, mended where necessary, and behind it.
    pub(super) fn value(&mut self, from: usize) -> Result<Option<Value>> {
        let Some(end) = self.end_of_value(from)? else {
            return Ok(None);
        };
        let text = self.slice(from, end);
        let value = match mend::sound(text) {
            Some(Sound::Whole) => serde_json::from_slice(text).ok(),
            Some(Sound::Mended(mended)) => serde_json::from_str(&mended.text).ok(),
            None => None,
        };
        self.pass(end);
        Ok(value)
    }

    /// The value of a member that counts, and behind it.
    pub(super) fn told(&mut self, from: usize) -> Result<Value> {
        if self.end_of_value(from)?.is_some_and(|end| end - from > TOLD_BYTES) {
            return Err(SalvageError::Form("a member is too long"));
        }
        self.value(from)?.ok_or(SalvageError::Form("a member is damaged"))
    }
}
