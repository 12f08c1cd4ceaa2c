//! The EPM Cloud Role Assignment Audit Report: who was given a role or lost it, predefined and application roles alike, who did it,
//! and when.
//!
//! A job writes the report into a CSV file. Source: the page "Role Assignment Audit Report" of the EPM Cloud REST API guide and
//! `roleAssignmentAuditReport` of the guide to EPM Automate. They name the columns `Name`, `Type`, `Role`, `Action`, `Performed
//! By` and `Date and Time`; earlier releases wrote `User Name` and `Administrator`. What a role is called changed as well: an
//! application role of today was a granular role, a predefined role of today is called an application role by some pages. Roles
//! are therefore passed on as they are written.

use identity_events::assignment::{self, Direction, direction, display_name, is_group};
use identity_events::labels;
use plugin_sdk::table::{Column, Reason, Row, Table};
use plugin_sdk::window::Days;
use plugin_sdk::*;

/// Oracle keeps changes of predefined roles for 30 days, or up to 90 where the identity domain is set so, and those of
/// application roles for 120; the server checks for 90.
const RETENTION_DAYS: u16 = 90;

/// Columns by their place in [`COLUMNS`].
const NAME: usize = 0;
const ROLE: usize = 1;
const ACTION: usize = 2;
const TIME: usize = 3;
const PERFORMER: usize = 4;
const TYPE: usize = 5;
const TIME_OF_DAY: usize = 6;

static COLUMNS: [Column; 7] = [
    Column {
        meaning: "name",
        aliases: &[
            "name",
            "userloginname",
            "userlogin",
            "loginname",
            "username",
            "user",
            "userorgroup",
            "userorgroupname",
            "assignee",
        ],
        required: true,
    },
    Column {
        meaning: "role",
        aliases: &[
            "role",
            "rolename",
            "applicationrole",
            "predefinedrole",
            "granularrole",
            "assignedrole",
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
        meaning: "type",
        aliases: &["type", "principaltype", "assigneetype", "nametype"],
        required: false,
    },
    Column {
        meaning: "time of day",
        aliases: assignment::TIME_OF_DAY,
        required: false,
    },
];

/// The report.
pub struct RoleAssignmentAudit;

/// Reads its CSV file.
pub struct RoleAssignmentAuditParser(Table);

impl Report for RoleAssignmentAudit {
    type Parser = RoleAssignmentAuditParser;

    fn describe() -> Description {
        Description {
            name: "role-assignment-audit".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Roles that users and groups were given or lost, and by whom".into(),
            connection: ConnectionKind::Epm,
            source: Product::oracle_epm_cloud(),
            requests: vec!["POST /interop/rest/security/v1/roleassignmentauditreport".into()],
            granularity: Granularity::Day,
            retention_days: Some(RETENTION_DAYS.into()),
            window_days: Some(RETENTION_DAYS.into()),
            parameters: vec![parameters::keep_file()],
            deprecation: None,
        }
    }

    fn plan(request: Request) -> Result<Vec<Fetch>, Fault> {
        let Days { from, to } = Days::of(&request, RETENTION_DAYS)?;
        let file = format!("{}.csv", request.unique_name);
        let form = [
            ("from_date", from.to_string()),
            ("to_date", to.to_string()),
            ("filename", file.clone()),
        ];
        let submit = HttpRequest::post(["interop", "rest", "security", "v1", "roleassignmentauditreport"])
            .body(Body::Form(form.map(|(name, value)| (name.into(), value)).into()));
        Ok(vec![Fetch::Job(Job {
            submit,
            file,
            keep: parameters::keeps_file(&request)?,
        })])
    }

    fn parser(_document: Document) -> Result<RoleAssignmentAuditParser, Fault> {
        Ok(RoleAssignmentAuditParser(Table::new(&COLUMNS)))
    }
}

impl Parse for RoleAssignmentAuditParser {
    fn push(&mut self, chunk: &[u8], batch: &mut Batch) -> Result<(), Fault> {
        self.0.push(chunk, batch, event)
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Fault> {
        self.0.finish(batch, event)
    }
}

/// The change that a row tells of. A word for the action that is not known makes it an event all the same, of the activity `other`
/// with the role as its target, since the report lists nothing but changes.
fn event<'r>(row: Row<'r>) -> Result<Event<'r>, Reason> {
    let name = row.cell(NAME).ok_or("the row names no user or group")?;
    let role = row.cell(ROLE).ok_or("the row names no role")?;
    let action = row.cell(ACTION).ok_or("the row has no action")?;
    let (time, beside) = assignment::time(row, TIME, TIME_OF_DAY)?;
    let kind = row.cell(TYPE);
    let of_group = kind.is_some_and(is_group);
    let (activity, outcome) = match direction(action) {
        Some(Direction::Given) => (Activity::RoleAssign, Outcome::Success),
        Some(Direction::Taken) => (Activity::RoleRevoke, Outcome::Success),
        None => (Activity::Other, Outcome::Unknown),
    };
    let performer = row.cell(PERFORMER).map(Principal::named);
    // Only a role's gain or loss has a place for a group; elsewhere it would be taken for an account.
    let misplaced = of_group && activity == Activity::Other;
    let mut event = match misplaced {
        false if of_group => Event::new(time, activity, outcome, Principal::group(name)),
        false => Event::new(time, activity, outcome, Principal::named(name)),
        true => {
            let subject = performer.clone().unwrap_or_else(|| Principal::named("unknown"));
            Event::new(time, activity, outcome, subject)
        }
    };
    if !of_group {
        event.subject.display_name = display_name(name).map(Into::into);
    }
    event.actor = performer.filter(|_| !misplaced);
    event.target = Some(role.into());
    event.action = Some(action.into());
    event.labels = labels("role", outcome, of_group);
    let placed =
        |column: usize, cell: Option<&'r str>| cell.map(|cell| (row.heading(column).unwrap_or_default(), cell));
    event.attributes = placed(NAME, Some(name).filter(|_| misplaced))
        .into_iter()
        .chain(placed(TYPE, kind))
        .chain(beside)
        .chain(row.unplaced())
        .map(|(heading, cell)| (heading.into(), cell.into()))
        .collect();
    Ok(event)
}

