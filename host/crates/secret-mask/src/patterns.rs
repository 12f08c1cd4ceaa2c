//! Secrets that a text shows by what it looks like: tokens, private keys, signatures, and values behind a secret's name in a
//! query or a header.
//!
//! A text is gone through in time that grows as it does, whatever stands in it: what is found once is not looked for again.

use super::names::{MASK, is_secret, is_spelled_to_end};
use super::remarks::is_remark;
use memchr::{memchr_iter, memchr3_iter, memrchr};
use std::ops::Range;

/// The text with masks in the place of secrets; none where it holds no secret.
#[inline]
pub fn mask(text: &str) -> Option<String> {
    if let Some(masked) = whole_header(text) {
        return Some(masked);
    }
    let bytes = text.as_bytes();
    // Most texts have none of these, and few have more than one.
    if memchr_iter(b'K', bytes).any(|at| is_private_key(bytes, at)) {
        return Some(MASK.into());
    }
    let mut found = FoundSecrets::of(text);
    for at in memchr3_iter(b'=', b'$', b'J', bytes) {
        let secret = match bytes.get(at) {
            Some(b'J') => found.token(at),
            Some(b'$') => found.session_token(at),
            _ => found.value(at),
        };
        found.add(secret);
    }
    found.begin_again();
    for at in memchr_iter(b':', bytes) {
        let secret = found.value(at);
        found.add(secret);
    }
    if found.secrets.is_empty() {
        return None;
    }
    let masked = without(text, found.secrets);
    // A mask is one word where there may have been more.
    Some(whole_header(&masked).unwrap_or(masked))
}

/// The text with a mask in each secret's place. Of two that overlap the first has one.
#[cold]
fn without(text: &str, mut secrets: Vec<Range<usize>>) -> String {
    secrets.sort_by_key(|secret| secret.start);
    let (mut masked, mut copied) = (String::with_capacity(text.len()), 0);
    for secret in secrets {
        if secret.start >= copied {
            masked.push_str(text.get(copied..secret.start).unwrap_or_default());
            masked.push_str(MASK);
        }
        copied = copied.max(secret.end);
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
    masked
}

/// True where the `K` at a place is that of `-----END PRIVATE KEY-----`.
fn is_private_key(bytes: &[u8], at: usize) -> bool {
    bytes.get(..at).is_some_and(|before| before.ends_with(b"PRIVATE "))
        && bytes.get(at..).is_some_and(|from| from.starts_with(b"KEY-----"))
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
}

/// True of what may be a name and a password in Base64, and is no word.
fn is_base64(text: &[u8]) -> bool {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let is_word = text.iter().skip(1).all(u8::is_ascii_lowercase);
    !is_word && text.len().is_multiple_of(4) && text.iter().all(is_one)
}

/// The content of an `Authorization` header, of which the scheme stays.
fn whole_header(text: &str) -> Option<String> {
    let is_basic = starts_with(text, "basic ");
    if !is_basic && !starts_with(text, "bearer ") && !starts_with(text, "signature ") {
        return None;
    }
    let (scheme, rest) = text.split_once(' ')?;
    if is_basic && !is_base64(rest.trim().as_bytes()) {
        return None;
    }
    let is_one_word = !rest.trim().is_empty() && !rest.trim().contains(char::is_whitespace);
    let is_signed = rest.to_ascii_lowercase().contains("keyid=");
    ((is_one_word || is_signed) && rest != MASK).then(|| format!("{scheme} {MASK}"))
}

/// The run of like bytes that was looked at last. Who asks for the end of a run from a place within it looks at nothing again, and so
/// all who ask from left to right look at each byte once.
#[derive(Default)]
struct LastRun {
    from: usize,
    to: usize,
}

impl LastRun {
    /// The end of the run that a place is in: the next byte that is none of it, or the text's end.
    fn end(&mut self, bytes: &[u8], at: usize, is_over: impl Fn(u8) -> bool) -> usize {
        if !(self.from..self.to).contains(&at) {
            let rest = bytes.get(at..).unwrap_or_default();
            self.from = at;
            self.to = at + rest.iter().take_while(|byte| !is_over(**byte)).count();
        }
        self.to
    }
}

/// The secrets of a text that is gone through once, from left to right.
struct FoundSecrets<'t> {
    text: &'t str,
    secrets: Vec<Range<usize>>,
    /// Up to a byte that ends a value without quotes.
    words: LastRun,
    /// Up to a quote.
    quoted: LastRun,
    /// Up to the end of a line, or a quote of either kind.
    lines: LastRun,
    /// Of the bytes that a token is made of.
    tokens: LastRun,
    /// The last dot of that one.
    last_dot: Option<usize>,
}

