//! Secrets in a JSON text: by the names of members at any depth, and in JSON that stands within a string.
//!
//! The text is looked at string by string and not parsed: it may be cut off, or be no JSON at all, and what is not masked stays as
//! it is, byte by byte. A secret that is cut off is masked to the text's end.

#[cfg(test)]
mod tests;

use super::calls::{self, hides_answer};
use super::lexer::{after_quote, inner, string_end, unescaped, value_behind, value_end};
use super::masked_text::MaskedText;
use super::names::{MASK, is_secret, says_nothing};
use super::remarks::is_remark;
use super::{pairs, patterns, spoiled};
use memchr::memchr;
use serde_core::de::IgnoredAny;
use std::ops::Range;

/// Texts within texts, beyond which all of a text that may hold JSON is masked. Each one doubles the backslashes.
const DEEPEST: u32 = 8;

/// The answers of calls that are hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HiddenAnswers {
    /// No answers: whoever asks knows the call.
    None,
    /// Answers of calls that make secrets. Of a text that is no JSON, all.
    OfSecretCalls,
    All,
}

/// True of a text that is JSON, or may hold some.
pub fn may_be_json(text: &str) -> bool {
    looks_like_json(text) || memchr(b'"', text.as_bytes()).is_some()
}

/// True where a text begins as JSON does that may hold a secret: an object, an array, or a string that may hold one of these.
fn looks_like_json(text: &str) -> bool {
    matches!(text.trim_ascii_start().as_bytes().first(), Some(b'{' | b'[' | b'"'))
}

/// A JSON text with masks in the place of secrets; none where it holds no secret.
pub fn mask(text: &str) -> Option<String> {
    TextReading::of_json(HiddenAnswers::None, 0).mask(text)
}

/// Masks the secrets in the value of a member that stands beside a name of a secret.
pub fn mask_beside_name(text: &str) -> Option<String> {
    let reading = TextReading {
        is_of_secret: true,
        ..TextReading::of_json(HiddenAnswers::None, 0)
    };
    reading.mask(text)
}

/// Masks the secrets in a text that may be no JSON, or not all of one.
pub fn mask_any(text: &str, answers: HiddenAnswers) -> Option<String> {
    mask_any_at(text, answers, 0)
}

fn mask_any_at(text: &str, answers: HiddenAnswers, depth: u32) -> Option<String> {
    let reading = TextReading::of_json(answers, depth);
    if is_json(text) {
        return reading.mask(text);
    }
    let answers = match answers {
        HiddenAnswers::None => HiddenAnswers::None,
        HiddenAnswers::OfSecretCalls | HiddenAnswers::All => HiddenAnswers::All,
    };
    let reading = TextReading {
        answers,
        is_json: false,
        ..reading
    };
    // First by what stays true where a quote too many turns strings inside out, then string by string, and at last what stands outside
    // of strings, which may be anything.
    let masked = spoiled::mask(text, answers == HiddenAnswers::All);
    let masked = reading.mask(masked.as_deref().unwrap_or(text)).or(masked);
    patterns::mask(masked.as_deref().unwrap_or(text)).or(masked)
}

/// True of JSON values one behind the other.
fn is_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.all(|value| value.is_ok())
}

/// The way in which a text is gone through.
#[derive(Clone, Copy)]
struct TextReading {
    answers: HiddenAnswers,
    depth: u32,
    is_json: bool,
    /// True of a value in an object that a secret's name calls.
    is_of_secret: bool,
}

impl TextReading {
    fn of_json(answers: HiddenAnswers, depth: u32) -> TextReading {
        TextReading {
            answers,
            depth,
            is_json: true,
            is_of_secret: false,
        }
    }

    fn mask(self, text: &str) -> Option<String> {
        let mut masked = MaskedText::of(text);
        let of_pairs = pairs::secret_values(text, self.is_of_secret);
        let of_calls = match self.answers {
            HiddenAnswers::OfSecretCalls => calls::of_secrets(text),
            HiddenAnswers::None | HiddenAnswers::All => Vec::new(),
        };
        let mut next = after_quote(text, 0);
        while let Some(from) = next {
            let end = string_end(text, from);
            let content = inner(text, from, end);
            let answers = self.answers_at(from, &of_calls);
            let Some(value) = value_behind(text, end) else {
                if let Some(without) = self.string(content, answers) {
                    masked.replace(from - 1..end, &without);
                }
                next = after_quote(text, end);
                continue;
            };
            let name = unescaped(content);
            let name = name.as_deref().unwrap_or(content);
            let is_hidden = is_secret(name)
                || of_pairs.binary_search(&value).is_ok()
                || answers == HiddenAnswers::All && hides_answer(name, text.as_bytes().get(value).copied());
            let go_on = match is_hidden {
                true => self.value(value, &mut masked),
                false => value,
            };
            next = after_quote(text, go_on);
        }
        masked.finish()
    }

    /// The answers that are hidden at a place, where those objects tell of calls that make secrets.
    fn answers_at(self, place: usize, of_calls: &[Range<usize>]) -> HiddenAnswers {
        let next = of_calls.partition_point(|object| object.end <= place);
        match of_calls.get(next) {
            Some(object) if object.contains(&place) => HiddenAnswers::All,
            _ => self.answers,
        }
    }

    /// Masks the value at a place, if it says something; the place behind it.
    fn value(self, place: usize, masked: &mut MaskedText<'_>) -> usize {
        let text = masked.text();
        let end = match self.is_json {
            true => value_end(text, place),
            false => spoiled::value_end(text, place, 0),
        };
        let value = text.get(place..end).unwrap_or_default();
        if !says_nothing(value) && (self.is_json || !is_remark(value.as_bytes())) {
            let mask = match self.is_json {
                true => "\"***\"",
                false => spoiled::mask_of(text, place, end),
            };
            masked.replace(place..end, mask);
        }
        end.max(place)
    }

    /// The string of that content, which is a value, without secrets; none where it holds none.
    fn string(self, content: &str, answers: HiddenAnswers) -> Option<String> {
        let text = unescaped(content);
        let text = text.as_deref().unwrap_or(content);
        let masked = match may_be_json(text) {
            true if self.depth == DEEPEST => Some(MASK.into()),
            true => mask_any_at(text, answers, self.depth + 1),
            false => patterns::mask(text),
        };
        masked.map(|masked| serde_json::Value::from(masked).to_string())
    }
}
