//! Cuts a text into the pieces that a time is made of: numbers, words and marks.

/// A part of a text that says a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimePiece<'a> {
    /// Digits.
    Number(&'a str),
    /// Letters, in any script.
    Word(&'a str),
    /// Anything else but white space, a minus sign as `-`.
    Mark(char),
}

/// The pieces of a text that have not been read.
#[derive(Clone)]
pub(super) struct TimePieces<'a> {
    /// The pieces, each with whether white space stands before it.
    all: Vec<(TimePiece<'a>, bool)>,
    at: usize,
}

impl<'a> TimePieces<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let (mut all, mut rest, mut spaced) = (Vec::new(), text, false);
        while let Some(first) = rest.chars().next() {
            let is_kind: fn(char) -> bool = match first {
                '0'..='9' => |c| c.is_ascii_digit(),
                c if c.is_alphabetic() => char::is_alphabetic,
                // White space of any width: Java puts U+202F before AM and PM, and U+00A0 did so before it.
                c if c.is_whitespace() => char::is_whitespace,
                c if is_invisible(c) => is_invisible,
                _ => |_| false,
            };
            let end = rest.find(|c| !is_kind(c)).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end.max(first.len_utf8()));
            rest = after;
            let piece = match first {
                '0'..='9' => TimePiece::Number(piece),
                c if c.is_alphabetic() => TimePiece::Word(piece),
                c if c.is_whitespace() => {
                    spaced = true;
                    continue;
                }
                c if is_invisible(c) => continue,
                '\u{2212}' => TimePiece::Mark('-'),
                '\u{2019}' => TimePiece::Mark('\''),
                mark => TimePiece::Mark(mark),
            };
            all.push((piece, std::mem::take(&mut spaced)));
        }
        TimePieces { all, at: 0 }
    }

    /// Leaves out quotes or brackets around everything.
    pub(super) fn without_enclosure(mut self) -> Self {
        if let ([(TimePiece::Mark(open), _), .., (TimePiece::Mark(close), _)], true) =
            (self.all.as_slice(), self.at == 0)
            && matches!((open, close), ('[', ']') | ('(', ')') | ('"', '"') | ('\'', '\''))
        {
            self.all.pop();
            self.at = 1;
        }
        self
    }

    /// Makes two of the number that comes next.
    pub(super) fn split(&mut self, digits: usize) {
        if let Some((TimePiece::Number(number), spaced)) = self.all.get(self.at).copied()
            && let Some((first, second)) = number.split_at_checked(digits)
        {
            let both = [(TimePiece::Number(first), spaced), (TimePiece::Number(second), false)];
            self.all.splice(self.at..=self.at, both);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.all.len()
    }

    /// The piece that comes so many later than the next one.
    pub(super) fn peek(&self, later: usize) -> Option<TimePiece<'a>> {
        self.all.get(self.at + later).map(|(piece, _)| *piece)
    }

    /// The piece that comes so many later, if no white space is before it.
    pub(super) fn peek_joined(&self, later: usize) -> Option<TimePiece<'a>> {
        match self.all.get(self.at + later) {
            Some((piece, false)) => Some(*piece),
            _ => None,
        }
    }

    pub(super) fn skip(&mut self, pieces: usize) {
        self.at += pieces;
    }

    /// Takes a mark, if it comes next.
    pub(super) fn mark(&mut self, mark: char) -> bool {
        let is_next = self.peek(0) == Some(TimePiece::Mark(mark));
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes a word, if it comes next in any case.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(0), Some(TimePiece::Word(next)) if next.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes a number of so many digits, if one comes next.
    pub(super) fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        match self.peek(0)? {
            TimePiece::Number(digits) if (least..=most).contains(&digits.len()) => {
                self.at += 1;
                digits.parse().ok()
            }
            _ => None,
        }
    }
}

/// True of a mark that says how a text runs, and nothing else: Java puts such marks into dates of some languages.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}