impl<'t> FoundSecrets<'t> {
    fn of(text: &'t str) -> FoundSecrets<'t> {
        FoundSecrets {
            text,
            secrets: Vec::new(),
            words: LastRun::default(),
            quoted: LastRun::default(),
            lines: LastRun::default(),
            tokens: LastRun::default(),
            last_dot: None,
        }
    }

    /// Goes back to the text's begin.
    fn begin_again(&mut self) {
        let secrets = std::mem::take(&mut self.secrets);
        *self = FoundSecrets {
            secrets,
            ..FoundSecrets::of(self.text)
        };
    }

    /// Adds a secret, or makes the last one longer where it begins within that.
    fn add(&mut self, secret: Option<Range<usize>>) {
        let is_open = |secret: &Range<usize>| self.text.get(secret.clone()).is_some_and(|secret| secret != MASK);
        let Some(secret) = secret.filter(is_open) else {
            return;
        };
        match self.secrets.last_mut() {
            Some(last) if last.contains(&secret.start) => last.end = last.end.max(secret.end),
            _ => self.secrets.push(secret),
        }
    }

    /// The JSON Web Token whose third byte is the `J` at a place: `eyJ` is what `{"` is in Base64.
    fn token(&mut self, at: usize) -> Option<Range<usize>> {
        const SHORTEST: usize = 20;
        let bytes = self.text.as_bytes();
        let before = bytes.get(..at)?.strip_suffix(b"ey")?;
        if before.last().is_some_and(u8::is_ascii_alphanumeric) {
            return None;
        }
        let start = before.len();
        let known = self.tokens.to;
        let end = (self.tokens).end(bytes, start, |byte| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='))
        });
        if end != known {
            self.last_dot = memrchr(b'.', bytes.get(start..end)?).map(|dot| start + dot);
        }
        let has_parts = self.last_dot.is_some_and(|dot| dot > start);
        (end - start >= SHORTEST && has_parts).then_some(start..end)
    }

    /// The session token of OCI whose third byte is the `$` at a place: `ST$` and a token.
    fn session_token(&mut self, at: usize) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let start = bytes.get(..at)?.strip_suffix(b"ST")?.len();
        let end = self.words.end(bytes, at + 1, is_end);
        (end > at + 1).then_some(start..end)
    }

    /// The value behind the sign at a place, where a secret's name stands before it: as in
    /// `/token?client_secret=…&grant_type=…`, `signature="…"` and `Authorization: Basic …`.
    fn value(&mut self, sign: usize) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let name = name_before(self.text, sign)?;
        if !is_secret(name) {
            return None;
        }
        let is_colon = bytes.get(sign) == Some(&b':');
        let blanks = bytes.get(sign + 1..)?.iter();
        let blanks = blanks.take_while(|byte| is_colon && matches!(byte, b' ' | b'\t'));
        let start = sign + 1 + blanks.count();
        let start = start + escapes_of_quote(bytes.get(start..)?);
        let (start, end) = match bytes.get(start) {
            Some(b'"') => (start + 1, self.quoted.end(bytes, start + 1, |byte| byte == b'"')),
            _ => {
                let end = self.words.end(bytes, start, is_end);
                let word = bytes.get(start..end)?;
                match is_colon && (has_words(name) || is_scheme(word)) {
                    true => (start, self.lines.end(bytes, start, is_end_of_header)),
                    // A sentence that speaks of it.
                    false if is_colon && start > sign + 1 && is_remark(word) => return None,
                    false => (start, end),
                }
            }
        };
        (end > start && !is_result(bytes.get(start..end)?)).then_some(start..end)
    }
}

