use super::*;
use crate::{Call, Job};

const SITE: CallContext<'static> = CallContext {
    label: "p",
    call: "plan",
};

fn grant(text: &str) -> Grant {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn allows(text: &str, method: Method, path: &[&str]) -> bool {
    grant(text).allows(method, path)
}

#[test]
fn a_grant_is_a_method_and_a_path_and_nothing_beside_it() {
    let post = "POST /interop/rest/v1/reports";
    assert!(allows(post, Method::Post, &["interop", "rest", "v1", "reports"]));
    for (method, path) in [
        (Method::Get, &["interop", "rest", "v1", "reports"][..]),
        (Method::Put, &["interop", "rest", "v1", "reports"]),
        (Method::Delete, &["interop", "rest", "v1", "reports"]),
        (Method::Post, &["interop", "rest", "v1"]),
        (Method::Post, &["interop", "rest", "v1", "reports", "x"]),
        (Method::Post, &["x", "interop", "rest", "v1", "reports"]),
        (Method::Post, &["interop", "rest", "v1", "Reports"]),
        (Method::Post, &["interop", "rest", "v1", "report%73"]),
        (Method::Post, &["interop", "rest", "v1", "reports;x"]),
        (Method::Post, &["interop", "rest", "v1", "reports "]),
        (Method::Post, &["interop", "rest", "v1", "reports", ""]),
        (Method::Post, &["interop/rest/v1/reports"]),
        (Method::Post, &["interop", "rest", "x", "..", "v1", "reports"]),
        (Method::Post, &[]),
    ] {
        assert!(!allows(post, method, path), "{method:?} {path:?}");
    }
}

#[test]
fn a_star_is_one_segment_and_two_are_any_number_whatever_a_server_makes_of_it() {
    assert!(allows("PUT /a/*/c", Method::Put, &["a", "b", "c"]));
    assert!(!allows("PUT /a/*/c", Method::Put, &["a", "c"]));
    assert!(!allows("PUT /a/*/c", Method::Put, &["a", "b", "b", "c"]));
    for path in [&["a"][..], &["a", "b"], &["a", "b", "c.d-e~f é"]] {
        assert!(allows("PUT /a/**", Method::Put, path), "{path:?}");
    }
    assert!(!allows("PUT /a/**", Method::Put, &["ab"]));
    for odd in ["..%2fx", "../x", "..\\x", "..;", "b;x=1", "b?x", "b#x"] {
        assert!(!allows("PUT /a/*", Method::Put, &["a", odd]), "{odd}");
        assert!(!allows("PUT /a/**", Method::Put, &["a", "b", odd]), "{odd}");
        assert!(allows("GET /**", Method::Get, &["a", odd]), "{odd}");
    }
    assert!(allows("DELETE /", Method::Delete, &[]) && !allows("DELETE /", Method::Delete, &["a"]));
}

#[test]
fn what_is_encoded_in_a_grant_is_decoded_before_it_is_compared() {
    let odd = "POST /a%20b/%2A/c%2Fd/%25";
    assert!(allows(odd, Method::Post, &["a b", "*", "c/d", "%"]));
    assert!(!allows(odd, Method::Post, &["a b", "x", "c/d", "%"]));
    for text in [odd, "GET /**", "PUT /a/*/b", "DELETE /", "PATCH /a/**", "GET /a@b:c=d"] {
        assert_eq!(grant(text).to_string(), text);
        assert_eq!(grant(&grant(text).to_string()), grant(text));
    }
}

#[test]
fn a_grant_that_cannot_be_meant_is_refused_with_the_reason() {
    for (text, why) in [
        ("", "one space must"),
        ("POST", "one space must"),
        ("/a", "one space must"),
        ("post /a", "the method is one of"),
        ("HEAD /a", "the method is one of"),
        (" /a", "the method is one of"),
        ("* /a", "the method is one of"),
        ("POST a", "begins with /"),
        ("POST https://epm.example/a", "begins with /"),
        ("POST  /a", "begins with /"),
        ("POST /a?b=c", "queries"),
        ("POST /a#b", "queries"),
        ("POST /a b", "white space"),
        ("POST /a/", "empty"),
        ("POST //a", "empty"),
        ("POST /a/../b", "empty"),
        ("POST /a/%2e%2E/b", "empty"),
        ("POST /a/./b", "empty"),
        ("POST /rep*", "whole segment"),
        ("POST /**/a", "whole segment"),
        ("POST /a/***", "whole segment"),
        ("POST /a%00", "control"),
        ("POST /a%ff", "UTF-8"),
    ] {
        let error = text.parse::<Grant>().expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

fn request(method: Method, path: &str) -> HttpRequest {
    HttpRequest {
        method,
        path: path.split('/').map(str::to_owned).collect(),
        query: vec![],
        headers: vec![],
        body: None,
    }
}

fn job(method: Method, path: &str, file: &str, keep: bool) -> Fetch {
    Fetch::Job(Job {
        submit: request(method, path),
        file: file.into(),
        keep,
    })
}

#[test]
fn the_error_names_what_is_missing_and_what_grants_it() {
    let call = |method, path| {
        Fetch::Call(Call {
            service: None,
            request: request(method, path),
            records: None,
        })
    };
    let plan = [
        call(Method::Get, "a"),
        call(Method::Delete, "admin/v1/Users/x y"),
        call(Method::Put, "b"),
        call(Method::Put, "b"),
    ];
    let error = Grants::get().check(&plan, "host-1", SITE).unwrap_err();
    assert!(error.to_string().contains("`DELETE /admin/v1/Users/x%20y`"), "{error}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains(r#"allow = ["DELETE /admin/v1/Users/x%20y", "PUT /b"]"#),
        "{hint}"
    );
    Grants::get()
        .with([grant("DELETE /admin/v1/Users/*"), grant("PUT /b")])
        .check(&plan, "host-1", SITE)
        .unwrap();
    Grants::anything().check(&plan, "host-1", SITE).unwrap();
    assert!(Grants::only([]).check(&plan[..1], "host-1", SITE).is_err());
}

#[test]
fn a_job_removes_no_file_but_its_own_unless_that_is_granted() {
    let check = |fetch: Fetch| Grants::get().check(&[fetch], "host-x-1", SITE);
    check(job(Method::Get, "report", "host-x-1.csv", false)).unwrap();
    check(job(Method::Get, "report", "Artifact Snapshot", true)).unwrap();
    assert!(check(job(Method::Post, "report", "host-x-1.csv", false)).is_err());
    let theirs = job(Method::Get, "report", "Artifact Snapshot", false);
    let error = check(theirs.clone()).unwrap_err().to_string();
    assert!(error.contains("POST /interop/rest/v3/files/delete"), "{error}");
    Grants::get()
        .with([grant("POST /interop/rest/v3/files/delete")])
        .check(&[theirs], "host-x-1", SITE)
        .unwrap();
}
