//! Properties of the redactor that hold whatever a secret and a text are, for the fuzz target in `tests/fuzz`.

use super::redact::{REDACTED, Redactor};

/// Takes the bytes up to the first zero byte as a secret and the rest as what a server says: however the text is cut into
/// pieces the same comes out, and the secret never does, neither plain nor as the texts of JSON and URLs spell it.
pub fn redact(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (secret, text) = (
        bytes.get(..end).unwrap_or_default(),
        bytes.get(end + 1..).unwrap_or_default(),
    );
    // Shorter ones are left where they are part of a word; and one that holds a bracket may be put together by what
    // replaces another.
    let Ok(secret) = std::str::from_utf8(secret) else {
        return;
    };
    if secret.len() < 4 || secret.contains(['[', ']']) || REDACTED.contains(secret) {
        return;
    }
    let redactor = Redactor::default();
    redactor.add(secret);
    let whole = clean(&redactor, [text]);
    let at = text.len() / 2;
    let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
    assert_eq!(
        whole,
        clean(&redactor, [before, after]),
        "pieces are cleaned otherwise than the whole"
    );
    assert_eq!(
        whole,
        clean(&redactor, text.chunks(1)),
        "bytes are cleaned otherwise than the whole"
    );
    let mut spelled = vec![secret.to_owned()];
    spelled.extend(
        url::form_urlencoded::byte_serialize(secret.as_bytes())
            .map(str::to_owned)
            .reduce(|a, b| a + &b),
    );
    spelled.extend(
        serde_json::to_string(secret)
            .ok()
            .and_then(|json| json.get(1..json.len() - 1).map(str::to_owned)),
    );
    for spelling in spelled.iter().filter(|spelling| spelling.len() >= 4) {
        let holds = |text: &[u8]| text.windows(spelling.len()).any(|part| part == spelling.as_bytes());
        assert!(!holds(&whole), "the secret came through");
        let said = format!("before {spelling} after");
        assert!(
            !holds(&clean(&redactor, [said.as_bytes()])),
            "a spelling of the secret came through"
        );
    }
}

fn clean<'a>(redactor: &Redactor, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut scrubber = redactor.scrubber();
    let mut clean = Vec::new();
    for piece in pieces {
        clean.extend(scrubber.push(piece));
    }
    clean.extend(scrubber.finish());
    clean
}
