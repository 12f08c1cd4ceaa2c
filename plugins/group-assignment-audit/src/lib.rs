//! The EPM Cloud Group Assignment Audit Report: who was put into a group or taken out, who did it, and when. It covers the
//! groups of EPM Cloud, and those of the identity domain for as long as the domain keeps its audit data.
//!
//! A job writes the report into a CSV file. Source: the page "Group Assignment Audit Report" of the EPM Cloud REST API guide and
//! `groupAssignmentAuditReport` of the guide to EPM Automate. They name the columns `Action` and `Performed By`, and say that a row
//! has the user or group, the group, the group's type and the time; how those columns are called stands in pictures.

use identity_events::assignment::{self, Direction, direction, display_name, is_group};
use identity_events::labels;
use plugin_sdk::table::{Column, Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// EPM Cloud keeps the data of this report for 120 days.
const RETENTION_DAYS: u16 = 120;

/// Columns by their place in [`COLUMNS`].
const GROUP: usize = 0;
const MEMBER: usize = 1;
const ACTION: usize = 2;
const TIME: usize = 3;
const PERFORMER: usize = 4;
const MEMBER_TYPE: usize = 5;
const GROUP_TYPE: usize = 6;
const TYPE: usize = 7;
const TIME_OF_DAY: usize = 8;

/// The group comes first: where one column is called `Group Name` and another `Name`, the latter is the member.
static COLUMNS: [Column; 9] = [
    Column {
        meaning: "group",
        aliases: &[
            "groupname",
            "group",
            "parentgroup",
            "parentgroupname",
            "assignedgroup",
            "accesscontrolgroup",
            "targetgroup",
            "assignedto",
        ],
        required: true,
    },
    Column {
        meaning: "member",
        aliases: &[
            "membername",
            "member",
            "userorgroup",
            "userorgroupname",
            "usergroup",
            "usergroupname",
            "name",
            "userloginname",
            "userlogin",
            "loginname",
            "username",
            "user",
            "assignee",
        ],
        required: true,
    },
    Column {
        meaning: "action",
        aliases: assignment::ACTION,
        required: true,
    },
    Column {
        meaning: "time",
        aliases: assignment::TIME,
        required: true,
    },
    Column {
        meaning: "performer",
        aliases: assignment::PERFORMER,
        required: false,
    },
    Column {
        meaning: "type of the member",
        aliases: &[
            "membertype",
            "userorgrouptype",
            "usergrouptype",
            "nametype",
            "assigneetype",
            "principaltype",
            "usertype",
        ],
        required: false,
    },
    Column {
        meaning: "type of the group",
        aliases: &["grouptype", "parentgrouptype", "assignedgrouptype"],
        required: false,
    },
    Column {
        meaning: "type",
        aliases: &["type"],
        required: false,
    },
    Column {
        meaning: "time of day",
        aliases: assignment::TIME_OF_DAY,
        required: false,
    },
];

/// The report.
pub struct GroupAssignmentAudit;

/// Reads its CSV file.
pub struct GroupAssignmentAuditParser(Table);

impl Report for GroupAssignmentAudit {
    type Parser = GroupAssignmentAuditParser;

    fn describe() -> Description {
        Description {
            name: "group-assignment-audit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Users and groups that were put into groups or taken out, and by whom".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["POST /interop/rest/v2/reports/groupaudit".into()],
            granularity: Granularity::Day,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: Some(RETENTION_DAYS.into()),
            parameters: vec![parameters::keep_file()],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, RETENTION_DAYS)?;
        // Letters, digits and hyphens, and so nothing that needs care within JSON.
        let file = format!("{}.csv", request.unique_name);
        let body = format!(r#"{{"filename":"{file}","from_date":"{from}","to_date":"{to}"}}"#);
        let submit = HttpRequest::post(["interop", "rest", "v2", "reports", "groupaudit"]).body(Body::Json(body));
        Ok(vec![Fetch::Job(Job {
            submit,
            file,
            keep: parameters::keeps_file(&request)?,
        })])
    }

    fn parser(_document: Document) -> Result<GroupAssignmentAuditParser, Fault> {
        Ok(GroupAssignmentAuditParser(Table::new(&COLUMNS)))
    }
}

impl Parse for GroupAssignmentAuditParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event)
    }
}

