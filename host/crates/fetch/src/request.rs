//! From a request as a plugin describes it to one that can be sent.

use http::Method;

use super::error::FetchError;
use remote::{Remote, Request};

/// A request below the connection's base URL. What no host would send is the plugin's fault.
pub fn build(remote: &Remote, planned: &sandbox::HttpRequest) -> Result<Request, FetchError> {
    let refused = |error: remote::RemoteError| FetchError::Plan(error.to_string());
    let mut url = remote.base().join(&planned.path).map_err(refused)?;
    if !planned.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&planned.query);
    }
    let method = match planned.method {
        sandbox::Method::Get => Method::GET,
        sandbox::Method::Post => Method::POST,
        sandbox::Method::Put => Method::PUT,
        sandbox::Method::Patch => Method::PATCH,
        sandbox::Method::Delete => Method::DELETE,
    };
    let mut request = Request::new(method, url);
    for (name, value) in &planned.headers {
        request = request.header(name, value).map_err(refused)?;
    }
    match &planned.body {
        None => Ok(request),
        Some(sandbox::Body::Form(fields)) => {
            let text = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            request.body("application/x-www-form-urlencoded", text)
        }
        Some(sandbox::Body::Json(text)) => request.body("application/json", text.clone()),
        Some(sandbox::Body::Other((kind, bytes))) => request.body(kind, bytes.clone()),
    }
    .map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ErrorKind;
    use remote::{BaseUrl, Settings};

    fn remote() -> Remote {
        let base = BaseUrl::parse("https://epm.example.com/gw").unwrap();
        Remote::new(Settings::new("epm", base.url().clone())).unwrap()
    }

    fn planned(path: &[&str], headers: &[(&str, &str)]) -> sandbox::HttpRequest {
        sandbox::HttpRequest {
            method: sandbox::Method::Get,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            query: vec![("q".into(), "{type:x,fileName:a b&c.csv}".into())],
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: None,
        }
    }

    #[test]
    fn path_and_query_are_encoded() {
        let request = build(&remote(), &planned(&["a b", "c/d"], &[])).unwrap();
        let text = format!("{request:?}");
        assert!(text.contains("/gw/a%20b/c%2Fd"), "{text}");
        assert!(text.contains("q=%7Btype%3Ax%2CfileName%3Aa+b%26c.csv%7D"), "{text}");
    }

    #[test]
    fn requests_that_reach_beyond_their_place_are_the_plugin_s_fault() {
        for (path, headers) in [
            (&[".."][..], &[][..]),
            (&["a", ""], &[]),
            (&["."], &[]),
            (&["a"], &[("Authorization", "Basic x")]),
            (&["a"], &[("cookie", "x")]),
            (&["a"], &[("HOST", "evil.example")]),
            (&["a"], &[("Proxy-Authorization", "x")]),
            (&["a"], &[("Transfer-Encoding", "chunked")]),
            (&["a"], &[("X", "a\r\nHost: evil.example")]),
            (&["a"], &[("bad name", "x")]),
        ] {
            let error = build(&remote(), &planned(path, headers)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Plugin, "{path:?} {headers:?}");
        }
    }
}