/// The number of backslashes before the quote that a text begins with; 0 where it begins with none.
fn escapes_of_quote(text: &[u8]) -> usize {
    let count = text.iter().take_while(|byte| **byte == b'\\').count();
    match text.get(count) {
        Some(b'"') => count,
        _ => 0,
    }
}

/// True of a header whose content has more than one word.
fn has_words(name: &str) -> bool {
    ["authorization", "cookie"]
        .iter()
        .any(|known| is_spelled_to_end(name, known))
}

/// True of the word before a secret that says how it is used.
fn is_scheme(word: &[u8]) -> bool {
    ["basic", "bearer", "digest", "negotiate", "signature"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// The name that stands before a sign; an empty text where none does.
fn name_before(text: &str, sign: usize) -> Option<&str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = (text.as_bytes().get(..sign)?.iter().rev())
        .take_while(|byte| is_name(byte))
        .count();
    text.get(sign - length..sign)
}

/// True of what a factor of a sign-in came to, as in `{USERNAME_PASSWORD=AUTH_SUCCESS}`.
fn is_result(value: &[u8]) -> bool {
    let value = value.strip_suffix(b"}").unwrap_or(value);
    value.starts_with(b"AUTH_") && value.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
}

/// True of bytes that end a header's content.
fn is_end_of_header(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'>')
}

