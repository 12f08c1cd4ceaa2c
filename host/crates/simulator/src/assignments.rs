//! The rows of EPM Cloud's audit reports on roles and groups: who was given what or put where, and by whom.
//!
//! Most rows are changes that the identity domain's audit events tell of too: a predefined role is given in the domain, and a
//! group of the domain is filled there. EPM Cloud keeps granular roles and groups of its own, of which the domain knows
//! nothing; they stand at the times of changes that are about neither.

use super::chance::pick;
use super::changes::{ChangeTarget, change, subject};
use super::history::{DAY, EventPart, PastEvent};
use super::people::{self, PEOPLE, Person};
use super::scenario::RoleWords;
use super::site::AppState;
use super::table::CsvRow;

const GRANULAR_ROLES: [&str; 5] = [
    "Access Control - Manage",
    "Access Control - View",
    "Approvals - Administer",
    "Mass Allocate",
    "Task List - Access Manager",
];
const EPM_GROUPS: [&str; 4] = [
    "Planning Reviewers",
    "Forecast \"EMEA\", FX",
    "Consolidators",
    "Data Loaders",
];
const IDCS_GROUPS: [&str; 2] = ["EPM Planners", "EPM Viewers"];

/// A row of the Role or the Group Assignment Audit Report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AssignmentRow {
    cells: Vec<String>,
    time: i64,
}

impl CsvRow for AssignmentRow {
    fn cells(&self) -> Vec<String> {
        self.cells.clone()
    }

    fn time(&self) -> i64 {
        self.time
    }
}

/// Roles given and taken from `from` up to but without `to`, in ms.
pub(super) fn role_assignments(
    site: &AppState,
    from: i64,
    to: i64,
) -> impl Iterator<Item = AssignmentRow> + Send + 'static {
    let (words, deleted) = (site.scenario.role_words, site.scenario.deleted_users);
    let (resources, kept) = (site.resources(), domain_data_since(site));
    changes(site, from, to).filter_map(move |occurrence| {
        let about = subject(&occurrence);
        let (name, kind, role) = match change(&occurrence).2 {
            ChangeTarget::Role if occurrence.time >= kept => (shown(about.beneficiary, deleted), "User", about.role),
            ChangeTarget::Nothing => {
                let role = pick(&GRANULAR_ROLES, occurrence.chance >> 12, GRANULAR_ROLES[0]);
                let (name, kind) = holder(&occurrence);
                (name, kind, role)
            }
            _ => return None,
        };
        let (role, verbs) = match words {
            RoleWords::New => (role, ["Assigned", "Unassigned"]),
            RoleWords::Old if role == "User" => ("Planner", ["Assign", "Unassign"]),
            RoleWords::Old => (role, ["Assign", "Unassign"]),
        };
        let kind = (words == RoleWords::New).then_some(kind);
        let verb = verb(&occurrence, verbs);
        let by = resources.actor_login(&occurrence);
        let cells = [name].into_iter().chain(kind).chain([role, verb, by]);
        Some(AssignmentRow {
            cells: cells.map(str::to_owned).collect(),
            time: occurrence.time,
        })
    })
}

/// Members that groups were given and lost from `from` up to but without `to`, in ms.
pub(super) fn group_assignments(
    site: &AppState,
    from: i64,
    to: i64,
) -> impl Iterator<Item = AssignmentRow> + Send + 'static {
    let (resources, kept) = (site.resources(), domain_data_since(site));
    changes(site, from, to).filter_map(move |occurrence| {
        let about = subject(&occurrence);
        let (name, group, kind) = match change(&occurrence).2 {
            ChangeTarget::Member if occurrence.time >= kept => (about.beneficiary.login, about.group, "IDCS Group"),
            ChangeTarget::App => {
                let group = pick(&EPM_GROUPS, occurrence.chance >> 12, EPM_GROUPS[0]);
                (holder(&occurrence).0, group, "EPM Group")
            }
            _ => return None,
        };
        let verb = verb(&occurrence, ["Added", "Removed"]);
        let cells = [name, group, kind, verb, resources.actor_login(&occurrence)];
        Some(AssignmentRow {
            cells: cells.map(str::to_owned).into(),
            time: occurrence.time,
        })
    })
}

fn changes(site: &AppState, from: i64, to: i64) -> impl Iterator<Item = PastEvent> + Send + 'static {
    let history = site.history;
    history.parts(EventPart::Change, history.position_at(from), history.position_at(to))
}

/// The first moment that the identity domain still tells of, in ms.
fn domain_data_since(site: &AppState) -> i64 {
    site.today() - i64::from(site.scenario.retention_days) * DAY
}

/// The holder of a granular role or member of a group of EPM Cloud's own, and the type of it.
fn holder(occurrence: &PastEvent) -> (&'static str, &'static str) {
    let chance = occurrence.chance;
    match (chance >> 44) % 3 {
        0 => (people::person(chance >> 32).login, "User"),
        1 => (pick(&IDCS_GROUPS, chance >> 32, IDCS_GROUPS[0]), "IDCS Group"),
        _ => (pick(&EPM_GROUPS, chance >> 33, EPM_GROUPS[0]), "EPM Group"),
    }
}

/// The first verb for what is given, the other for what is taken.
fn verb(occurrence: &PastEvent, [given, taken]: [&'static str; 2]) -> &'static str {
    let (event, _, about) = change(occurrence);
    let taken_away = match about {
        ChangeTarget::Role | ChangeTarget::Member => event.contains(".remove.") || event.contains(".delete."),
        _ => occurrence.chance >> 46 & 1 == 1,
    };
    if taken_away { taken } else { given }
}

/// The login, or the display name of one who has been deleted since.
fn shown(person: Person, deleted: Option<u64>) -> &'static str {
    let number = PEOPLE.iter().zip(0_u64..).find(|(known, _)| **known == person);
    match (number, deleted) {
        (Some((_, number)), Some(every)) if number.is_multiple_of(every) => person.name,
        _ => person.login,
    }
}
