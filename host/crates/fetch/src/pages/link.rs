//! RFC 8288: the `Link` header.

use http::HeaderMap;
use http::header::LINK;

/// The target of the first link with `rel=next`.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_in)
}

fn next_in(mut text: &str) -> Option<String> {
    loop {
        let (_, rest) = text.split_once('<')?;
        let (target, rest) = rest.split_once('>')?;
        let (parameters, rest) = split_unquoted(rest, ',');
        if is_next(parameters) {
            return Some(target.to_owned());
        }
        text = rest;
    }
}

/// The texts before and behind a separator; in quotes there is none.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                return (
                    text.get(..at).unwrap_or_default(),
                    text.get(at + 1..).unwrap_or_default(),
                );
            }
            _ => {}
        }
    }
    (text, "")
}

fn is_next(mut parameters: &str) -> bool {
    while !parameters.is_empty() {
        let (parameter, rest) = split_unquoted(parameters, ';');
        parameters = rest;
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        if name.trim().eq_ignore_ascii_case("rel") {
            // RFC 8288 section 3.3: only the first `rel` of a link counts.
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (value, target) in [
            (
                r#"<https://a.example/?page=2>; rel="next""#,
                Some("https://a.example/?page=2"),
            ),
            ("</p?a=1,2>; rel=next", Some("/p?a=1,2")),
            (
                r#"</1>; rel="prev", </3>; title="a, b; rel=next"; rel="last", </2>;rel="foo NEXT""#,
                Some("/2"),
            ),
            (r#"</1>; rel="prev""#, None),
            (r#"</1>; rel="nextish""#, None),
            ("<", None),
            ("</1", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, value.parse().unwrap());
            assert_eq!(next(&headers).as_deref(), target, "{value}");
        }
        assert_eq!(next(&HeaderMap::new()), None);
    }
}
