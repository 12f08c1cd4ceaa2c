use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Row,
    schema::printer::print_schema,
};

use bytes::Bytes;

use super::*;
use event::{Activity, Encoding, Outcome, samples};

fn rendered(encoding: impl Into<Rendering>, batches: &[&[Event]]) -> Vec<u8> {
    let encoding = &encoding.into();
    let mut out = Vec::new();
    let mut parquet = Parquet::new(Pages::default());
    for events in batches {
        parquet.write(encoding, events, &samples::domain(), &mut out).unwrap();
    }
    parquet.finish(encoding, &samples::domain(), &mut out).unwrap();
    out
}

fn rows(file: Vec<u8>) -> Vec<Row> {
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

#[test]
fn columns_have_types_and_nest() {
    for encoding in Encoding::ALL {
        let reader = SerializedFileReader::new(Bytes::from(rendered(encoding, &[]))).unwrap();
        let mut schema = Vec::new();
        print_schema(&mut schema, reader.metadata().file_metadata().schema());
        let schema = String::from_utf8(schema).unwrap();
        match encoding {
            Encoding::Event => insta::assert_snapshot!(schema, @r#"
        message event {
          OPTIONAL BYTE_ARRAY id (STRING);
          OPTIONAL INT64 time (TIMESTAMP(MILLIS,true));
          OPTIONAL BYTE_ARRAY activity (STRING);
          OPTIONAL BYTE_ARRAY outcome (STRING);
          OPTIONAL BYTE_ARRAY subject (STRING);
          OPTIONAL BYTE_ARRAY subject_id (STRING);
          OPTIONAL BYTE_ARRAY subject_display_name (STRING);
          OPTIONAL BYTE_ARRAY subject_kind (STRING);
          OPTIONAL BYTE_ARRAY actor (STRING);
          OPTIONAL BYTE_ARRAY actor_id (STRING);
          OPTIONAL BYTE_ARRAY actor_display_name (STRING);
          OPTIONAL BYTE_ARRAY actor_kind (STRING);
          OPTIONAL BYTE_ARRAY target (STRING);
          OPTIONAL BYTE_ARRAY source_ip (STRING);
          OPTIONAL BYTE_ARRAY user_agent (STRING);
          OPTIONAL BYTE_ARRAY session (STRING);
          OPTIONAL BYTE_ARRAY service (STRING);
          OPTIONAL BYTE_ARRAY action (STRING);
          OPTIONAL BYTE_ARRAY code (STRING);
          OPTIONAL BYTE_ARRAY message (STRING);
          REQUIRED group labels (LIST) {
            REPEATED group list {
              REQUIRED BYTE_ARRAY element (STRING);
            }
          }
          OPTIONAL BYTE_ARRAY attributes (JSON);
          OPTIONAL BYTE_ARRAY report (STRING);
          OPTIONAL BYTE_ARRAY connection (STRING);
          OPTIONAL BYTE_ARRAY tenant (STRING);
          OPTIONAL INT64 collected (TIMESTAMP(MILLIS,true));
          OPTIONAL BYTE_ARRAY correlation_uid (STRING);
          OPTIONAL BYTE_ARRAY vendor (STRING);
          OPTIONAL BYTE_ARRAY product (STRING);
        }
        "#),
            Encoding::Ocsf => insta::assert_snapshot!(schema, @r#"
        message event {
          OPTIONAL INT64 time (TIMESTAMP(MILLIS,true));
          OPTIONAL INT64 class_uid;
          OPTIONAL BYTE_ARRAY class_name (STRING);
          OPTIONAL INT64 category_uid;
          OPTIONAL INT64 activity_id;
          OPTIONAL BYTE_ARRAY activity_name (STRING);
          OPTIONAL INT64 type_uid;
          OPTIONAL INT64 severity_id;
          OPTIONAL BYTE_ARRAY severity (STRING);
          OPTIONAL INT64 status_id;
          OPTIONAL BYTE_ARRAY status (STRING);
          OPTIONAL BYTE_ARRAY status_code (STRING);
          OPTIONAL BYTE_ARRAY status_detail (STRING);
          OPTIONAL BYTE_ARRAY message (STRING);
          REQUIRED group user {
            OPTIONAL BYTE_ARRAY name (STRING);
            OPTIONAL BYTE_ARRAY uid (STRING);
            OPTIONAL BYTE_ARRAY display_name (STRING);
            OPTIONAL INT64 type_id;
            OPTIONAL BYTE_ARRAY type (STRING);
          }
          REQUIRED group actor {
            REQUIRED group user {
              OPTIONAL BYTE_ARRAY name (STRING);
              OPTIONAL BYTE_ARRAY uid (STRING);
              OPTIONAL BYTE_ARRAY display_name (STRING);
              OPTIONAL INT64 type_id;
              OPTIONAL BYTE_ARRAY type (STRING);
            }
            REQUIRED group session {
              OPTIONAL BYTE_ARRAY uid (STRING);
            }
          }
          REQUIRED group api {
            OPTIONAL BYTE_ARRAY operation (STRING);
            REQUIRED group service {
              OPTIONAL BYTE_ARRAY name (STRING);
            }
            REQUIRED group request {
              OPTIONAL BYTE_ARRAY uid (STRING);
            }
            REQUIRED group response {
              OPTIONAL INT64 code;
            }
          }
          REQUIRED group src_endpoint {
            OPTIONAL BYTE_ARRAY ip (STRING);
            OPTIONAL BYTE_ARRAY svc_name (STRING);
          }
          REQUIRED group dst_endpoint {
            OPTIONAL BYTE_ARRAY svc_name (STRING);
          }
          REQUIRED group service {
            OPTIONAL BYTE_ARRAY name (STRING);
          }
          REQUIRED group session {
            OPTIONAL BYTE_ARRAY uid (STRING);
          }
          REQUIRED group http_request {
            OPTIONAL BYTE_ARRAY user_agent (STRING);
            OPTIONAL BYTE_ARRAY http_method (STRING);
            REQUIRED group url {
              OPTIONAL BYTE_ARRAY path (STRING);
            }
            OPTIONAL BYTE_ARRAY uid (STRING);
          }
          REQUIRED group privileges (LIST) {
            REPEATED group list {
              REQUIRED BYTE_ARRAY element (STRING);
            }
          }
          REQUIRED group group {
            OPTIONAL BYTE_ARRAY name (STRING);
          }
          REQUIRED group entity {
            OPTIONAL BYTE_ARRAY name (STRING);
            OPTIONAL INT64 type_id;
            OPTIONAL BYTE_ARRAY type (STRING);
            REQUIRED group user {
              OPTIONAL BYTE_ARRAY name (STRING);
              OPTIONAL BYTE_ARRAY uid (STRING);
              OPTIONAL BYTE_ARRAY display_name (STRING);
              OPTIONAL INT64 type_id;
              OPTIONAL BYTE_ARRAY type (STRING);
            }
          }
          REQUIRED group resources (LIST) {
            REPEATED group list {
              REQUIRED BYTE_ARRAY element (STRING);
            }
          }
          REQUIRED group metadata {
            OPTIONAL BYTE_ARRAY version (STRING);
            REQUIRED group product {
              OPTIONAL BYTE_ARRAY name (STRING);
              OPTIONAL BYTE_ARRAY vendor_name (STRING);
            }
            OPTIONAL BYTE_ARRAY log_name (STRING);
            OPTIONAL BYTE_ARRAY log_provider (STRING);
            OPTIONAL BYTE_ARRAY uid (STRING);
            OPTIONAL BYTE_ARRAY event_code (STRING);
            REQUIRED group labels (LIST) {
              REPEATED group list {
                REQUIRED BYTE_ARRAY element (STRING);
              }
            }
            OPTIONAL BYTE_ARRAY log_source (STRING);
            OPTIONAL BYTE_ARRAY tenant_uid (STRING);
            OPTIONAL INT64 logged_time (TIMESTAMP(MILLIS,true));
            OPTIONAL BYTE_ARRAY correlation_uid (STRING);
          }
          OPTIONAL BYTE_ARRAY unmapped (JSON);
        }
        "#),
            Encoding::Ecs => insta::assert_snapshot!(schema, @r#"
        message event {
          OPTIONAL INT64 @timestamp (TIMESTAMP(MILLIS,true));
          REQUIRED group ecs {
            OPTIONAL BYTE_ARRAY version (STRING);
          }
          REQUIRED group event {
            OPTIONAL BYTE_ARRAY kind (STRING);
            REQUIRED group category (LIST) {
              REPEATED group list {
                REQUIRED BYTE_ARRAY element (STRING);
              }
            }
            REQUIRED group type (LIST) {
              REPEATED group list {
                REQUIRED BYTE_ARRAY element (STRING);
              }
            }
            OPTIONAL BYTE_ARRAY outcome (STRING);
            OPTIONAL BYTE_ARRAY action (STRING);
            OPTIONAL BYTE_ARRAY code (STRING);
            OPTIONAL BYTE_ARRAY reason (STRING);
            OPTIONAL BYTE_ARRAY id (STRING);
            OPTIONAL BYTE_ARRAY provider (STRING);
            OPTIONAL BYTE_ARRAY module (STRING);
            OPTIONAL BYTE_ARRAY dataset (STRING);
            OPTIONAL INT64 created (TIMESTAMP(MILLIS,true));
            OPTIONAL INT64 ingested (TIMESTAMP(MILLIS,true));
          }
          OPTIONAL BYTE_ARRAY message (STRING);
          REQUIRED group user {
            OPTIONAL BYTE_ARRAY name (STRING);
            OPTIONAL BYTE_ARRAY id (STRING);
            OPTIONAL BYTE_ARRAY full_name (STRING);
            REQUIRED group target {
              OPTIONAL BYTE_ARRAY name (STRING);
              OPTIONAL BYTE_ARRAY id (STRING);
              OPTIONAL BYTE_ARRAY full_name (STRING);
            }
            REQUIRED group changes {
              REQUIRED group roles (LIST) {
                REPEATED group list {
                  REQUIRED BYTE_ARRAY element (STRING);
                }
              }
            }
          }
          REQUIRED group group {
            OPTIONAL BYTE_ARRAY name (STRING);
          }
          REQUIRED group source {
            OPTIONAL BYTE_ARRAY address (STRING);
            OPTIONAL BYTE_ARRAY ip (STRING);
          }
          REQUIRED group user_agent {
            OPTIONAL BYTE_ARRAY original (STRING);
          }
          REQUIRED group http {
            REQUIRED group request {
              OPTIONAL BYTE_ARRAY id (STRING);
              OPTIONAL BYTE_ARRAY method (STRING);
            }
            REQUIRED group response {
              OPTIONAL INT64 status_code;
            }
          }
          REQUIRED group url {
            OPTIONAL BYTE_ARRAY original (STRING);
            OPTIONAL BYTE_ARRAY path (STRING);
          }
          REQUIRED group service {
            OPTIONAL BYTE_ARRAY name (STRING);
            REQUIRED group target {
              OPTIONAL BYTE_ARRAY name (STRING);
            }
          }
          REQUIRED group observer {
            OPTIONAL BYTE_ARRAY vendor (STRING);
            OPTIONAL BYTE_ARRAY product (STRING);
          }
          REQUIRED group cloud {
            REQUIRED group account {
              OPTIONAL BYTE_ARRAY id (STRING);
            }
          }
          REQUIRED group related {
            REQUIRED group user (LIST) {
              REPEATED group list {
                REQUIRED BYTE_ARRAY element (STRING);
              }
            }
            REQUIRED group ip (LIST) {
              REPEATED group list {
                REQUIRED BYTE_ARRAY element (STRING);
              }
            }
          }
          REQUIRED group tags (LIST) {
            REPEATED group list {
              REQUIRED BYTE_ARRAY element (STRING);
            }
          }
          REQUIRED group oracle {
            OPTIONAL BYTE_ARRAY connection (STRING);
            OPTIONAL BYTE_ARRAY correlation_uid (STRING);
            OPTIONAL BYTE_ARRAY session (STRING);
            OPTIONAL BYTE_ARRAY target (STRING);
            OPTIONAL BYTE_ARRAY attributes (JSON);
          }
          REQUIRED group audit {
            OPTIONAL BYTE_ARRAY connection (STRING);
            OPTIONAL BYTE_ARRAY correlation_uid (STRING);
            OPTIONAL BYTE_ARRAY session (STRING);
            OPTIONAL BYTE_ARRAY target (STRING);
            OPTIONAL BYTE_ARRAY attributes (JSON);
          }
        }
        "#),
        }
    }
}

#[test]
fn rows_hold_what_the_events_said() {
    let full = samples::full(Activity::RoleAssign, Outcome::Success);
    let sparse = samples::sparse(Activity::Logon, Outcome::Failure);
    for encoding in Encoding::ALL {
        let rows = rows(rendered(encoding, &[&[full.clone(), sparse.clone()]]));
        let text = rows.iter().map(Row::to_string).collect::<Vec<_>>().join("\n");
        match encoding {
            Encoding::Event => insta::assert_snapshot!(text, @r#"
        {id: "ecaae86c21fc4df69cfaa80448fc9478", time: 2018-05-09 21:55:54.890 +00:00, activity: "role-assign", outcome: "success", subject: "jdoe@example.com", subject_id: "u-17", subject_display_name: "Jane Doe", subject_kind: "user", actor: "admin@example.com", actor_id: null, actor_display_name: "Al Admin", actor_kind: "user", target: "Service Administrator", source_ip: "203.0.113.7", user_agent: "Mozilla/5.0", session: "s-42", service: "SSO", action: "sso.authentication.failure", code: "SSO-1001", message: "You entered an incorrect user name or password.", labels: ["identity", "vip"], attributes: "{"ssoRp":"gate","rId":["0:1","0:2"]}", report: "audit-events", connection: "domain", tenant: "acme", collected: 2018-05-09 22:00:00.000 +00:00, correlation_uid: null, vendor: "Oracle", product: "Oracle Identity Domain"}
        {id: null, time: 2025-03-10 13:00:00.000 +00:00, activity: "logon", outcome: "failure", subject: "jdoe", subject_id: null, subject_display_name: null, subject_kind: "user", actor: null, actor_id: null, actor_display_name: null, actor_kind: null, target: null, source_ip: null, user_agent: null, session: null, service: "idcs-0123.example.com", action: null, code: null, message: null, labels: [], attributes: null, report: "audit-events", connection: "domain", tenant: "acme", collected: null, correlation_uid: null, vendor: "Oracle", product: "Oracle Identity Domain"}
        "#),
            Encoding::Ocsf => insta::assert_snapshot!(text, @r#"
        {time: 2018-05-09 21:55:54.890 +00:00, class_uid: 3005, class_name: "User Access Management", category_uid: 3, activity_id: 1, activity_name: "Assign Privileges", type_uid: 300501, severity_id: 1, severity: "Informational", status_id: 1, status: "Success", status_code: "SSO-1001", status_detail: "You entered an incorrect user name or password.", message: "You entered an incorrect user name or password.", user: {name: "jdoe@example.com", uid: "u-17", display_name: "Jane Doe", type_id: null, type: null}, actor: {user: {name: "admin@example.com", uid: null, display_name: "Al Admin", type_id: null, type: null}, session: {uid: "s-42"}}, api: {operation: null, service: {name: null}, request: {uid: null}, response: {code: null}}, src_endpoint: {ip: "203.0.113.7", svc_name: null}, dst_endpoint: {svc_name: null}, service: {name: null}, session: {uid: null}, http_request: {user_agent: "Mozilla/5.0", http_method: null, url: {path: null}, uid: null}, privileges: ["Service Administrator"], group: {name: null}, entity: {name: null, type_id: null, type: null, user: {name: null, uid: null, display_name: null, type_id: null, type: null}}, resources: [], metadata: {version: "1.8.0", product: {name: "Oracle Identity Domain", vendor_name: "Oracle"}, log_name: "audit-events", log_provider: "SSO", uid: "ecaae86c21fc4df69cfaa80448fc9478", event_code: "sso.authentication.failure", labels: ["identity", "vip"], log_source: "domain", tenant_uid: "acme", logged_time: 2018-05-09 22:00:00.000 +00:00, correlation_uid: null}, unmapped: "{"ssoRp":"gate","rId":["0:1","0:2"]}"}
        {time: 2025-03-10 13:00:00.000 +00:00, class_uid: 3002, class_name: "Authentication", category_uid: 3, activity_id: 1, activity_name: "Logon", type_uid: 300201, severity_id: 2, severity: "Low", status_id: 2, status: "Failure", status_code: null, status_detail: null, message: null, user: {name: "jdoe", uid: null, display_name: null, type_id: null, type: null}, actor: {user: {name: null, uid: null, display_name: null, type_id: null, type: null}, session: {uid: null}}, api: {operation: null, service: {name: null}, request: {uid: null}, response: {code: null}}, src_endpoint: {ip: null, svc_name: null}, dst_endpoint: {svc_name: null}, service: {name: "idcs-0123.example.com"}, session: {uid: null}, http_request: {user_agent: null, http_method: null, url: {path: null}, uid: null}, privileges: [], group: {name: null}, entity: {name: null, type_id: null, type: null, user: {name: null, uid: null, display_name: null, type_id: null, type: null}}, resources: [], metadata: {version: "1.8.0", product: {name: "Oracle Identity Domain", vendor_name: "Oracle"}, log_name: "audit-events", log_provider: null, uid: null, event_code: null, labels: [], log_source: "domain", tenant_uid: "acme", logged_time: null, correlation_uid: null}, unmapped: null}
        "#),
            Encoding::Ecs => insta::assert_snapshot!(text, @r#"
        {@timestamp: 2018-05-09 21:55:54.890 +00:00, ecs: {version: "9.4.0"}, event: {kind: "event", category: ["iam"], type: ["user", "admin", "change"], outcome: "success", action: "sso.authentication.failure", code: "SSO-1001", reason: "You entered an incorrect user name or password.", id: "ecaae86c21fc4df69cfaa80448fc9478", provider: "SSO", module: "oracle", dataset: "oracle.audit_events", created: 2018-05-09 22:00:00.000 +00:00, ingested: 2018-05-09 22:00:00.000 +00:00}, message: "You entered an incorrect user name or password.", user: {name: "admin@example.com", id: null, full_name: "Al Admin", target: {name: "jdoe@example.com", id: "u-17", full_name: "Jane Doe"}, changes: {roles: ["Service Administrator"]}}, group: {name: null}, source: {address: "203.0.113.7", ip: "203.0.113.7"}, user_agent: {original: "Mozilla/5.0"}, http: {request: {id: null, method: null}, response: {status_code: null}}, url: {original: null, path: null}, service: {name: "SSO", target: {name: null}}, observer: {vendor: "Oracle", product: "Oracle Identity Domain"}, cloud: {account: {id: "acme"}}, related: {user: ["jdoe@example.com", "admin@example.com"], ip: ["203.0.113.7"]}, tags: ["identity", "vip"], oracle: {connection: "domain", correlation_uid: null, session: "s-42", target: null, attributes: "{"ssoRp":"gate","rId":["0:1","0:2"]}"}, audit: {connection: null, correlation_uid: null, session: null, target: null, attributes: null}}
        {@timestamp: 2025-03-10 13:00:00.000 +00:00, ecs: {version: "9.4.0"}, event: {kind: "event", category: ["authentication"], type: ["start"], outcome: "failure", action: "logon", code: null, reason: null, id: null, provider: null, module: "oracle", dataset: "oracle.audit_events", created: null, ingested: null}, message: null, user: {name: "jdoe", id: null, full_name: null, target: {name: null, id: null, full_name: null}, changes: {roles: []}}, group: {name: null}, source: {address: null, ip: null}, user_agent: {original: null}, http: {request: {id: null, method: null}, response: {status_code: null}}, url: {original: null, path: null}, service: {name: "idcs-0123.example.com", target: {name: null}}, observer: {vendor: "Oracle", product: "Oracle Identity Domain"}, cloud: {account: {id: "acme"}}, related: {user: ["jdoe"], ip: []}, tags: [], oracle: {connection: "domain", correlation_uid: null, session: null, target: null, attributes: null}, audit: {connection: null, correlation_uid: null, session: null, target: null, attributes: null}}
        "#),
        }
    }
}

#[test]
fn what_a_sink_leaves_out_has_no_column() {
    let paths = ["unmapped.rId", "actor", "src_endpoint"].map(str::to_owned);
    let rendering = Rendering::without(Encoding::Ocsf, &paths).unwrap();
    let full = samples::full(Activity::RoleAssign, Outcome::Success);
    let text = rows(rendered(rendering, &[&[full]]))[0].to_string();
    assert!(!text.contains("actor") && !text.contains("src_endpoint"), "{text}");
    assert!(text.contains(r#"unmapped: "{"ssoRp":"gate"}""#), "{text}");
    assert!(text.contains(r#"session: {uid: null}"#), "{text}");
}

#[test]
fn batches_do_not_show_and_memory_is_bounded_by_a_row_group() {
    let event = |time| Event {
        time,
        labels: vec![time.to_string(); (time % 3) as usize],
        ..samples::sparse(Activity::Logon, Outcome::Failure)
    };
    let events: Vec<_> = (0..GROUP_ROWS as i64 * 2 + 7).map(event).collect();
    let parts: Vec<_> = events.chunks(999).collect();
    let file = rendered(Encoding::Event, &parts);
    assert_eq!(file, rendered(Encoding::Event, &[&events]));
    let reader = SerializedFileReader::new(Bytes::from(file.clone())).unwrap();
    let groups: Vec<_> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .collect();
    assert_eq!(groups, [GROUP_ROWS as i64, GROUP_ROWS as i64, 7]);
    assert_eq!(rows(file).len(), events.len());

    let mut parquet = Parquet::new(Pages::default());
    let large = Event {
        message: Some("x".repeat(1 << 20)),
        ..event(0)
    };
    for _ in 0..20 {
        parquet
            .write(
                &Encoding::Ocsf.into(),
                std::slice::from_ref(&large),
                &samples::domain(),
                &mut Vec::new(),
            )
            .unwrap();
        assert!(parquet.pending() < GROUP_BYTES + (4 << 20));
    }
}

#[test]
fn pages_are_compressed_as_asked() {
    let events = vec![samples::full(Activity::Logon, Outcome::Success); 500];
    for (pages, codec) in [
        (Pages::Plain, Compression::UNCOMPRESSED),
        (Pages::Snappy, Compression::SNAPPY),
        (Pages::Zstd, Compression::ZSTD(ZstdLevel::default())),
    ] {
        let mut out = Vec::new();
        let mut parquet = Parquet::new(pages);
        parquet
            .write(&Encoding::Ocsf.into(), &events, &samples::domain(), &mut out)
            .unwrap();
        parquet
            .finish(&Encoding::Ocsf.into(), &samples::domain(), &mut out)
            .unwrap();
        let reader = SerializedFileReader::new(Bytes::from(out.clone())).unwrap();
        assert_eq!(reader.metadata().row_group(0).column(0).compression(), codec);
        assert_eq!(rows(out).len(), 500);
    }
}
