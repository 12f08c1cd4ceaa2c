//! The bytes of reports, from what the desk remembers about them.

use super::archive::pack;
use super::assignments::{group_assignments, role_assignments};
use super::csv_layout::CsvLayout;
use super::desk::{ReportKind, ReportTable};
use super::history::{EventPart, Login};
use super::people::PEOPLE;
use super::site::AppState;
use super::table::{CsvReport, CsvRow};

/// Files of more rows have no known length: finding it out would mean writing them twice.
const COUNTED_ROWS: u64 = 200_000;

/// The User Audit Report has one entry for each user and span of five minutes.
const SPAN: i64 = 5 * 60 * 1000;

type ContentPieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

impl ReportKind {
    /// The vendor's name of the report.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::InvalidLogin => "Invalid Login Report",
            Self::UserLogin => "User Login Report",
            Self::UserAudit => "User Audit Report",
            Self::RoleAudit => "Role Assignment Audit Report",
            Self::GroupAudit => "Group Assignment Audit Report",
        }
    }
}

impl ReportTable {
    /// The logins of a report of logins, made when they are asked for.
    pub(super) fn rows(&self, site: &AppState) -> Box<dyn Iterator<Item = Login> + Send> {
        let logins = |part| site.history.logins(part, self.from, self.to);
        match self.report {
            ReportKind::InvalidLogin => Box::new(logins(EventPart::Failure)),
            ReportKind::RoleAudit | ReportKind::GroupAudit => Box::new(std::iter::empty()),
            ReportKind::UserLogin => {
                let wanted = self.user.clone();
                let fits = move |login: &Login| wanted.as_ref().is_none_or(|user| login.user.to_lowercase() == *user);
                Box::new(logins(EventPart::Login).filter(fits))
            }
            ReportKind::UserAudit => {
                let mut last = [i64::MIN; PEOPLE.len()];
                let first_in_span = move |login: &Login| {
                    let seen = PEOPLE.iter().position(|person| Some(*person) == login.person);
                    let Some(seen) = seen.and_then(|at| last.get_mut(at)) else {
                        return true;
                    };
                    let span = login.time.div_euclid(SPAN);
                    std::mem::replace(seen, span) != span
                };
                Box::new(logins(EventPart::Login).filter(first_in_span))
            }
        }
    }

    /// The bytes, in pieces made when they are asked for.
    pub(super) fn pieces(&self, site: &AppState) -> ContentPieces {
        let scenario = &site.scenario;
        match self.report {
            ReportKind::InvalidLogin => self.packed(site, self.rows(site), &scenario.invalid_login),
            ReportKind::UserLogin => self.packed(site, self.rows(site), &scenario.user_login),
            ReportKind::UserAudit => self.packed(site, self.rows(site), &scenario.user_audit),
            ReportKind::RoleAudit => {
                let rows = role_assignments(site, self.from, self.to);
                self.packed(site, rows, &scenario.role_audit)
            }
            ReportKind::GroupAudit => {
                let rows = group_assignments(site, self.from, self.to);
                self.packed(site, rows, &scenario.group_audit)
            }
        }
    }

    fn packed<R: CsvRow + Send + 'static>(
        &self,
        site: &AppState,
        rows: impl Iterator<Item = R> + Send + 'static,
        layout: &CsvLayout,
    ) -> ContentPieces {
        let mut rows = rows.peekable();
        if site.scenario.empty_reports && rows.peek().is_none() {
            return Box::new(std::iter::empty());
        }
        let csv = Box::new(CsvReport::new(rows, layout, &site.scenario));
        match &self.archive {
            Some((style, name)) => pack(*style, name, csv),
            None => csv,
        }
    }

    /// True where the length is cheap to know.
    pub(super) fn is_small(&self, site: &AppState) -> bool {
        site.history.about(self.from, self.to) <= COUNTED_ROWS
    }

    /// The length in bytes; writes the report once.
    pub(super) fn length(&self, site: &AppState) -> u64 {
        u64::try_from(self.pieces(site).map(|piece| piece.len()).sum::<usize>()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::history::DAY;
    use super::*;

    #[test]
    fn a_user_audit_has_one_row_for_a_user_and_five_minutes() {
        let site = AppState::new("rows=3000".parse().unwrap(), false);
        let from = 20_272 * DAY;
        let table = |report| ReportTable {
            report,
            from,
            to: from + DAY,
            user: None,
            archive: None,
        };
        let span = |login: &Login| (login.user, login.time.div_euclid(SPAN));
        let all: Vec<_> = table(ReportKind::UserLogin).rows(&site).collect();
        let thinned: Vec<_> = table(ReportKind::UserAudit).rows(&site).collect();
        assert_eq!(all.len(), 3000);
        assert!(thinned.len() < all.len());
        let spans: HashSet<_> = all.iter().map(span).collect();
        assert_eq!(thinned.iter().map(span).collect::<HashSet<_>>(), spans);
        assert_eq!(thinned.len(), spans.len());
        assert!(
            thinned.iter().all(|row| all.contains(row)),
            "the same logins as in the other report"
        );
    }

    #[test]
    fn a_user_login_report_can_be_about_one_user() {
        let site = AppState::new("rows=300".parse().unwrap(), false);
        let (from, user) = (20_272 * DAY, Some("zoë.müller@example.com".to_owned()));
        let table = ReportTable {
            report: ReportKind::UserLogin,
            from,
            to: from + DAY,
            user,
            archive: None,
        };
        let users: Vec<_> = table.rows(&site).map(|login| login.user).collect();
        assert!(!users.is_empty() && users.iter().all(|user| *user == "zoë.müller@example.com"));
    }
}
