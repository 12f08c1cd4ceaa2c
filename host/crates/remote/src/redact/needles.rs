//! The forms of a secret that are looked for.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets would shred innocent text: they are taken out only where they stand alone.
pub(super) const SHORTEST: usize = 4;

/// The forms of a secret that are looked for: the secret itself, the text that it is once decoded, since whoever wrote it may
/// have encoded it already, and how base64 has it, whatever stands around it there. How URLs, JSON and web pages write each of
/// them is [`spelling`](crate::spelling)'s.
pub(super) fn needles(secret: &str) -> Vec<SecretString> {
    let mut found = vec![secret.to_owned()];
    if let Ok(decoded) = percent_decode_str(secret).decode_utf8()
        && decoded.len() >= SHORTEST
    {
        found.push(decoded.into_owned());
    }
    let cores = found
        .iter()
        .flat_map(|text| (0..3).filter_map(|before| core(text, before)));
    for core in cores.collect::<Vec<_>>() {
        found.push(core.replace('+', "-").replace('/', "_"));
        found.push(core);
    }
    let mut needles: Vec<SecretString> = Vec::new();
    for text in found {
        if !needles.iter().any(|known| known.expose_secret() == text) {
            needles.push(SecretString::from(text));
        }
    }
    needles
}

/// The characters of base64 that are the secret's alone where so many bytes stand before it; none where they are too few to be
/// told from others.
fn core(secret: &str, before: usize) -> Option<String> {
    const FEWEST: usize = 8;
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let encoded = BASE64_STANDARD_NO_PAD.encode(&bytes);
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded
        .get(from..to)
        .filter(|core| core.len() >= FEWEST)
        .map(str::to_owned)
}
