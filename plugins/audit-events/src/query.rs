//! The queries that answer a request: one for each stretch of the window, so that none grows without bound.

use identity_events::stretches::{self, instant};
use plugin_sdk::parameters::{duration, one_of, text};
use plugin_sdk::scim::{Attribute, Filter, Operator};
use plugin_sdk::*;

/// The most records that the server puts into a page.
const PAGE: u32 = 1000;

const SORT: [&str; 2] = ["timestamp", "none"];
const SPLIT: &str = "1d";

/// Parameters that compare an attribute with any of their values.
const ANY_OF: [(&str, &str, &str); 3] = [
    (
        "event-id",
        "eventId",
        "only events of this id, such as sso.authentication.failure",
    ),
    ("actor", "actorName", "only what this login name did"),
    ("client-ip", "clientIp", "only what came from this address"),
];

pub fn parameters() -> Vec<Parameter> {
    let repeatable = |parameter| Parameter {
        repeatable: true,
        ..parameter
    };
    let with_default = |parameter, default: &str| Parameter {
        default: Some(default.into()),
        ..parameter
    };
    let mut parameters: Vec<_> = ANY_OF
        .iter()
        .map(|(name, _, summary)| repeatable(text(name, summary)))
        .collect();
    parameters.extend([
        repeatable(text(
            "filter",
            "a further condition: ATTRIBUTE=VALUE, ATTRIBUTE pr, or ATTRIBUTE and one of eq ne co sw ew gt ge lt le and a value",
        )),
        with_default(text("split", "query the window in stretches of this length, such as 12h"), SPLIT),
        one_of("sort", "the server's order; none for domains that refuse to sort", &SORT),
    ]);
    parameters
}

pub fn plan(request: &Request, retention: u16) -> Result<Vec<Fetch>, Fault> {
    let window = stretches::window(request, retention, "no domain keeps its events that long")?;
    let split = length(request, "split", SPLIT)?;
    if split == 0 {
        return Err(Fault::invalid_request("the parameter split is zero").hint("give a length such as 12h or 1d"));
    }
    let conditions = conditions(request)?;
    let sort = request.choice("sort", &SORT)?;
    let stretches = stretches::stretches(window, split)?.into_iter();
    stretches
        .map(|stretch| Ok(Fetch::Pages(pages(stretch, &conditions, sort)?)))
        .collect()
}

fn pages(stretch: Window, conditions: &[Filter], sort: &str) -> Result<Pages, Fault> {
    let timestamp = attribute("timestamp")?;
    let window = [
        Filter::Compare(timestamp.clone(), Operator::GreaterOrEqual, instant(stretch.from)?),
        Filter::Compare(timestamp, Operator::Less, instant(stretch.to)?),
    ];
    let filter = Filter::all(window.into_iter().chain(conditions.iter().cloned()));
    let mut request = HttpRequest::get(["admin", "v1", "AuditEvents"])
        .query("filter", filter.map(|filter| filter.to_string()).unwrap_or_default());
    if sort != "none" {
        request = request.query("sortBy", sort).query("sortOrder", "ascending");
    }
    Ok(Pages::new(request, Paging::Scim(PAGE))
        .records(["Resources"])
        .key(["id"]))
}

fn conditions(request: &Request) -> Result<Vec<Filter>, Fault> {
    let mut conditions = Vec::new();
    for (parameter, name, _) in ANY_OF {
        let attribute = attribute(name)?;
        let mut filters = Vec::new();
        for value in request.parameter_values(parameter) {
            if value.is_empty() {
                return Err(Fault::invalid_request(format!("the parameter {parameter} is empty")));
            }
            filters.push(Filter::eq(&attribute, value));
        }
        conditions.extend(Filter::any(filters));
    }
    for text in request.parameter_values("filter") {
        conditions.push(condition(text).ok_or_else(|| {
            Fault::invalid_request(format!("the parameter filter cannot be {text:?}"))
                .hint("write it like actorName=ada, ssoUserAgent co curl, or adminResourceName pr")
        })?);
    }
    Ok(conditions)
}

/// `actorName=ada`, `actorName sw ad`, `actorName sw "ad"`, `actorName pr`. The value is all that follows, or where it is
/// a JSON string, what that says.
fn condition(text: &str) -> Option<Filter> {
    let text = text.trim();
    if let Some((name, value)) = text.split_once('=')
        && let Ok(attribute) = Attribute::new(name.trim_end())
    {
        return Some(Filter::eq(&attribute, unquoted(value)));
    }
    let (name, rest) = text.split_once(' ')?;
    let (attribute, rest) = (Attribute::new(name).ok()?, rest.trim_start());
    if rest.eq_ignore_ascii_case("pr") {
        return Some(Filter::Present(attribute));
    }
    let (operator, value) = rest.split_once(' ')?;
    Some(Filter::Compare(attribute, Operator::new(operator)?, unquoted(value)))
}

fn unquoted(value: &str) -> String {
    let value = value.trim_start();
    if value.starts_with('"') {
        json_lines::string(value).unwrap_or_else(|| value.into())
    } else {
        value.into()
    }
}

fn length(request: &Request, name: &str, default: &str) -> Result<i64, Fault> {
    let text = request.parameter(name).unwrap_or(default);
    duration(text).ok_or_else(|| {
        Fault::invalid_request(format!("the parameter {name} cannot be {text:?}"))
            .hint("give a number and a unit: 90s, 30m, 12h or 7d")
    })
}

