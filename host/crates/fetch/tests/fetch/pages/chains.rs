//! Pages that name the next one, by a link or a token.

use super::*;

#[tokio::test]
async fn a_chain_that_ends_before_its_total_is_incomplete() {
    for (total, complete) in [(1, true), (2, true), (3, false)] {
        let server = Server::start(move |_, _| list(json!(total), vec![record(0), record(1)])).await;
        let outcome = run(&server, pages(Paging::LinkNext, Some("id"))).await;
        assert_eq!(outcome.is_ok(), complete, "{total}");
    }
}

#[tokio::test]
async fn a_token_that_is_refused_with_400_is_not_taken_for_a_list_that_is_not_sorted() {
    let tokens = Server::start(|_, _| json(400, r#"{"error":"invalid_grant","error_description":"revoked"}"#)).await;
    let server = Server::start(|_, _| list(json!(0), vec![])).await;
    let mut settings = remote::Settings::new("domain", server.url().parse().unwrap());
    settings.allow_private_addresses = true;
    settings.auth = remote::Auth::OAuth2(Box::new(remote::OAuth2 {
        token_url: Some(format!("{}/oauth2/v1/token", tokens.url()).parse().unwrap()),
        device_url: None,
        client_id: "client-1".into(),
        client: remote::ClientAuth::Basic(CANARY.into()),
        grant: remote::GrantType::ClientCredentials,
        scope: None,
    }));
    let (spool, remote) = (tempfile::tempdir().unwrap(), remote::Remote::new(settings).unwrap());
    let fetcher = Fetcher::new(Arc::new(remote), spool.path(), FetchLimits::default(), Arc::new(()));
    let error = fetcher.fetch(&Fetch::Pages(scim(10))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "token-refused"));
    assert_eq!((tokens.seen().len(), server.seen().len()), (1, 0));
}

#[tokio::test]
async fn links_lead_from_page_to_page() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen).get("page").map_or(0, |page| page.parse().unwrap());
        let response = json(
            200,
            json!({"Resources": [record(page * 2), record(page * 2 + 1)]}).to_string(),
        );
        let host = seen.header("host").unwrap();
        match page {
            0 => with_header(response, "link", "</admin/v1/AuditEvents?page=1>; rel=\"next\""),
            1 => with_header(
                response,
                "link",
                &format!("</x>; rel=prev, <http://{host}/admin?page=2>; rel=\"next\""),
            ),
            _ => response,
        }
    })
    .await;
    assert_eq!(
        run(&server, pages(Paging::LinkNext, Some("id"))).await.unwrap(),
        lines(0..6)
    );
    assert_eq!(
        server.lines()[1..],
        ["GET /admin/v1/AuditEvents?page=1", "GET /admin?page=2"]
    );
}

#[tokio::test]
async fn tokens_lead_from_page_to_page_of_a_bare_list() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen)
            .get("page")
            .map_or(0, |token| token.trim_start_matches("t &").parse().unwrap());
        let response = json(200, json!([record(page)]).to_string());
        if page < 3 {
            with_header(response, "opc-next-page", &format!("t &{}", page + 1))
        } else {
            response
        }
    })
    .await;
    let mut pages = pages(Paging::NextToken(("opc-next-page".into(), "page".into())), None);
    pages.records = None;
    assert_eq!(run(&server, pages).await.unwrap(), lines(0..4));
    assert!(server.seen().iter().all(|seen| query(seen).contains_key("filter")));
}

#[tokio::test]
async fn a_token_in_the_body_goes_back_as_a_parameter_and_ends_the_list_where_it_is_missing() {
    let server = Server::start(|seen, _| {
        let page: usize = query(seen)
            .get("after")
            .map_or(0, |token| token.trim_start_matches("t &").parse().unwrap());
        let next = (page < 3).then(|| format!("t &{}", page + 1));
        json(
            200,
            json!({"meta": {"next": next}, "data": {"items": [record(page)]}}).to_string(),
        )
    })
    .await;
    let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let by_token = || {
        let mut pages = pages(
            Paging::BodyToken(BodyToken {
                token: path(&["meta", "next"]),
                parameter: "after".into(),
            }),
            Some("id"),
        );
        pages.records = Some(path(&["data", "items"]));
        pages
    };
    assert_eq!(run(&server, by_token()).await.unwrap(), lines(0..4));
    assert!(server.seen().iter().all(|seen| query(seen).contains_key("filter")));

    // A token that cannot be read, or that comes again, ends in an error and not with what was read so far.
    for second in [
        json!({"meta": [{"next": "x"}], "data": {"items": []}}),
        json!({"meta": {"next": {}}, "data": {"items": []}}),
        json!({"meta": {"next": "again"}, "data": {"items": []}}),
    ] {
        let server = Server::start(move |seen, _| match query(seen).contains_key("after") {
            false => json(
                200,
                json!({"meta": {"next": "again"}, "data": {"items": [record(0)]}}).to_string(),
            ),
            true => json(200, second.to_string()),
        })
        .await;
        let error = run(&server, by_token()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    }
}

#[tokio::test]
async fn a_broken_record_beside_a_token_costs_no_other() {
    let server = Server::start(|seen, _| match query(seen).contains_key("after") {
        false => json(
            200,
            "{\"next\":\"t\",\"Resources\":[{\"id\":\"0\",\"a\":\"\"\"},{\"id\":\"1\"}]}",
        ),
        true => json(200, "{\"Resources\":[{\"id\":\"2\"}]}"),
    })
    .await;
    let paging = Paging::BodyToken(BodyToken {
        token: vec!["next".into()],
        parameter: "after".into(),
    });
    let read = run(&server, pages(paging, Some("id"))).await.unwrap();
    assert_eq!(read[1..], ["{\"id\":\"1\"}", "{\"id\":\"2\"}"], "{read:?}");
}

#[tokio::test]
async fn a_next_link_to_another_origin_is_not_followed() {
    let canary = Canary::start().await;
    for target in [
        canary.url(),
        format!("//{}/", canary.address),
        format!("http://{{self}}@{}/", canary.address),
    ] {
        let server = Server::start(move |seen, _| {
            let target = target.replace("{self}", seen.header("host").unwrap());
            with_header(
                json(200, r#"{"Resources":[]}"#),
                "link",
                &format!("<{target}>; rel=next"),
            )
        })
        .await;
        let error = run(&server, pages(Paging::LinkNext, None)).await.unwrap_err();
        assert_eq!((error.code(), server.seen().len()), ("origin-escape", 1));
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn chains_without_end_are_cut() {
    let same = |_: &Seen, _: usize| "</admin>; rel=next".to_owned();
    let fresh = |_: &Seen, n: usize| format!("</admin?n={n}>; rel=next");
    type Link = fn(&Seen, usize) -> String;
    for (link, records) in [(same as Link, 0), (fresh as Link, 1), (fresh as Link, 0)] {
        let server = Server::start(move |seen, n| {
            let records: Vec<Value> = (0..records).map(record).collect();
            with_header(
                json(200, json!({"Resources": records}).to_string()),
                "link",
                &link(seen, n),
            )
        })
        .await;
        let limits = FetchLimits {
            pages: 20,
            ..FetchLimits::default()
        };
        let error = run_with(&server, pages(Paging::LinkNext, Some("id")), limits)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert!(server.seen().len() <= 20);
    }
}
