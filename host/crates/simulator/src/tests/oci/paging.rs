//! The pages of a window: their events, their tokens, their length.

use std::collections::HashSet;

use super::*;

#[tokio::test]
async fn every_event_of_a_window_is_on_one_page_or_another() {
    for scenario in [
        "rows=40",
        "rows=40,events-page=7",
        "rows=40,events-page=7,empty-pages",
        "rows=900,api-calls=0",
    ] {
        let running = start(scenario).await;
        let tenancy = running.oci_user().tenancy;
        let pages = pages(&running, &tenancy).await;
        let from = "2025-07-01T00:00:00Z".parse().unwrap();
        let to = "2025-07-02T00:00:00Z".parse().unwrap();
        let mut expected = running.oci_event_ids(&tenancy, from, to);
        let ids = pages.concat();
        let mut ids: Vec<_> = ids
            .iter()
            .map(|event| event["eventId"].as_str().unwrap().to_owned())
            .collect();
        assert!(ids.len() >= 160, "{}", ids.len());
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{scenario}");
        if scenario.contains("empty-pages") {
            let empty = pages.iter().step_by(2);
            assert!(empty.clone().all(Vec::is_empty) && empty.count() > 10);
        } else if scenario.contains("events-page=7") {
            assert!(pages.iter().any(Vec::is_empty) && pages.iter().filter(|page| page.len() == 7).count() > 10);
        }
    }
}

#[tokio::test]
async fn a_page_can_begin_with_the_last_event_of_the_one_before() {
    let running = start("rows=40,events-page=7,events-repeat,empty-pages").await;
    let tenancy = running.oci_user().tenancy;
    let id = |event: &Value| event["eventId"].as_str().unwrap().to_owned();
    let pages: Vec<HashSet<String>> = (pages(&running, &tenancy).await.iter())
        .map(|page| page.iter().map(id).collect())
        .collect();
    let full: Vec<_> = pages.iter().filter(|page| !page.is_empty()).collect();
    assert!(full.len() > 20 && full.len() < pages.len());
    assert!(full.windows(2).all(|two| two[0].intersection(two[1]).count() == 1));
    let from = "2025-07-01T00:00:00Z".parse().unwrap();
    let to = "2025-07-02T00:00:00Z".parse().unwrap();
    let expected: HashSet<_> = running.oci_event_ids(&tenancy, from, to).into_iter().collect();
    assert_eq!(full.into_iter().flatten().cloned().collect::<HashSet<_>>(), expected);
    for order in ["asc", "desc"] {
        let query = format!("{} | sort by datetime {order}", everything(&running));
        let results = found(&running, &query, 30).await;
        let ids: Vec<_> = results
            .iter()
            .map(|result| log_content(result)["id"].to_string())
            .collect();
        let twice = ids.windows(2).filter(|two| two[0] == two[1]).count();
        assert!(
            twice > 5 && ids.iter().collect::<HashSet<_>>().len() + twice == ids.len(),
            "{twice}"
        );
    }
}

#[tokio::test]
async fn a_window_cut_in_two_holds_the_same_events() {
    let running = start("rows=40,stored-late=5").await;
    let tenancy = running.oci_user().tenancy;
    let ids = |from: &str, to: &str| running.oci_event_ids(&tenancy, from.parse().unwrap(), to.parse().unwrap());
    let whole = ids("2025-07-01T00:00:00Z", "2025-07-02T00:00:00Z");
    let mut parts = ids("2025-07-01T00:00:00Z", "2025-07-01T10:17:00Z");
    parts.extend(ids("2025-07-01T10:17:00Z", "2025-07-02T00:00:00Z"));
    assert_eq!(parts.len(), whole.len());
    assert_eq!(parts.into_iter().collect::<HashSet<_>>(), whole.into_iter().collect());
}

#[tokio::test]
async fn a_token_can_repeat_for_ever() {
    let running = start("rows=40,events-page=20,token-repeats").await;
    let tenancy = running.oci_user().tenancy;
    let token = |page: &Answer| page.header("opc-next-page").unwrap().replace('=', "%3D");
    let first = token(&list(&running, &tenancy, "").await);
    let second = token(&list(&running, &tenancy, &format!("&page={first}")).await);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_large_page_is_sent_while_it_is_made() {
    let running = start("rows=1500,events-page=20000,api-calls=0,event-padding=300").await;
    let tenancy = running.oci_user().tenancy;
    let mut page = list(&running, &tenancy, "").await;
    if page.json().as_array().unwrap().is_empty() {
        let token = page.header("opc-next-page").unwrap().replace('=', "%3D");
        page = list(&running, &tenancy, &format!("&page={token}")).await;
    }
    assert_eq!(page.header("transfer-encoding"), Some("chunked"));
    let events = page.json();
    let ids = running.oci_event_ids(
        &tenancy,
        "2025-07-01T00:00:00Z".parse().unwrap(),
        "2025-07-02T00:00:00Z".parse().unwrap(),
    );
    assert!(ids.len() > 5900 && events.as_array().unwrap().len() == ids.len());
    assert_eq!(
        events[0]["data"]["additionalDetails"]["padding"]
            .as_str()
            .unwrap()
            .len(),
        300
    );
}
