//! The layout of CSV reports: [`CsvLayout`], and what it is unless a switch says otherwise.

/// The layout of a CSV report. The vendor documents none of it for the Invalid Login Report, and no header for any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvLayout {
    /// The header, of as many columns as the report has; the last is the time.
    pub columns: Vec<String>,
    /// The bytes before the header.
    pub preamble: Preamble,
    /// The style of times.
    pub time: TimeStyle,
    /// True where lines end in CR LF.
    pub crlf: bool,
}

/// The bytes before a CSV header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// No bytes before the table.
    None,
    /// A byte order mark.
    Bom,
    /// A byte order mark and the quoted application identifier on a line of its own.
    Newline,
    /// A byte order mark, the quoted application identifier and a comma.
    Comma,
}

/// The style of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// `July 3, 2025 11:34:33 UTC`, the one form that the vendor's pages show.
    Words,
    /// `2025-07-03T11:34:33Z`
    Iso,
    /// `2025-07-03 11:34:33`
    Space,
    /// `07/03/2025 11:34:33`
    Slash,
    /// Milliseconds since 1970-01-01.
    Epoch,
}

impl CsvLayout {
    pub(super) fn user_login() -> Self {
        Self::bare(&["User Login", "IP Address", "Access Date and Time"]).behind(Preamble::Newline)
    }

    pub(super) fn invalid_login() -> Self {
        Self::bare(&["User Name", "Remote IP Address", "Timestamp"])
    }

    pub(super) fn user_audit() -> Self {
        Self::bare(&["User Name", "IP Address", "Access Date and Time"]).behind(Preamble::Newline)
    }

    /// The columns as the vendor's pages name them, in their order; the header itself is shown nowhere.
    pub(super) fn role_audit() -> Self {
        Self::bare(&["Name", "Type", "Role", "Action", "Performed By", "Date and Time"])
    }

    /// The columns of the role audit as they were before the vendor renamed some: nothing says what kind of principal has the role.
    pub(super) fn old_role_audit() -> Self {
        Self::bare(&["User Name", "Role", "Action", "Administrator", "Date and Time"])
    }

    /// Two of the columns as the vendor's pages name them; the others by what the pages say is in them.
    pub(super) fn group_audit() -> Self {
        Self::bare(&["Name", "Group", "Group Type", "Action", "Performed By", "Date and Time"])
    }

    fn bare(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            preamble: Preamble::None,
            time: TimeStyle::Words,
            crlf: false,
        }
    }

    fn behind(self, preamble: Preamble) -> Self {
        Self { preamble, ..self }
    }
}
