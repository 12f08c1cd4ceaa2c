//! The words of EPM Cloud where it does not write a report, as its documentation has them.

use super::desk::ReportKind;

/// A parameter is missing or makes no sense, with its code.
pub(super) fn insufficient(report: ReportKind) -> String {
    format!(
        "EPMCSS-20679: Failed to generate {}. Invalid or insufficient parameters specified. \
         Provide all required parameters for the REST API. ",
        report.title()
    )
}

/// The caller lacks a role.
pub(super) fn unauthorized(report: ReportKind) -> String {
    format!(
        "Failed to generate {}. Authorization failed. Please provide valid authorized user.",
        report.title()
    )
}

/// The refusal of a report whose file's name is taken.
pub(super) fn exists(report: ReportKind, name: &str) -> String {
    format!(
        "Failed to generate {}. File {name} already exists.Please provide different file name. ",
        report.title()
    )
}
