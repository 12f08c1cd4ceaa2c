//! Parameters in the query of a URL.

use url::Url;

/// The URL with these query parameters, and no others of their names.
pub(super) fn with_parameters(url: &Url, parameters: &[(&str, &str)]) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !parameters.iter().any(|(new, _)| new.eq_ignore_ascii_case(name)))
        .collect();
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(parameters);
    changed
}

/// The URL without these query parameters; none where it has none of them.
pub(super) fn without_parameters(url: &Url, names: &[&str]) -> Option<Url> {
    let is_named = |name: &str| names.iter().any(|gone| gone.eq_ignore_ascii_case(name));
    if !url.query_pairs().any(|(name, _)| is_named(&name)) {
        return None;
    }
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !is_named(name))
        .collect();
    let mut changed = url.clone();
    changed.set_query(None);
    if !kept.is_empty() {
        changed.query_pairs_mut().extend_pairs(kept);
    }
    Some(changed)
}
