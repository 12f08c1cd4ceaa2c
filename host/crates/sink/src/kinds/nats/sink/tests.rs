//! The sink against a server that answers as told.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use event::{Activity, Outcome};
use event::{Encoding, samples};

fn sink(url: &str, stream: Option<&str>) -> NatsSink {
    with(url, stream, NatsCredential::None)
}

fn with(url: &str, stream: Option<&str>, auth: NatsCredential) -> NatsSink {
    let options = NatsOptions {
        url: NatsUrl::parse(url).unwrap(),
        credential: auth,
        tls: remote::client_tls(None, None).unwrap(),
        subject: SubjectTemplate::default(),
        stream: stream.map(str::to_owned),
        create_stream: false,
        encoding: Encoding::Event.into(),
        batch_events: 10,
    };
    NatsSink::new("bus", options, Arc::new(samples::epm()))
}

fn event() -> Event {
    samples::sparse(Activity::Logon, Outcome::Success)
}

#[test]
fn an_id_that_no_header_can_carry_becomes_its_digest() {
    assert_eq!(message_id("evt-1"), "evt-1");
    for id in ["", "a b", "x\r\nNats-Rollup: all", "\u{fc}", &"x".repeat(257)] {
        let safe = message_id(id);
        assert_eq!(safe.len(), 64);
        assert!(safe.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut sink = sink(&format!("nats://127.0.0.1:{port}"), None);
    match sink.deliver(&[event()]).await.unwrap() {
        Verdict::Retry { reason, .. } => assert!(
            reason.starts_with(&format!("nats://127.0.0.1:{port}: cannot connect")),
            "{reason}"
        ),
        other => panic!("{other:?}"),
    }
    assert!(sink.probe().await.is_err());
    sink.close().await.unwrap();
    assert!(matches!(sink.deliver(&[event()]).await, Err(SinkError::Ended { .. })));
}

/// The words of a server to whoever signs in or publishes.
#[derive(Clone, Copy)]
enum Says {
    /// To a sign-in, and hangs up.
    AtSignIn(&'static str),
    /// To a message, where it keeps one.
    Answer(&'static str),
    /// A message has no reader, so it is turned away at once.
    NoResponders,
    /// To a message, besides an answer.
    Error(&'static str),
    /// To a message, and hangs up.
    HangsUp,
    /// The limit of messages' length; a longer one is answered with an error, and hung up on.
    MaxPayload(usize),
}

const TAKEN: &str = r#"{"stream":"AUDIT","seq":1}"#;

/// Serves connections, the first as the first of `says` has it and so on, the last one for good. Gives the port.
async fn server(says: &'static [Says]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut turns = says.iter().copied().peekable();
        while let Ok((stream, _)) = listener.accept().await {
            let turn = turns.next_if(|_| true).unwrap_or(says[says.len() - 1]);
            tokio::spawn(serve(stream, turn));
        }
    });
    port
}

async fn serve(stream: TcpStream, says: Says) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let most = if let Says::MaxPayload(most) = says {
        most
    } else {
        1 << 20
    };
    let info = format!(
        r#"INFO {{"server_id":"x","server_name":"x","version":"2.10.1","proto":1,"go":"x","host":"0","port":1,"headers":true,"max_payload":{most},"jetstream":true}}"#
    );
    stream.write_all(format!("{info}\r\n").as_bytes()).await?;
    let mut subscription = String::new();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["PING"] => {
                if let Says::AtSignIn(error) = says {
                    stream.write_all(format!("-ERR '{error}'\r\n").as_bytes()).await?;
                    return Ok(());
                }
                stream.write_all(b"PONG\r\n").await?;
            }
            ["SUB", _, id] => subscription = (*id).to_owned(),
            ["HPUB" | "PUB", _, reply, .., length] => {
                let length: usize = length.parse().unwrap();
                stream.read_exact(&mut vec![0; length + 2]).await?;
                match says {
                    Says::Answer(json) => {
                        let head = format!("MSG {reply} {subscription} {}", json.len());
                        stream.write_all(format!("{head}\r\n{json}\r\n").as_bytes()).await?;
                    }
                    Says::NoResponders => {
                        let head = format!("HMSG {reply} {subscription} 16 16");
                        stream
                            .write_all(format!("{head}\r\nNATS/1.0 503\r\n\r\n\r\n").as_bytes())
                            .await?;
                    }
                    Says::Error(error) => stream.write_all(format!("-ERR '{error}'\r\n").as_bytes()).await?,
                    Says::HangsUp | Says::AtSignIn(_) | Says::MaxPayload(_) => return Ok(()),
                }
            }
            _ => {}
        }
    }
}

async fn verdict(says: &'static [Says]) -> Verdict {
    let port = server(says).await;
    let mut sink = sink(&format!("nats://127.0.0.1:{port}"), None);
    sink.deliver(&[event()]).await.unwrap()
}

