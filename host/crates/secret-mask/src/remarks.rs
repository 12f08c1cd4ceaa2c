//! Words that a sentence goes on with once it has named a secret, as in `Invalid token: expired`: they are none.

/// Words that are said of a token, a password or a key.
const WORDS: [&str; 66] = [
    "a",
    "absent",
    "an",
    "already",
    "bad",
    "blank",
    "cannot",
    "changed",
    "could",
    "created",
    "deleted",
    "denied",
    "disabled",
    "does",
    "empty",
    "expected",
    "expired",
    "failed",
    "forbidden",
    "found",
    "has",
    "have",
    "inactive",
    "incorrect",
    "invalid",
    "is",
    "issued",
    "it",
    "locked",
    "malformed",
    "may",
    "mismatch",
    "missing",
    "must",
    "n/a",
    "needed",
    "never",
    "no",
    "none",
    "not",
    "null",
    "obsolete",
    "only",
    "please",
    "redacted",
    "refused",
    "rejected",
    "removed",
    "required",
    "reset",
    "revoked",
    "should",
    "the",
    "this",
    "too",
    "unauthorized",
    "undefined",
    "unexpected",
    "unknown",
    "unreadable",
    "unsupported",
    "updated",
    "used",
    "verification",
    "was",
    "wrong",
];

/// True of a word, perhaps with the sign that ends its sentence, that speaks of a secret and is none.
pub fn is_remark(word: &[u8]) -> bool {
    let word = word.trim_ascii_end();
    let word = match word {
        [before @ .., b'.' | b'!' | b'?' | b':'] => before,
        _ => word,
    };
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_it_is_with_a_secret_is_a_remark() {
        for word in ["expired", "Expired.", "NOT", "missing!", "n/a"] {
            assert!(is_remark(word.as_bytes()), "{word}");
        }
        for word in ["", ".", "hunter2", "expired1", "expiredtoken", "e"] {
            assert!(!is_remark(word.as_bytes()), "{word}");
        }
    }
}
