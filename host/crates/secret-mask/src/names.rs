//! The names of members, headers and parameters that hold a secret, and what stands in its place.

/// The text in a secret's place.
pub const MASK: &str = "***";

/// True of a value that holds nothing to hide.
pub fn says_nothing(value: &str) -> bool {
    matches!(
        value,
        "null" | "true" | "false" | "" | "\"\"" | "[]" | "{}" | "[null]" | MASK | "\"***\"" | "[\"***\"]"
    )
}

/// True where a member of this name holds a secret. Names are compared without regard to case, hyphens and underscores, by how they
/// end: `clientSecret`, `client_secret` and `X-Client-Secret` are alike.
pub fn is_secret(name: &str) -> bool {
    let Some(last) = letters(name).next() else {
        return false;
    };
    if is_of_balancer(name) {
        return true;
    }
    let endings: &[&str] = match last {
        b'n' => &["authorization", "token", "assertion"],
        b's' => &[
            "credentials",
            "passwords",
            "secrets",
            "tokens",
            "cookies",
            "passcodes",
            "privatekeys",
        ],
        b'l' => &["credential", "opcprincipal", "opcoboprincipal"],
        b'd' => &["password", "passwd", "pwd", "seed"],
        b'e' => &[
            "passphrase",
            "passcode",
            "bypasscode",
            "cookie",
            "signature",
            "samlresponse",
            "recoverycode",
        ],
        b't' => &["secret", "secretcontent", "secretbundlecontent", "jwt"],
        b'y' => &["privatekey", "secretkey", "apikey", "secretaccesskey"],
        b'a' => &["lbprivateaccessmetadata", "lbnetworkmetadata"],
        b'h' => &["secondaryauth"],
        b'p' => &["otp"],
        b'r' => &["securityanswer"],
        // A link that lets in whoever has it.
        b'i' => &["accessuri"],
        _ => return false,
    };
    endings.iter().any(|ending| ends_with(name, ending)) && !is_harmless(name)
}

/// True of a header in which the load balancers of OCI tell its services who calls: `X-OCI-LB-PrivateAccessMetadata` and others.
fn is_of_balancer(name: &str) -> bool {
    let letters = name.bytes().filter(|byte| !is_separator(*byte));
    matches!(name.as_bytes().first(), Some(b'x' | b'X'))
        && (letters.map(|byte| byte.to_ascii_lowercase()).take(6)).eq(*b"xocilb")
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b' ')
}

/// True of names that end as a secret's does and hold none: tokens that tell one request or page from another.
fn is_harmless(name: &str) -> bool {
    ["retrytoken", "pagetoken"].iter().any(|ending| ends_with(name, ending))
}

/// The letters and digits of a name from its end, in lower case.
fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .rev()
        .filter(|byte| !is_separator(*byte))
        .map(|byte| byte.to_ascii_lowercase())
}

fn ends_with(name: &str, ending: &str) -> bool {
    let tail = (name.len().checked_sub(ending.len())).and_then(|start| name.as_bytes().get(start..));
    if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes())) {
        return true;
    }
    // Most names are words in one, and of those few end as one that is looked for does.
    if !name.bytes().any(is_separator) {
        return false;
    }
    let mut letters = letters(name);
    ending.bytes().rev().all(|byte| letters.next() == Some(byte))
}

/// True where a name is another one, without regard to case, hyphens and underscores.
pub fn is_spelled(name: &str, known: &str) -> bool {
    name.len() >= known.len()
        && (name.eq_ignore_ascii_case(known)
            || (name.bytes().any(is_separator) && letters(name).eq(known.bytes().rev())))
}

/// True where a name ends as another one does.
pub fn is_spelled_to_end(name: &str, known: &str) -> bool {
    ends_with(name, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_by_their_names_in_any_spelling() {
        for name in [
            "credentials",
            "Authorization",
            "proxy-authorization",
            "opc-principal",
            "OPC-OBO-Principal",
            "opc-obo-token",
            "X-OCI-LB-PrivateAccessMetadata",
            "x-oci-lb-networkmetadata",
            "X-OCI-LB-Anything-Else",
            "Cookie",
            "Set-Cookie",
            "client_secret",
            "clientSecret",
            "access_token",
            "id-token",
            "password",
            "oldPassword",
            "private_key",
            "passPhrase",
            "bypassCode",
            "x-content-signature",
            "seed",
            "accessUri",
            "access-uri",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in [
            "",
            "-",
            "opc-retry-token",
            "nextPageToken",
            "opc-next-page",
            "opc-request-id",
            "principalId",
            "principalName",
            "publicKey",
            "consoleSessionId",
            "ssoSessionId",
            "secretId",
            "passwordPolicy",
            "tokenType",
            "x-content-sha256",
            "Host",
            "x-oci-request-id",
            "xoci",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