export_report!(RoleAssignmentAudit);

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
        match RoleAssignmentAudit::plan(request)?.pop() {
            Some(Fetch::Job(job)) => Ok(job),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_request_is_a_form_with_both_dates_and_the_files_name() {
        let job = plan(20_157, 20_179, &[]).unwrap();
        assert_eq!(job.submit.method, Method::Post);
        assert_eq!(
            job.submit.path.join("/"),
            "interop/rest/security/v1/roleassignmentauditreport"
        );
        let Some(Body::Form(form)) = job.submit.body else {
            panic!("{:?}", job.submit.body)
        };
        let form: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            form.join("&"),
            "from_date=2025-03-10&to_date=2025-03-31&filename=run-7.csv"
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
    fn a_group_is_told_from_a_user() {
        let (mut parser, mut batch) = (RoleAssignmentAuditParser(Table::new(&COLUMNS)), Batch::default());
        let rows = "Name,Type,Role,Action,Date and Time\nNight shift,EPM Group,Viewer,assigned,2025-07-03 23:34:33\njdoe,User,Viewer,assigned,2025-07-03 23:34:33\n";
        parser.push(rows.as_bytes(), &mut batch).unwrap();
        parser.finish(&mut batch).unwrap();
        let kinds: Vec<_> = batch.events().map(|event| event.subject.kind).collect();
        assert_eq!(kinds, [PrincipalKind::Group, PrincipalKind::User]);
    }

    #[test]
    fn days_that_the_server_would_refuse_are_not_asked_for() {
        assert!(plan(20_100, 20_190, &[]).is_ok());
        assert_eq!(plan(20_099, 20_189, &[]).unwrap_err().kind, FaultKind::InvalidRequest);
    }
}
