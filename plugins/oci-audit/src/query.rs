//! The requests that answer for a window: one for each stretch of it, so that none grows without bound.

use crate::compartment::Compartment;
use crate::selection::{self, EventSelection};
use identity_events::stretches::{self, instant};
use plugin_sdk::parameters::{duration, one_of, required, text};
use plugin_sdk::*;

/// The most records that Logging Search puts into a page.
const PAGE: u32 = 1000;
/// The longest stretch that clients of Logging Search ask for; what ListEvents takes is not documented.
const LONGEST_SPLIT_MS: i64 = 14 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

const VIA: [&str; 2] = ["search", "list-events"];
const SUBCOMPARTMENTS: [&str; 2] = ["false", "true"];
const SPLIT: &str = "1d";

pub fn parameters() -> Vec<Parameter> {
    vec![
        required(
            "compartment",
            "the OCID of the compartment whose events are wanted, or of the tenancy for its root compartment",
        ),
        one_of(
            "via",
            "the service to ask: Logging Search, or ListEvents of Audit, which selects nothing and needs fewer rights",
            &VIA,
        ),
        Parameter {
            repeatable: true,
            ..text("event-id", "only events of this id, such as sso.authentication.failure")
        },
        one_of(
            "all",
            "every call of an API, and not only sign-ins and changes of accounts, roles, groups and policies",
            &selection::ALL,
        ),
        one_of(
            "include-subcompartments",
            "the compartments below it as well, by Logging Search",
            &SUBCOMPARTMENTS,
        ),
        Parameter {
            default: Some(SPLIT.into()),
            ..text(
                "split",
                "ask for the window in stretches of this length, such as 1h; 14d at most",
            )
        },
    ]
}

pub fn plan(request: &Request, retention: u16) -> Result<Vec<Fetch>, Fault> {
    let compartment = Compartment::of(request)?;
    let selection = EventSelection::of(request)?;
    let by_search = request.choice("via", &VIA)? == "search";
    let below = request.choice("include-subcompartments", &SUBCOMPARTMENTS)? == "true";
    if below && !by_search {
        return Err(Fault::invalid_request(
            "ListEvents gives the events of one compartment, and none of those below it",
        )
        .hint("use via=search, or collect each compartment as a report of its own"));
    }
    let Window { from, to } = stretches::window(request, retention, "OCI Audit keeps no event that long")?;
    let split = split(request)?;

    // Whole minutes: the services document no finer ones, and what comes twice is known by its id.
    let to = to.checked_add(MINUTE_MS - 1).map(whole_minutes).unwrap_or(to);
    let from = whole_minutes(from);
    let stretches = stretches::stretches(Window { from, to }, split)?.into_iter();
    let fetch = |Window { from, to }| {
        Ok(Fetch::Pages(match by_search {
            true => search(&compartment, below, &selection, from, to)?,
            false => list_events(&compartment, from, to)?,
        }))
    };
    stretches.map(fetch).collect()
}

/// `GET /20190901/auditEvents`. Its period is the one in which Audit processed the events: they may have happened before.
fn list_events(compartment: &Compartment, from: Timestamp, to: Timestamp) -> Result<Pages, Fault> {
    let seconds = |time: Timestamp| Ok::<_, Fault>(instant(time)?.replace(".000Z", "Z"));
    let request = HttpRequest::get(["20190901", "auditEvents"])
        .query("compartmentId", compartment.ocid())
        .query("startTime", seconds(from)?)
        .query("endTime", seconds(to)?);
    Ok(Pages::new(request, next_page()).service("audit").key(["eventId"]))
}

