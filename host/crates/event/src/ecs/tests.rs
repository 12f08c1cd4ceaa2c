use serde_json::{Value, json};

use super::Ecs;
use crate::{Activity, Event, Outcome, Principal, samples};

fn rendered(event: &Event) -> Value {
    serde_json::to_value(Ecs::of(event, &samples::domain())).unwrap()
}

#[test]
fn a_failed_sign_in_of_an_epm_report() {
    let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
    event.source_ip = Some("198.51.100.4".into());
    let text = serde_json::to_string_pretty(&Ecs::of(&event, &samples::epm())).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "@timestamp": "2025-03-10T13:00:00.000Z",
      "ecs": {
        "version": "9.4.0"
      },
      "event": {
        "kind": "event",
        "category": [
          "authentication"
        ],
        "type": [
          "start"
        ],
        "outcome": "failure",
        "action": "logon",
        "module": "oracle",
        "dataset": "oracle.invalid_login"
      },
      "user": {
        "name": "jdoe"
      },
      "source": {
        "address": "198.51.100.4",
        "ip": "198.51.100.4"
      },
      "service": {
        "name": "epm-acme.example.com"
      },
      "observer": {
        "vendor": "Oracle",
        "product": "Oracle EPM Cloud"
      },
      "related": {
        "user": [
          "jdoe"
        ],
        "ip": [
          "198.51.100.4"
        ]
      },
      "oracle": {
        "connection": "epm"
      }
    }
    "#);
}

#[test]
fn a_full_role_assignment_places_every_field() {
    let event = samples::full(Activity::RoleAssign, Outcome::Success);
    let text = serde_json::to_string_pretty(&Ecs::of(&event, &samples::domain())).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "@timestamp": "2018-05-09T21:55:54.890Z",
      "ecs": {
        "version": "9.4.0"
      },
      "event": {
        "kind": "event",
        "category": [
          "iam"
        ],
        "type": [
          "user",
          "admin",
          "change"
        ],
        "outcome": "success",
        "action": "sso.authentication.failure",
        "code": "SSO-1001",
        "reason": "You entered an incorrect user name or password.",
        "id": "ecaae86c21fc4df69cfaa80448fc9478",
        "provider": "SSO",
        "module": "oracle",
        "dataset": "oracle.audit_events",
        "created": "2018-05-09T22:00:00.000Z",
        "ingested": "2018-05-09T22:00:00.000Z"
      },
      "message": "You entered an incorrect user name or password.",
      "user": {
        "name": "admin@example.com",
        "full_name": "Al Admin",
        "target": {
          "name": "jdoe@example.com",
          "id": "u-17",
          "full_name": "Jane Doe"
        },
        "changes": {
          "roles": [
            "Service Administrator"
          ]
        }
      },
      "source": {
        "address": "203.0.113.7",
        "ip": "203.0.113.7"
      },
      "user_agent": {
        "original": "Mozilla/5.0"
      },
      "service": {
        "name": "SSO"
      },
      "observer": {
        "vendor": "Oracle",
        "product": "Oracle Identity Domain"
      },
      "cloud": {
        "account": {
          "id": "acme"
        }
      },
      "related": {
        "user": [
          "jdoe@example.com",
          "admin@example.com"
        ],
        "ip": [
          "203.0.113.7"
        ]
      },
      "tags": [
        "identity",
        "vip"
      ],
      "oracle": {
        "connection": "domain",
        "session": "s-42",
        "attributes": {
          "ssoRp": "gate",
          "rId": [
            "0:1",
            "0:2"
          ]
        }
      }
    }
    "#);
}

#[test]
fn the_request_of_a_call_has_its_places() {
    let mut event = samples::sparse(Activity::ApiCreate, Outcome::Failure);
    event.attributes = samples::request().into();
    event.code = Some("404".into());
    let value = rendered(&event);
    assert_eq!(
        value["http"],
        json!({"request": {"id": "r-1/2", "method": "POST"}, "response": {"status_code": 404}})
    );
    assert_eq!(
        value["url"],
        json!({"original": "/20160918/users", "path": "/20160918/users"})
    );
    assert_eq!(value["event"]["code"], "404");
    assert_eq!(value["oracle"].get("attributes"), None);

    event.attributes = vec![("request_path".into(), "https://h.example/a?b".into())];
    event.code = Some("BadRequest".into());
    let value = rendered(&event);
    assert_eq!(
        (value.get("http"), &value["url"]),
        (None, &json!({"original": "https://h.example/a?b"}))
    );

    // A sign-in's id of a request is not one of HTTP, and its code no status.
    let mut event = samples::sparse(Activity::Logon, Outcome::Success);
    event.attributes = vec![("request_id".into(), "r-1".into())];
    event.code = Some("200".into());
    let value = rendered(&event);
    assert_eq!((value.get("http"), value.get("url")), (None, None));
    assert_eq!(value["oracle"]["attributes"], json!({"request_id": "r-1"}));
}

#[test]
fn a_target_goes_where_its_kind_belongs() {
    for (activity, pointer) in [
        (Activity::RoleRevoke, "/user/changes/roles/0"),
        (Activity::GroupDelete, "/group/name"),
        (Activity::ApplicationAccess, "/service/target/name"),
        (Activity::AccountUpdate, "/oracle/target"),
        (Activity::Other, "/oracle/target"),
    ] {
        let mut event = samples::sparse(activity, Outcome::Success);
        event.target = Some("the target".into());
        assert_eq!(
            rendered(&event).pointer(pointer),
            Some(&json!("the target")),
            "{activity:?}"
        );
    }
}

#[test]
fn a_group_that_gets_a_role_is_no_user() {
    let mut event = samples::sparse(Activity::RoleAssign, Outcome::Success);
    event.subject = Principal::named("Night shift");
    event.subject.id = Some("g9".into());
    event.actor = Some(Principal::named("admin"));
    event.target = Some("Auditor".into());
    event.labels = vec!["role".into(), "group".into()];
    let value = rendered(&event);
    assert_eq!(value["event"]["type"], json!(["group", "admin", "change"]));
    assert_eq!(value["group"], json!({"name": "Night shift"}));
    assert_eq!(value["user"], json!({"name": "admin"}));
    assert_eq!(value["related"], json!({"user": ["admin"]}));
    assert_eq!(value["oracle"]["target"], json!("Auditor"));
    assert_eq!(value["oracle"]["attributes"], json!({"group_id": "g9"}));
    event.actor = None;
    assert_eq!(rendered(&event)["user"], json!({"name": "Unknown"}));
}

#[test]
fn a_masked_address_is_no_ip() {
    let mut event = samples::sparse(Activity::Logon, Outcome::Success);
    event.source_ip = Some("10.xxx.xxx.x".into());
    let value = rendered(&event);
    assert_eq!(value["source"], json!({"address": "10.xxx.xxx.x"}));
    assert_eq!(value["related"], json!({"user": ["jdoe"]}));
}

#[test]
fn without_an_actor_the_subject_is_the_user() {
    let mut event = samples::sparse(Activity::PasswordChange, Outcome::Success);
    assert_eq!(rendered(&event)["user"], json!({"name": "jdoe"}));
    event.actor = Some(Principal::named("admin"));
    assert_eq!(
        rendered(&event)["user"],
        json!({"name": "admin", "target": {"name": "jdoe"}})
    );
    assert_eq!(rendered(&event)["related"]["user"], json!(["jdoe", "admin"]));
}
