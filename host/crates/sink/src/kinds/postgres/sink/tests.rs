//! The sink against nobody, and against a server that answers as told.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use event::{Activity, Encoding, Outcome, samples};

fn sink(port: u16, password: Option<&str>, encryption: Option<PostgresTls>) -> PostgresSink {
    let options = PostgresOptions {
        url: PostgresUrl::parse(&format!("postgres://audit@127.0.0.1:{port}/siem")).unwrap(),
        password: password.map(|password| password.to_owned().into()),
        encryption,
        tls: remote::client_tls(None, None).unwrap(),
        table: TableName::default(),
        create_table: false,
        conflict: None,
        encoding: Encoding::Event.into(),
        batch_events: 10,
    };
    PostgresSink::new("db", options, Arc::new(samples::epm()))
}

fn event() -> Event {
    samples::sparse(Activity::Logon, Outcome::Success)
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hanging_up = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let mut sink = sink(port, None, None);
    for _ in 0..2 {
        let verdict = sink.deliver(&[event()]).await.unwrap();
        let address = format!("siem at 127.0.0.1:{port}: ");
        assert!(
            matches!(&verdict, Verdict::Retry { reason, .. } if reason.starts_with(&address)),
            "{verdict:?}"
        );
        assert!(sink.probe().await.is_err());
        hanging_up.abort();
    }
    sink.close().await.unwrap();
    assert!(matches!(sink.deliver(&[event()]).await, Err(SinkError::Ended { .. })));
}

/// The words of a server once it knows who comes.
#[derive(Clone)]
enum Says {
    /// An error: severity is FATAL; the SQLSTATE, the message, and further fields.
    Error(&'static str, String),
    /// Asks for the password as it is, and then repeats it in an error of that SQLSTATE.
    AsksAndRepeats(&'static str),
}

/// A server without TLS. Gives its port, and what whoever came sent after the start.
async fn server(says: Says) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, says.clone(), told.clone()));
        }
    });
    (port, heard)
}

async fn serve(
    mut stream: TcpStream,
    says: Says,
    told: tokio::sync::mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    const SSL_REQUEST: u32 = 80_877_103;
    loop {
        let length = stream.read_u32().await?;
        let code = stream.read_u32().await?;
        let mut rest = vec![0; length as usize - 8];
        stream.read_exact(&mut rest).await?;
        if code != SSL_REQUEST {
            break;
        }
        stream.write_all(b"N").await?;
    }
    let (state, message) = match says {
        Says::Error(state, message) => (state, message),
        Says::AsksAndRepeats(state) => {
            stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
            stream.read_u8().await?;
            let length = stream.read_u32().await?;
            let mut password = vec![0; length as usize - 4];
            stream.read_exact(&mut password).await?;
            let password = String::from_utf8_lossy(&password).trim_end_matches('\0').to_owned();
            let _ = told.send(password.clone());
            (state, format!("{} the password {password} is wrong", "x".repeat(270)))
        }
    };
    let fields = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0n{message}\0\0");
    stream.write_u8(b'E').await?;
    stream.write_u32(fields.len() as u32 + 4).await?;
    stream.write_all(fields.as_bytes()).await?;
    stream.shutdown().await
}

#[tokio::test]
async fn a_state_passes_or_stays_whatever_was_sent() {
    for (state, message, passes) in [
        ("53300", "sorry, too many clients already", true),
        ("57P03", "the database system is starting up", true),
        ("57P03", "the database system is in recovery mode", true),
        ("57P01", "terminating connection due to administrator command", true),
        ("25006", "cannot execute INSERT in a read-only transaction", true),
        ("40001", "could not serialize access due to concurrent update", true),
        ("40P01", "deadlock detected", true),
        ("53100", "could not extend file: No space left on device", true),
        // What PgBouncer says of a server that does not let it in for now.
        ("08P01", "server login has been failing, try again later", true),
        ("XX000", "cache lookup failed for relation 16384", true),
        ("28P01", "password authentication failed for user \"audit\"", false),
        ("28000", "no pg_hba.conf entry for host \"192.0.2.7\"", false),
        ("3D000", "database \"siem\" does not exist", false),
        ("42501", "permission denied for database siem", false),
        ("0A000", "unsupported frontend protocol", false),
    ] {
        let (port, _) = server(Says::Error(state, message.into())).await;
        let verdict = sink(port, None, None).deliver(&[event()]).await.unwrap();
        let (found, reason) = match verdict {
            Verdict::Retry { reason, .. } => (true, reason),
            Verdict::Unusable { reason } => (false, reason),
            other => panic!("{state}: {other:?}"),
        };
        assert_eq!(found, passes, "{reason}");
        assert!(reason.contains(message) && reason.contains(state), "{reason}");
    }
}

#[tokio::test]
async fn a_password_goes_over_tls_only_unless_this_machine_is_trusted_outright() {
    for encryption in [None, Some(PostgresTls::Prefer), Some(PostgresTls::Require)] {
        let (port, mut heard) = server(Says::AsksAndRepeats("28P01")).await;
        let mut sink = sink(port, Some("canary-4711"), encryption);
        let Verdict::Unusable { reason } = sink.deliver(&[event()]).await.unwrap() else {
            panic!("{encryption:?}");
        };
        assert!(reason.contains("does not support TLS"), "{reason}");
        assert_eq!(encryption.is_none(), reason.contains("tls = \"disable\""), "{reason}");
        assert!(heard.try_recv().is_err(), "the password was sent");
    }
    let (port, mut heard) = server(Says::AsksAndRepeats("28P01")).await;
    let mut sink = sink(port, Some("canary-4711"), Some(PostgresTls::Disable));
    sink.deliver(&[event()]).await.unwrap();
    assert_eq!(heard.recv().await.as_deref(), Some("canary-4711"));
}

#[test]
fn no_password_leaves_this_machine_unencrypted() {
    use PostgresTls::{Disable, Prefer, Require};
    for (wanted, has_password, is_local, expected) in [
        (None, true, false, Some(Require)),
        (None, true, true, Some(Require)),
        (None, false, true, Some(Disable)),
        (None, false, false, Some(Require)),
        (Some(Prefer), true, false, Some(Require)),
        (Some(Prefer), true, true, Some(Require)),
        (Some(Prefer), false, false, Some(Prefer)),
        (Some(Disable), true, false, None),
        (Some(Disable), true, true, Some(Disable)),
        (Some(Disable), false, false, Some(Disable)),
    ] {
        let found = session::encryption(wanted, has_password, is_local);
        assert_eq!(found.ok(), expected, "{wanted:?} {has_password} {is_local}");
    }
}

#[tokio::test]
async fn no_password_is_told_that_a_server_repeats() {
    // The last one is about the events, and its constraint would be named.
    for state in ["28P01", "53300", "42P01", "23505"] {
        let (port, _) = server(Says::AsksAndRepeats(state)).await;
        let mut sink = sink(port, Some("canary-4711"), Some(PostgresTls::Disable));
        let told = format!(
            "{:?} {:?}",
            sink.deliver(&[event()]).await.unwrap(),
            sink.probe().await.unwrap_err()
        );
        assert!(!told.contains("canary") && !told.contains("4711"), "{told}");
    }
}