/// `POST /20190909/search`. Each record wraps its event.
fn search(
    compartment: &Compartment,
    below: bool,
    selection: &EventSelection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Pages, Fault> {
    let log = if below {
        "_Audit_Include_Subcompartment"
    } else {
        "_Audit"
    };
    let mut query = format!("search \"{}/{log}\"", compartment.ocid());
    if let Some(condition) = selection.query() {
        query.push_str(" | where ");
        query.push_str(&condition);
    }
    let query = serde_json::Value::from(query);
    let body = format!(
        r#"{{"timeStart":"{}","timeEnd":"{}","searchQuery":{query},"isReturnFieldInfo":false}}"#,
        instant(from)?,
        instant(to)?
    );
    let request = HttpRequest::post(["20190909", "search"])
        .query("limit", PAGE.to_string())
        .body(Body::Json(body));
    Ok(Pages::new(request, next_page())
        .service("logging")
        .records(["results"])
        .key(["data", "logContent", "id"]))
}

/// The way from page to page, of both services; a page may be empty and not be the last.
fn next_page() -> Paging {
    Paging::NextToken(("opc-next-page".into(), "page".into()))
}

fn split(request: &Request) -> Result<i64, Fault> {
    let text = request.parameter("split").unwrap_or(SPLIT);
    match duration(text) {
        Some(split) if split >= MINUTE_MS && split % MINUTE_MS == 0 && split <= LONGEST_SPLIT_MS => Ok(split),
        _ => Err(
            Fault::invalid_request(format!("the parameter split cannot be {text:?}"))
                .hint("give whole minutes, hours or days, 14d at most: 30m, 6h or 1d"),
        ),
    }
}

fn whole_minutes(time: Timestamp) -> Timestamp {
    time.div_euclid(MINUTE_MS).saturating_mul(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";

    fn ms(text: &str) -> i64 {
        time::parse(text).unwrap()
    }

    fn plan(from: &str, to: &str, parameters: &[(&str, &str)]) -> Result<Vec<Pages>, Fault> {
        let parameters = [&[("compartment", TENANCY)][..], parameters].concat();
        let window = Window {
            from: ms(from),
            to: ms(to),
        };
        let request = golden::request(window, ms("2026-07-10T12:00:00Z"), &parameters);
        let pages = |fetch| match fetch {
            Fetch::Pages(pages) => pages,
            other => panic!("{other:?}"),
        };
        Ok(super::plan(&request, 365)?.into_iter().map(pages).collect())
    }

    fn body(pages: &Pages) -> Value {
        match &pages.request.body {
            Some(Body::Json(body)) => serde_json::from_str(body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn one_hour(parameters: &[(&str, &str)]) -> Result<Pages, Fault> {
        let mut pages = plan("2026-07-01T00:00:00Z", "2026-07-01T01:00:00Z", parameters)?;
        assert_eq!(pages.len(), 1);
        Ok(pages.remove(0))
    }

    #[test]
    fn list_events_is_asked_by_compartment_and_time() {
        let pages = one_hour(&[("via", "list-events")]).unwrap();
        assert_eq!(pages.request.method, Method::Get);
        assert_eq!(pages.request.path.join("/"), "20190901/auditEvents");
        let query: Vec<_> = (pages.request.query.iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            query,
            [
                "compartmentId=ocid1.tenancy.oc1..aaaaexampletenancy",
                "startTime=2026-07-01T00:00:00Z",
                "endTime=2026-07-01T01:00:00Z"
            ]
        );
        assert!(
            matches!(&pages.paging, Paging::NextToken((header, parameter)) if header == "opc-next-page" && parameter == "page")
        );
        assert_eq!(pages.service.as_deref(), Some("audit"));
        assert_eq!((pages.records, pages.key), (None, Some(vec!["eventId".to_string()])));
    }

    #[test]
    fn a_search_for_one_id_below_the_tenancy_is_the_one_of_the_test_vector() {
        let pages = one_hour(&[
            ("event-id", "sso.session.create.success"),
            ("include-subcompartments", "true"),
        ])
        .unwrap();
        assert_eq!(pages.request.method, Method::Post);
        assert_eq!(pages.request.path.join("/"), "20190909/search");
        assert_eq!(pages.request.query, [("limit".to_string(), "1000".to_string())]);
        let Some(Body::Json(body)) = &pages.request.body else {
            panic!()
        };
        assert_eq!(
            body,
            r#"{"timeStart":"2026-07-01T00:00:00.000Z","timeEnd":"2026-07-01T01:00:00.000Z","searchQuery":"search \"ocid1.tenancy.oc1..aaaaexampletenancy/_Audit_Include_Subcompartment\" | where data.additionalDetails.eventId = 'sso.session.create.success'","isReturnFieldInfo":false}"#
        );
        assert_eq!(pages.service.as_deref(), Some("logging"));
        assert_eq!(pages.records.unwrap().join("."), "results");
        assert_eq!(pages.key.unwrap().join("."), "data.logContent.id");
    }

    #[test]
    fn a_search_for_everything_has_no_condition() {
        let pages = one_hour(&[("all", "true")]).unwrap();
        assert_eq!(
            body(&pages)["searchQuery"],
            "search \"ocid1.tenancy.oc1..aaaaexampletenancy/_Audit\""
        );
        let query = body(&one_hour(&[]).unwrap())["searchQuery"]
            .as_str()
            .unwrap()
            .to_string();
        assert!(query.contains("_Audit\" | where isnotnull("), "{query}");
        assert!(query.len() < 8000, "{}", query.len());
    }

    #[test]
    fn a_window_is_asked_for_in_whole_minutes_and_stretches() {
        let times = |parameters: &[(&str, &str)]| {
            let pages = plan("2026-07-01T10:00:30.5Z", "2026-07-02T12:00:00.001Z", parameters).unwrap();
            let times = |pages: &Pages| {
                let body = body(pages);
                format!(
                    "{} {}",
                    body["timeStart"].as_str().unwrap(),
                    body["timeEnd"].as_str().unwrap()
                )
            };
            pages.iter().map(times).collect::<Vec<_>>()
        };
        assert_eq!(
            times(&[]),
            [
                "2026-07-01T10:00:00.000Z 2026-07-02T10:00:00.000Z",
                "2026-07-02T10:00:00.000Z 2026-07-02T12:01:00.000Z",
            ]
        );
        assert_eq!(
            times(&[("split", "14d")]),
            ["2026-07-01T10:00:00.000Z 2026-07-02T12:01:00.000Z"]
        );
        assert_eq!(times(&[("split", "1h")]).len(), 27);
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for parameters in [
            [("via", "connector")],
            [("compartment", "root")],
            [("split", "0s")],
            [("split", "30s")],
            [("split", "90s")],
            [("split", "15d")],
            [("split", "day")],
            [("event-id", "a' or b = '")],
            [("include-subcompartments", "maybe")],
        ] {
            let fault = one_hour(&parameters).unwrap_err();
            assert_eq!(fault.kind, FaultKind::InvalidRequest, "{parameters:?}");
            assert!(fault.hint.is_some(), "{parameters:?}");
        }
        assert!(one_hour(&[("via", "list-events"), ("include-subcompartments", "true")]).is_err());
    }

    #[test]
    fn a_window_that_cannot_be_had_is_refused() {
        for (from, to) in [
            ("2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z"),
            ("2026-07-02T00:00:00Z", "2026-07-01T00:00:00Z"),
            ("2025-07-09T23:59:59.999Z", "2025-07-10T01:00:00Z"),
        ] {
            assert!(plan(from, to, &[]).is_err(), "{from} {to}");
        }
        assert!(plan("2025-07-10T00:00:00Z", "2025-07-10T01:00:00Z", &[]).is_ok());
        assert!(plan("2025-07-10T00:00:00Z", "2026-07-10T00:00:00Z", &[("split", "1h")]).is_err());
    }

    #[test]
    fn no_window_makes_it_panic() {
        proptest::proptest!(|(from: i64, to: i64, now: i64, split in "[0-9]{1,19}[smhd]")| {
            let parameters = vec![("compartment".to_string(), TENANCY.to_string()), ("split".to_string(), split)];
            let request = Request { window: Window { from, to }, now, parameters, unique_name: "x".into() };
            let _ = super::plan(&request, 365);
        });
    }
}
