//! Secrets that a text shows by what it looks like: tokens, private keys, signatures, and values behind a secret's name in a
//! query.

use super::names::{MASK, is_secret};
use memchr::{memchr_iter, memchr3_iter};
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
    let found = memchr3_iter(b'=', b'$', b'J', bytes).filter_map(|at| match bytes.get(at)? {
        b'J' => token(bytes, at),
        b'$' => session_token(bytes, at),
        _ => value(text, at),
    });
    let secrets: Vec<Range<usize>> = found
        .filter(|secret| text.get(secret.clone()).is_some_and(|secret| secret != MASK))
        .collect();
    match secrets.is_empty() {
        true => None,
        false => Some(without(text, secrets)),
    }
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

/// The content of an `Authorization` header, of which the scheme stays.
fn whole_header(text: &str) -> Option<String> {
    if !starts_with(text, "bearer ") && !starts_with(text, "signature ") {
        return None;
    }
    let (scheme, rest) = text.split_once(' ')?;
    let is_one_word = !rest.trim().is_empty() && !rest.trim().contains(char::is_whitespace);
    let is_signed = rest.to_ascii_lowercase().contains("keyid=");
    ((is_one_word || is_signed) && rest != MASK).then(|| format!("{scheme} {MASK}"))
}

/// The JSON Web Token whose third byte is the `J` at a place: `eyJ` is what `{"` is in Base64.
fn token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const SHORTEST: usize = 20;
    let before = bytes.get(..at)?.strip_suffix(b"ey")?;
    if before.last().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (start, rest) = (before.len(), bytes.get(before.len()..)?);
    let length = (rest.iter())
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'='))
        .count();
    let has_parts = rest.get(..length)?.contains(&b'.');
    (length >= SHORTEST && has_parts).then_some(start..start + length)
}

/// The session token of OCI whose third byte is the `$` at a place: `ST$` and a token.
fn session_token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = bytes.get(..at)?.strip_suffix(b"ST")?.len();
    let length = (bytes.get(at + 1..)?.iter()).take_while(|byte| !is_end(**byte)).count();
    (length > 0).then_some(start..at + 1 + length)
}

/// The value behind the sign at a place, where a secret's name stands before it: as in `/token?client_secret=…&grant_type=…` and
/// `signature="…"`.
fn value(text: &str, sign: usize) -> Option<Range<usize>> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = (text.as_bytes().get(..sign)?.iter().rev())
        .take_while(|byte| is_name(byte))
        .count();
    if !is_secret(text.get(sign - length..sign)?) {
        return None;
    }
    let (quotes, rest) = match text.as_bytes().get(sign + 1..)? {
        [b'"', rest @ ..] => (1, rest),
        rest => (0, rest),
    };
    let is_over = |byte: u8| if quotes == 1 { byte == b'"' } else { is_end(byte) };
    let length = rest.iter().take_while(|byte| !is_over(**byte)).count();
    let start = sign + 1 + quotes;
    (length > 0 && !is_result(rest.get(..length)?)).then_some(start..start + length)
}

/// True of what a factor of a sign-in came to, as in `{USERNAME_PASSWORD=AUTH_SUCCESS}`.
fn is_result(value: &[u8]) -> bool {
    let value = value.strip_suffix(b"}").unwrap_or(value);
    value.starts_with(b"AUTH_") && value.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
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
            "Bearer ***",
            "AP37-f_9__7--fX89fXpjP_-9fn8==",
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_masked_text_has_no_more_to_mask(pieces in proptest::collection::vec(
            prop_oneof![
                Just(JWT.to_string()), Just("ST$".into()), Just("password=".into()), Just("\"".into()), Just("&".into()),
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