fn attribute(name: &str) -> Result<Attribute, Fault> {
    Attribute::new(name).map_err(Fault::invalid_request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        time::parse(text).unwrap()
    }

    fn plan(from: &str, to: &str, parameters: &[(&str, &str)]) -> Result<Vec<Pages>, Fault> {
        let window = Window {
            from: ms(from),
            to: ms(to),
        };
        let now = ms("2018-06-01T12:00:00Z");
        let request = golden::request(window, now, parameters);
        let pages = |fetch| match fetch {
            Fetch::Pages(pages) => pages,
            other => panic!("{other:?}"),
        };
        Ok(super::plan(&request, 90)?.into_iter().map(pages).collect())
    }

    fn one_hour(parameters: &[(&str, &str)]) -> Result<String, Fault> {
        let pages = plan("2018-05-09T21:00:00Z", "2018-05-09T22:00:00Z", parameters)?;
        assert_eq!(pages.len(), 1);
        Ok(pages[0].request.query[0].1.clone())
    }

    const HOUR: &str = r#"timestamp ge "2018-05-09T21:00:00.000Z" and timestamp lt "2018-05-09T22:00:00.000Z""#;

    #[test]
    fn a_short_window_is_one_sorted_query_of_full_pages() {
        let pages = plan("2018-05-09T21:00:00Z", "2018-05-09T22:00:00Z", &[])
            .unwrap()
            .remove(0);
        assert_eq!(pages.request.path.join("/"), "admin/v1/AuditEvents");
        let query: Vec<_> = pages
            .request
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            query,
            [("filter", HOUR), ("sortBy", "timestamp"), ("sortOrder", "ascending")]
        );
        assert!(matches!(pages.paging, Paging::Scim(1000)));
        let path = |name: &str| Some(vec![name.to_owned()]);
        assert_eq!((pages.records, pages.key), (path("Resources"), path("id")));
        let pages = plan("2018-05-09T21:00:00Z", "2018-05-09T22:00:00Z", &[("sort", "none")])
            .unwrap()
            .remove(0);
        assert_eq!(pages.request.query.len(), 1);
    }

    #[test]
    fn a_long_window_is_split_without_gap_or_overlap() {
        let starts_and_ends = |parameters: &[(&str, &str)]| {
            let pages = plan("2018-05-09T21:00:00Z", "2018-05-12T00:00:00Z", parameters).unwrap();
            let times = |pages: &Pages| {
                pages.request.query[0]
                    .1
                    .split('"')
                    .skip(1)
                    .step_by(2)
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            pages.iter().map(times).collect::<Vec<_>>()
        };
        assert_eq!(
            starts_and_ends(&[]),
            [
                "2018-05-09T21:00:00.000Z 2018-05-10T21:00:00.000Z",
                "2018-05-10T21:00:00.000Z 2018-05-11T21:00:00.000Z",
                "2018-05-11T21:00:00.000Z 2018-05-12T00:00:00.000Z",
            ]
        );
        assert_eq!(
            starts_and_ends(&[("split", "48h")]),
            [
                "2018-05-09T21:00:00.000Z 2018-05-11T21:00:00.000Z",
                "2018-05-11T21:00:00.000Z 2018-05-12T00:00:00.000Z",
            ]
        );
    }

    #[test]
    fn conditions_are_quoted_and_joined() {
        for (parameters, expected) in [
            (vec![("event-id", "a.b")], r#"eventId eq "a.b""#),
            (
                vec![("event-id", "a"), ("actor", "o\"x\\"), ("event-id", "b")],
                r#"(eventId eq "a" or eventId eq "b") and actorName eq "o\"x\\""#,
            ),
            (vec![("client-ip", "10.0.0.1")], r#"clientIp eq "10.0.0.1""#),
            (vec![("filter", "ssoRp = a b=c ")], r#"ssoRp eq "a b=c""#),
            (vec![("filter", "ssoRp  CO a b")], r#"ssoRp co "a b""#),
            (vec![("filter", "ssoRp sw \"a b\\\"\"")], r#"ssoRp sw "a b\"""#),
            (vec![("filter", "ssoRp sw \"a b")], r#"ssoRp sw "\"a b""#),
            (
                vec![("filter", "ssoRp pr"), ("filter", "meta.created gt 2018")],
                r#"ssoRp pr and meta.created gt "2018""#,
            ),
            (
                vec![("filter", "ssoRp=x\" or id pr or id eq \"")],
                r#"ssoRp eq "x\" or id pr or id eq \"""#,
            ),
        ] {
            assert_eq!(
                one_hour(&parameters).unwrap(),
                format!("{HOUR} and {expected}"),
                "{parameters:?}"
            );
        }
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for parameter in [
            ("event-id", ""),
            ("filter", ""),
            ("filter", "ssoRp"),
            ("filter", "ssoRp is x"),
            ("filter", "1x=2"),
            ("filter", "a) or (b=2"),
            ("filter", "ssoRp eq"),
            ("split", "0s"),
            ("split", "1s"),
            ("split", "day"),
            ("split", "-5m"),
            ("sort", "id"),
        ] {
            assert_eq!(
                one_hour(&[parameter]).unwrap_err().kind,
                FaultKind::InvalidRequest,
                "{parameter:?}"
            );
        }
    }

    #[test]
    fn a_window_that_cannot_be_had_is_refused() {
        for (from, to) in [
            ("2018-05-09T21:00:00Z", "2018-05-09T21:00:00Z"),
            ("2018-05-09T21:00:00Z", "2018-05-09T20:00:00Z"),
            ("2018-03-02T23:59:59.999Z", "2018-03-04T00:00:00Z"),
        ] {
            assert!(plan(from, to, &[]).is_err(), "{from} {to}");
        }
        assert!(plan("2018-03-03T00:00:00Z", "2018-03-04T00:00:00Z", &[]).is_ok());
    }
}