/// The change that a row tells of. A group in a group is no user: it is a change of the outer group by who made it, and its
/// name stays an attribute, as with the events of an identity domain. So is a row whose action is not known.
fn event(row: Row<'_>) -> Result<Event<'_>, Reason> {
    let member = row.cell(MEMBER).ok_or("the row names no user or group")?;
    let group = row.cell(GROUP).ok_or("the row does not name the group")?;
    let action = row.cell(ACTION).ok_or("the row has no action")?;
    let (time, beside) = assignment::time(row, TIME, TIME_OF_DAY)?;
    // A column that is just called type is the member's where another one has the group's.
    let both = row.heading(GROUP_TYPE).is_some();
    let member_type = row.cell(MEMBER_TYPE).or_else(|| row.cell(TYPE).filter(|_| both));
    let direction = direction(action);
    let activity = match direction {
        _ if member_type.is_some_and(is_group) => Activity::GroupUpdate,
        Some(Direction::Given) => Activity::GroupAddMember,
        Some(Direction::Taken) => Activity::GroupRemoveMember,
        None => Activity::GroupUpdate,
    };
    let outcome = match direction {
        Some(_) => Outcome::Success,
        None => Outcome::Unknown,
    };
    let performer = row.cell(PERFORMER).map(Principal::named);
    let misplaced = activity == Activity::GroupUpdate;
    let subject = match misplaced {
        false => Principal {
            display_name: display_name(member).map(Into::into),
            ..Principal::named(member)
        },
        true => performer.clone().unwrap_or_else(|| Principal::named("unknown")),
    };
    let mut event = Event::new(time, activity, outcome, subject);
    event.actor = performer;
    event.target = Some(group.into());
    event.action = Some(action.into());
    event.labels = labels("group", outcome, false);
    let placed = |column: usize| {
        let cell = row.cell(column)?;
        Some((row.heading(column).unwrap_or_default(), cell))
    };
    event.attributes = placed(MEMBER)
        .filter(|_| misplaced)
        .into_iter()
        .chain([MEMBER_TYPE, GROUP_TYPE, TYPE].into_iter().filter_map(placed))
        .chain(beside)
        .chain(row.unplaced())
        .map(|(heading, cell)| (heading.into(), cell.into()))
        .collect();
    Ok(event)
}

export_report!(GroupAssignmentAudit);

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn plan(from: i64, to: i64, parameters: &[(&str, &str)]) -> Result<Job, Fault> {
        let window = Window {
            from: from * DAY,
            to: to * DAY,
        };
        let request = golden::request(window, 20_190 * DAY, parameters);
        match GroupAssignmentAudit::plan(request)?.pop() {
            Some(Fetch::Job(job)) => Ok(job),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_request_takes_the_files_name_and_both_dates_in_a_json_body() {
        let job = plan(20_157, 20_179, &[]).unwrap();
        assert_eq!(job.submit.method, Method::Post);
        assert_eq!(job.submit.path.join("/"), "interop/rest/v2/reports/groupaudit");
        let Some(Body::Json(body)) = &job.submit.body else {
            panic!("{:?}", job.submit.body)
        };
        assert_eq!(
            body,
            r#"{"filename":"run-7.csv","from_date":"2025-03-10","to_date":"2025-03-31"}"#
        );
        assert_eq!((job.file.as_str(), job.keep), ("run-7.csv", false));
    }

    #[test]
    fn the_file_stays_where_that_is_asked_for() {
        assert!(plan(20_157, 20_179, &[("keep-file", "true")]).unwrap().keep);
        assert_eq!(
            plan(20_157, 20_179, &[("keep-file", "perhaps")]).unwrap_err().kind,
            FaultKind::InvalidRequest
        );
    }

    #[test]
    fn days_that_the_server_would_refuse_are_not_asked_for() {
        assert!(plan(20_070, 20_190, &[]).is_ok());
        assert_eq!(plan(20_069, 20_189, &[]).unwrap_err().kind, FaultKind::InvalidRequest);
    }
}