#[tokio::test]
async fn what_a_server_says_passes_stays_or_concerns_the_event() {
    use Says::{Answer, AtSignIn, Error, HangsUp, MaxPayload, NoResponders};
    for (says, expected, words) in [
        (&[Answer(TAKEN)][..], "accepted", ""),
        // What is there already is there.
        (
            &[Answer(r#"{"stream":"AUDIT","seq":1,"duplicate":true}"#)],
            "accepted",
            "",
        ),
        (&[NoResponders], "retry", "no stream listens"),
        (
            &[Answer(
                r#"{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}"#,
            )],
            "retry",
            "temporarily",
        ),
        (
            &[Answer(
                r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}"#,
            )],
            "retry",
            "maximum bytes",
        ),
        (
            &[Answer(
                r#"{"error":{"code":500,"err_code":10009,"description":"JetStream cluster can not handle request"}}"#,
            )],
            "retry",
            "cluster",
        ),
        // The same message still is on its way by a connection that broke.
        (
            &[Answer(
                r#"{"error":{"code":409,"err_code":10158,"description":"duplicate message id is in process"}}"#,
            )],
            "retry",
            "in process",
        ),
        (
            &[Answer(
                r#"{"error":{"code":400,"err_code":10109,"description":"invalid operation on sealed stream"}}"#,
            )],
            "unusable",
            "sealed",
        ),
        (
            &[Answer(
                r#"{"error":{"code":400,"err_code":10060,"description":"expected stream does not match"}}"#,
            )],
            "unusable",
            "another stream",
        ),
        (
            &[Answer(
                r#"{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}"#,
            )],
            "rejected",
            "larger than the stream",
        ),
        (&[Answer("hello")], "retry", "not acknowledged"),
        (&[HangsUp], "retry", "not acknowledged"),
        (&[MaxPayload(64)], "rejected", "larger than the server"),
        (
            &[Error(
                r#"Permissions Violation for Publish to "audit.invalid-login.epm""#,
            )],
            "unusable",
            "forbids",
        ),
        (
            &[AtSignIn("Authorization Violation")],
            "unusable",
            "refuses the credential",
        ),
        (
            &[AtSignIn("maximum connections exceeded")],
            "retry",
            "maximum connections",
        ),
        (&[AtSignIn("Account Authentication Expired")], "unusable", "expired"),
        (&[AtSignIn("User Authentication Revoked")], "unusable", "revoked"),
    ] {
        let found = verdict(says).await;
        let (kind, reason) = match found {
            Verdict::Accepted => ("accepted", String::new()),
            Verdict::Retry { reason, .. } => ("retry", reason),
            Verdict::Unusable { reason } => ("unusable", reason),
            Verdict::Rejected(rejections) => ("rejected", rejections[0].reason.clone()),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, expected, "{reason}");
        assert!(reason.to_lowercase().contains(&words.to_lowercase()), "{reason}");
    }
}

#[tokio::test]
async fn a_moment_without_a_leader_costs_no_event() {
    let port = server(&[Says::NoResponders, Says::HangsUp, Says::Answer(TAKEN)]).await;
    let mut sink = sink(&format!("nats://127.0.0.1:{port}"), None);
    for _ in 0..2 {
        let verdict = sink.deliver(&[event()]).await.unwrap();
        assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    }
    assert_eq!(sink.deliver(&[event()]).await.unwrap(), Verdict::Accepted);
}

#[test]
fn a_stream_that_was_there_may_come_back() {
    assert!(matches!(missing("AUDIT", false), ReceiverError::Permanent(_)));
    assert!(matches!(missing("AUDIT", true), ReceiverError::Transient(_)));
}

#[tokio::test]
async fn no_credential_is_told_that_a_server_repeats() {
    let port = server(&[Says::AtSignIn("who are you, canary-4711? SUACANARYSEED eyJCANARY.jwt")]).await;
    let secret = || "canary-4711".to_owned().into();
    let credentials = "-----BEGIN NATS USER JWT-----\neyJCANARY.jwt\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\nSUACANARYSEED\n------END USER NKEY SEED------\n";
    for (auth, hidden) in [
        (
            NatsCredential::User {
                username: "audit".into(),
                password: secret(),
            },
            &["canary-4711"][..],
        ),
        (NatsCredential::Token(secret()), &["canary-4711"]),
        (
            NatsCredential::Credentials(credentials.to_owned().into()),
            &["SUACANARYSEED", "eyJCANARY.jwt"],
        ),
    ] {
        let secrets = auth.secrets();
        let mut sink = with(&format!("nats://127.0.0.1:{port}"), None, auth);
        let told = format!(
            "{:?} {:?}",
            sink.deliver(&[event()]).await.unwrap(),
            sink.probe().await.unwrap_err()
        );
        for secret in hidden {
            assert!(!told.contains(secret), "{told}");
            assert_eq!(secrets.clean(secret), "[redacted]");
        }
    }
}
