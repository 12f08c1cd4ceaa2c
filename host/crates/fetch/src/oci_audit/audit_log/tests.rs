use super::*;

fn domain(ocid: Option<&str>, name: Option<&str>) -> DomainId {
    DomainId {
        ocid: ocid.map(str::to_owned),
        name: name.map(str::to_owned),
        compartment: None,
    }
}

#[test]
fn a_domain_is_searched_for_by_whatever_name_it_has() {
    assert_eq!(condition(&DomainId::default()), OF_ANY_DOMAIN);
    assert_eq!(
        condition(&domain(Some("ocid1.domain.oc1..a"), Some("idcs-1"))),
        "data.additionalDetails.domainId = 'ocid1.domain.oc1..a' or data.additionalDetails.domainName = 'idcs-1'"
    );
    assert_eq!(
        condition(&domain(None, Some("idcs-1"))),
        "data.additionalDetails.domainName = 'idcs-1'"
    );
}

#[test]
fn periods_are_of_whole_minutes() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let (from, to) = period(at("2026-03-05T12:00:30.5Z"), LISTED);
    assert_eq!((from, to), (at("2026-03-05T11:01:00Z"), at("2026-03-05T12:01:00Z")));
}

#[test]
fn the_newest_event_is_read_in_either_envelope() {
    let since = "2026-03-05T11:00:00Z".parse().unwrap();
    let at = |text: &str| NewestEvent::At(text.parse().unwrap());
    let listed = br#"[
        {"eventType":"com.oraclecloud.Audit.ListEvents","eventTime":"2026-03-05T11:59:00Z","data":{"additionalDetails":null}},
        {"eventType":"com.oraclecloud.IdentitySignOn.InteractiveLogin","eventTime":"2026-03-05T11:20:00.5Z","data":null},
        {"eventType":"x","eventTime":"2026-03-05T11:10:00Z","data":{"additionalDetails":
            {"eventId":"sso.session.create.success","domainId":"ocid1.domain.oc1..a","X-Real-Port":7}}}]"#;
    let of = |domain: &DomainId| newest(serde_json::from_slice(listed), domain, since);
    assert_eq!(of(&DomainId::default()), at("2026-03-05T11:20:00.5Z"));
    assert_eq!(
        of(&domain(Some("ocid1.domain.oc1..a"), None)),
        at("2026-03-05T11:10:00Z")
    );
    assert_eq!(of(&domain(None, Some("idcs-1"))), NewestEvent::NoneSince(since));
    let found = br#"{"summary":{},"results":[{"data":{"datetime":1,"logContent":{"type":"x","time":"2026-03-05T11:10:00Z","data":
        {"additionalDetails":{"eventId":"a.b","domainName":"idcs-1"}}}}}],"fields":[]}"#;
    let found = serde_json::from_slice(found).map(SearchAnswer::events);
    assert_eq!(
        newest(found, &domain(None, Some("idcs-1")), since),
        at("2026-03-05T11:10:00Z")
    );
    let broken = newest(serde_json::from_slice(b"<html>"), &DomainId::default(), since);
    assert!(matches!(broken, NewestEvent::Unknown(_)));
}

#[test]
fn an_empty_page_is_told_from_a_full_one_and_from_none() {
    for (body, events) in [
        (&b"[]"[..], Some(0)),
        (b" [ ]", Some(0)),
        (b"[{}]", Some(1)),
        (b"{}", None),
    ] {
        assert_eq!(listed_events(body).ok(), events, "{}", String::from_utf8_lossy(body));
    }
    for (body, events) in [
        (&br#"{"results":[]}"#[..], Some(0)),
        (br#"{"results":[{"data":{"logContent":{}}}]}"#, Some(1)),
        (br#"{"results":[{"data":{"logC"#, None),
        (b"[]", None),
    ] {
        assert_eq!(searched_events(body).ok(), events, "{}", String::from_utf8_lossy(body));
    }
    for body in [
        &b""[..],
        b"<html>",
        br#"{"code":"NotAuthorizedOrNotFound","message":"x"}"#,
    ] {
        assert!(listed_events(body).is_err() && searched_events(body).is_err());
    }
}

#[test]
fn an_answer_that_is_no_page_is_a_failure_and_a_page_to_sign_in_a_refusal() {
    let url = "https://audit.eu-frankfurt-1.oraclecloud.com".parse().unwrap();
    let remote = Remote::new(remote::Settings::new("oci", url)).unwrap();
    for (body, step, class) in [
        ("<html><title>Sign In</title></html>", "sign-in", ErrorKind::Refused),
        ("<html><title>Out of order</title></html>", LIST, ErrorKind::Failed),
        (
            r#"{"code":"NotAuthorizedOrNotFound","message":"no"}"#,
            LIST,
            ErrorKind::Failed,
        ),
        ("", LIST, ErrorKind::Failed),
    ] {
        let why = listed_events(body.as_bytes()).unwrap_err();
        let lack = no_page(&remote, LIST, body.as_bytes(), &why);
        assert_eq!((lack.step, lack.class), (step, class), "{}", lack.message);
    }
}