/// True of bytes that end a value which has no quotes.
fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'&' | b';' | b',' | b'"' | b'\'' | b'<' | b'>' | b')' | b'#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JWT: &str = "eyJraWQiOiJhc3dfb2MxIn0.eyJzdWIiOiJvY2lkMSJ9.c2lnbmF0dXJl-_";

    #[test]
    fn secrets_are_known_by_their_looks() {
        for (text, expected) in [
            (format!("ST${JWT}"), "***".to_string()),
            (format!("token {JWT} refused"), "token *** refused".into()),
            (format!("Bearer {JWT}"), "Bearer ***".into()),
            ("bearer 0123456789".into(), "bearer ***".into()),
            (
                "Signature version=\"1\",keyId=\"a/b/c\",signature=\"x==\"".into(),
                "Signature ***".into(),
            ),
            (
                "/oauth2/v1/token?grant_type=x&client_secret=abc&assertion=d#e".into(),
                "/oauth2/v1/token?grant_type=x&client_secret=***&assertion=***#e".into(),
            ),
            (
                "headers=\"a b\",signature=\"x==\"".into(),
                "headers=\"a b\",signature=\"***\"".into(),
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII=\n".into(), "***".into()),
            ("Authorization: Basic dXNlcjpwYXNz".into(), "Authorization: ***".into()),
            (
                "curl -H 'Authorization: Basic dXNlcjpwYXNz' -v".into(),
                "curl -H 'Authorization: ***' -v".into(),
            ),
            (
                "Host: a\r\nProxy-Authorization:Digest username=\"a\", response=b\r\nCookie: a=b; c=d\r\nAccept: x"
                    .into(),
                "Host: a\r\nProxy-Authorization:***\"a\", response=b\r\nCookie: ***\r\nAccept: x".into(),
            ),
            ("Bearer password=\"a b\"".into(), "Bearer ***".into()),
            ("Basic dXNlcjpwYXNz".into(), "Basic ***".into()),
            (
                "password: hunter2, user: jdoe".into(),
                "password: ***, user: jdoe".into(),
            ),
            ("x-auth-token: Bearer abc".into(), "x-auth-token: ***".into()),
            ("password:\t\"hunter 2\" x".into(), "password:\t\"***\" x".into()),
            ("Invalid token: abc".into(), "Invalid token: ***".into()),
            (r#"password=\"a b\" c"#.into(), r#"password=\"***" c"#.into()),
            ("token:expired password=expired".into(), "token:*** password=***".into()),
            ("Authorization: not a scheme".into(), "Authorization: ***".into()),
            (format!("a=1,ST${JWT},password=x"), "a=1,***,password=***".into()),
        ] {
            assert_eq!(mask(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn words_that_only_look_alike_stay() {
        for text in [
            "",
            "Bearer tokens are not accepted here",
            "Signature could not be verified",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:97.0) Gecko/20100101 Firefox/97.0",
            "effect:ALLOW,authenticationFactor:IDP,reAuthenticate:false",
            "eyJ",
            "a=b&c=d",
            "password=",
            "{USERNAME_PASSWORD=AUTH_SUCCESS}",
            "{USERNAME_PASSWORD=AUTH_SUCCESS,TOTP=AUTH_FAIL}",
            "password=***",
            "password: ***",
            "password: ",
            "password:\nnone",
            "USERNAME_PASSWORD: AUTH_SUCCESS",
            "user: jdoe",
            "Invalid token: expired",
            "Invalid token: expired.",
            "Wrong password: the account is locked",
            "x-auth-token: missing, password: not given",
            "Basic authentication",
            "Basic Authorization was refused",
            "urn:ietf:params:oauth:token-type:access_token",
            "Bearer ***",
            "AP37-f_9__7--fX89fXpjP_-9fn8==",
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_of_beginnings_takes_no_more_time_than_another() {
        // A scan that went on to the end of the run from each of them would look at a hundred thousand million bytes.
        for piece in [
            ".eyJ",
            "-eyJ",
            "eyJ.",
            "ST$",
            "token=",
            "token=\"",
            "-eyJ=",
            "ST$eyJ.",
            "token=eyJ",
            "PWD=AUTH_",
            "token:",
            "token: ",
            "cookie: ",
            "token: bearer ",
            "PWD:AUTH_",
            ":",
            "-token=",
            "=",
            "$",
            "J",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            if let Some(once) = mask(&text) {
                assert!(once.len() <= text.len() + MASK.len(), "{piece}");
                assert_eq!(mask(&once), None, "{piece}");
            }
        }
    }

    #[test]
    fn secrets_that_overlap_have_one_mask() {
        for (text, expected) in [
            ("a eyJhbGciOiJIUzI1NiJ9.token=abc/def g", "a *** g"),
            ("password=ST$abc token", "password=*** token"),
            ("-eyJhbGciOiJIUzI1NiJ9-eyJhbGciOiJIUzI1NiJ9.c d", "-*** d"),
            ("-eyJhbGciOiJIUzI1NiJ9.c-eyJhbGciOiJIUzI1NiJ9 d", "-*** d"),
            (
                "-eyJhbGciOiJIUzI1NiJ9 eyJhbGciOiJIUzI1NiJ9.c",
                "-eyJhbGciOiJIUzI1NiJ9 ***",
            ),
        ] {
            assert_eq!(mask(text).as_deref(), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_masked_text_has_no_more_to_mask(pieces in proptest::collection::vec(
            prop_oneof![
                Just(JWT.to_string()), Just("ST$".into()), Just("password=".into()), Just("password: ".into()),
                Just("Authorization: ".into()), Just("basic ".into()), Just("\"".into()), Just("&".into()),
                Just("Bearer ".into()), Just("***".into()), Just(" ".into()), "[a-z=.]{0,5}", any::<String>(),
            ],
            0..8,
        )) {
            let text = pieces.concat();
            let once = mask(&text).unwrap_or(text);
            prop_assert_eq!(mask(&once), None, "{}", once);
        }
    }
}
