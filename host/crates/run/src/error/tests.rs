use super::*;
use base::SetupError;
use sandbox::{Fault, FaultKind};

#[test]
fn the_own_words_of_an_error_quote_nobody_else() {
    let foreign = || "jdoe from 192.0.2.7".to_owned();
    let label = || "user-login".to_owned();
    let errors = [
        RunError::Plugin(PluginError::Fault(Fault {
            kind: FaultKind::MalformedDocument,
            message: foreign(),
            hint: None,
            code: None,
        })),
        RunError::Plugin(PluginError::Trap {
            label: label(),
            call: "push",
            reason: foreign(),
        }),
        RunError::Plugin(PluginError::InvalidValue {
            label: label(),
            call: "push",
            reason: foreign(),
        }),
        RunError::Plugin(PluginError::Rule {
            label: label(),
            call: "push",
            reason: foreign(),
        }),
        RunError::Plan(PluginError::Load {
            label: label(),
            reason: foreign(),
            hint: None,
        }),
        RunError::Plan(PluginError::Incompatible {
            label: label(),
            reason: foreign(),
            hint: None,
        }),
        RunError::Plan(PluginError::Denied {
            label: label(),
            call: "plan",
            function: foreign(),
        }),
        RunError::Plan(PluginError::NotGranted {
            label: label(),
            request: foreign(),
            allow: Vec::new(),
        }),
        RunError::Plan(PluginError::Engine { reason: foreign() }),
        RunError::Fetch(FetchError::Malformed {
            what: "the query",
            why: foreign(),
        }),
        RunError::Fetch(FetchError::Remote(remote::RemoteError::Malformed { reason: foreign() })),
        RunError::Fetch(FetchError::NoStatus(remote::RemoteError::Interrupted {
            reason: foreign(),
        })),
        RunError::Fetch(FetchError::Refused {
            code: Some(foreign()),
            text: foreign(),
        }),
        RunError::Fetch(FetchError::JobFailed {
            status: 1,
            code: Some(foreign()),
            text: foreign(),
        }),
        RunError::Fetch(FetchError::WebPage {
            connection: "epm".into(),
            what: "the query",
            title: Some(foreign()),
            hint: String::new(),
        }),
        RunError::Fetch(FetchError::NoFile {
            file: foreign(),
            why: foreign(),
            later: false,
        }),
        RunError::Fetch(FetchError::Plan(foreign())),
        RunError::Fetch(FetchError::Checkpoint(foreign().into())),
        RunError::Fetch(FetchError::Spool(std::io::Error::other(foreign()))),
        RunError::Ledger(LedgerError::Document {
            key: foreign(),
            problem: foreign(),
        }),
        RunError::Ledger(LedgerError::Damaged {
            path: "ledger.db".into(),
            problem: foreign(),
        }),
        RunError::Ledger(LedgerError::Internal(foreign())),
        RunError::TooManyRejected(Box::new(TooManyRejected {
            file: Some(foreign()),
            events: 0,
            rejected: 1,
            most: "0%".parse().unwrap(),
            header: Some(foreign()),
            first: None,
            waits: false,
        })),
        RunError::RowsLost {
            rows: 2,
            reason: foreign(),
        },
        RunError::SetAside(std::io::Error::other(foreign())),
        RunError::Spool(std::io::Error::other(foreign())),
        RunError::Internal(foreign()),
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Journal {
                sink: "siem".into(),
                source: foreign().into(),
            },
        },
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Write {
                sink: "siem".into(),
                source: std::io::Error::other(foreign()),
            },
        },
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Remote {
                sink: "siem".into(),
                source: Box::new(remote::RemoteError::Malformed { reason: foreign() }),
            },
        },
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Down {
                reason: foreign(),
                events: 1,
            },
        },
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Shut { reason: foreign() },
        },
        RunError::Sink {
            name: "siem".into(),
            source: SinkError::Unusable {
                sink: "siem".into(),
                problem: foreign(),
                hint: None,
            },
        },
        RunError::Undelivered {
            name: "siem".into(),
            events: 2,
            reason: foreign(),
        },
        RunError::Behind {
            sinks: vec![SinkBehind {
                name: "siem".into(),
                windows: 1,
                since: None,
                reason: Some(foreign()),
            }],
            others: Vec::new(),
            up_to: None,
            arguments: String::new(),
        },
        RunError::Lost {
            sinks: vec![Loss {
                name: "siem".into(),
                events: 2,
                reason: foreign(),
            }],
        },
    ];
    for error in errors {
        let told = SetupError::told(base::ErrorKind::Internal, &error, None).message;
        assert!(told.contains("jdoe"), "{told}");
        let own = error.own_words();
        assert!(!own.is_empty() && !own.contains("jdoe"), "{own}");
    }
    let told = |code: &str| {
        let (code, text) = (Some(code.to_owned()), foreign());
        RunError::Fetch(FetchError::JobFailed { status: 8, code, text }).own_words()
    };
    assert_eq!(
        told("EPMCSS-20679"),
        "the server reports failure, status 8 (EPMCSS-20679)"
    );
    assert_eq!(RunError::Gone.own_words(), RunError::Gone.to_string());
}
