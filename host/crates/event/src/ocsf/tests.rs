use serde_json::{Value, json};

use super::Ocsf;
use crate::{Activity, Event, Outcome, Principal, Provenance, samples};

fn rendered(event: &Event, provenance: &Provenance) -> Value {
    serde_json::to_value(Ocsf::of(event, provenance)).unwrap()
}

#[test]
fn a_failed_sign_in_of_an_epm_report_is_a_failed_logon() {
    let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
    event.source_ip = Some("198.51.100.4".into());
    event.service = Some("identity-domain".into());
    let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::epm())).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "time": 1741611600000,
      "class_uid": 3002,
      "class_name": "Authentication",
      "category_uid": 3,
      "activity_id": 1,
      "activity_name": "Logon",
      "type_uid": 300201,
      "severity_id": 2,
      "severity": "Low",
      "status_id": 2,
      "status": "Failure",
      "user": {
        "name": "jdoe"
      },
      "src_endpoint": {
        "ip": "198.51.100.4"
      },
      "service": {
        "name": "identity-domain"
      },
      "metadata": {
        "version": "1.8.0",
        "product": {
          "name": "Oracle EPM Cloud",
          "vendor_name": "Oracle"
        },
        "log_name": "invalid-login",
        "log_source": "epm"
      }
    }
    "#);
}

#[test]
fn a_full_logon_places_every_field() {
    let event = samples::full(Activity::Logon, Outcome::Failure);
    let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::domain())).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "time": 1525902954890,
      "class_uid": 3002,
      "class_name": "Authentication",
      "category_uid": 3,
      "activity_id": 1,
      "activity_name": "Logon",
      "type_uid": 300201,
      "severity_id": 2,
      "severity": "Low",
      "status_id": 2,
      "status": "Failure",
      "status_code": "SSO-1001",
      "status_detail": "You entered an incorrect user name or password.",
      "message": "You entered an incorrect user name or password.",
      "user": {
        "name": "jdoe@example.com",
        "uid": "u-17",
        "display_name": "Jane Doe"
      },
      "actor": {
        "user": {
          "name": "admin@example.com",
          "display_name": "Al Admin"
        }
      },
      "src_endpoint": {
        "ip": "203.0.113.7"
      },
      "dst_endpoint": {
        "svc_name": "Service Administrator"
      },
      "service": {
        "name": "SSO"
      },
      "session": {
        "uid": "s-42"
      },
      "http_request": {
        "user_agent": "Mozilla/5.0"
      },
      "metadata": {
        "version": "1.8.0",
        "product": {
          "name": "Oracle Identity Domain",
          "vendor_name": "Oracle"
        },
        "log_name": "audit-events",
        "log_source": "domain",
        "tenant_uid": "acme",
        "uid": "ecaae86c21fc4df69cfaa80448fc9478",
        "event_code": "sso.authentication.failure",
        "labels": [
          "identity",
          "vip"
        ],
        "logged_time": 1525903200000,
        "correlation_uid": "aee4ea660b6b358853e24f8ff598c044"
      },
      "unmapped": {
        "ssoRp": "gate",
        "rId": [
          "0:1",
          "0:2"
        ]
      }
    }
    "#);
}

#[test]
fn a_role_assignment_names_the_role_the_member_and_who_did_it() {
    let event = samples::full(Activity::RoleAssign, Outcome::Success);
    let text = serde_json::to_string_pretty(&Ocsf::of(&event, &samples::domain())).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "time": 1525902954890,
      "class_uid": 3005,
      "class_name": "User Access Management",
      "category_uid": 3,
      "activity_id": 1,
      "activity_name": "Assign Privileges",
      "type_uid": 300501,
      "severity_id": 1,
      "severity": "Informational",
      "status_id": 1,
      "status": "Success",
      "status_code": "SSO-1001",
      "status_detail": "You entered an incorrect user name or password.",
      "message": "You entered an incorrect user name or password.",
      "user": {
        "name": "jdoe@example.com",
        "uid": "u-17",
        "display_name": "Jane Doe"
      },
      "actor": {
        "user": {
          "name": "admin@example.com",
          "display_name": "Al Admin"
        },
        "session": {
          "uid": "s-42"
        }
      },
      "src_endpoint": {
        "ip": "203.0.113.7"
      },
      "http_request": {
        "user_agent": "Mozilla/5.0"
      },
      "privileges": [
        "Service Administrator"
      ],
      "metadata": {
        "version": "1.8.0",
        "product": {
          "name": "Oracle Identity Domain",
          "vendor_name": "Oracle"
        },
        "log_name": "audit-events",
        "log_source": "domain",
        "tenant_uid": "acme",
        "log_provider": "SSO",
        "uid": "ecaae86c21fc4df69cfaa80448fc9478",
        "event_code": "sso.authentication.failure",
        "labels": [
          "identity",
          "vip"
        ],
        "logged_time": 1525903200000
      },
      "unmapped": {
        "ssoRp": "gate",
        "rId": [
          "0:1",
          "0:2"
        ]
      }
    }
    "#);
}

#[test]
fn the_request_of_a_call_has_its_places() {
    let mut event = samples::sparse(Activity::ApiCreate, Outcome::Success);
    event.attributes = samples::request().into();
    event.code = Some("200".into());
    let value = rendered(&event, &samples::domain());
    assert_eq!(value["api"]["request"], json!({"uid": "r-1/2"}));
    assert_eq!(value["api"]["response"], json!({"code": 200}));
    let request = json!({"http_method": "POST", "url": {"path": "/20160918/users"}});
    assert_eq!(value["http_request"], request);
    assert_eq!(value.get("unmapped"), None);

    // A class without a place for calls.
    event.activity = Activity::AccountCreate;
    event.user_agent = Some("Oracle-JavaSDK/3.63.2".into());
    let value = rendered(&event, &samples::domain());
    assert_eq!(
        value["http_request"],
        json!({
            "user_agent": "Oracle-JavaSDK/3.63.2", "http_method": "POST", "url": {"path": "/20160918/users"}, "uid": "r-1/2",
        })
    );
    assert_eq!(value.get("unmapped"), None);
}

#[test]
fn what_the_schema_does_not_take_of_a_request_stays_unmapped() {
    let with = |pairs: &[(&str, &str)], activity| {
        let mut event = samples::sparse(activity, Outcome::Success);
        event.attributes = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let mut line = Vec::new();
        Ocsf::line(&event, &samples::domain(), &mut line);
        let value = rendered(&event, &samples::domain());
        assert_eq!(value, serde_json::from_slice::<Value>(&line).unwrap());
        (value.get("http_request").cloned(), value["unmapped"].clone())
    };
    let odd = [("request_method", "post"), ("request_path", "/a?b=1")];
    assert_eq!(
        with(&odd, Activity::ApiCreate),
        (None, json!({"request_method": "post", "request_path": "/a?b=1"}))
    );
    let twice = [("request_path", "/a"), ("request_path", "/b")];
    assert_eq!(
        with(&twice, Activity::ApiCreate),
        (None, json!({"request_path": ["/a", "/b"]}))
    );
    // An id alone is not said to be one of HTTP.
    let id = [("request_id", "r-1")];
    assert_eq!(with(&id, Activity::Logon), (None, json!({"request_id": "r-1"})));
    let unlisted = [("request_id", "r-1"), ("request_method", "PURGE")];
    assert_eq!(
        with(&unlisted, Activity::AccountUpdate),
        (Some(json!({"uid": "r-1"})), json!({"request_method": "PURGE"}))
    );
}

#[test]
fn every_activity_has_its_class_and_type() {
    let table: Vec<String> = Activity::ALL
        .iter()
        .map(|activity| {
            let event = samples::sparse(*activity, Outcome::Success);
            let provenance = samples::domain();
            let ocsf = Ocsf::of(&event, &provenance);
            format!(
                "{:20} {} {} {}",
                activity.name(),
                ocsf.type_uid,
                ocsf.class_name,
                ocsf.activity_name
            )
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
        logon                300201 Authentication Logon
        logoff               300202 Authentication Logoff
        account-create       300101 Account Change Create
        account-update       300199 Account Change Update
        account-enable       300102 Account Change Enable
        account-disable      300105 Account Change Disable
        account-delete       300106 Account Change Delete
        account-lock         300109 Account Change Lock
        account-unlock       300112 Account Change Unlock
        password-change      300103 Account Change Password Change
        password-reset       300104 Account Change Password Reset
        role-assign          300501 User Access Management Assign Privileges
        role-revoke          300502 User Access Management Revoke Privileges
        group-create         300606 Group Management Create
        group-update         300699 Group Management Update
        group-delete         300605 Group Management Delete
        group-add-member     300603 Group Management Add User
        group-remove-member  300604 Group Management Remove User
        application-access   300299 Authentication Application Access
        authentication-other 300299 Authentication Other
        other                300499 Entity Management Other
        api-create           600301 API Activity Create
        api-read             600302 API Activity Read
        api-update           600303 API Activity Update
        api-delete           600304 API Activity Delete
        api-other            600399 API Activity Other
        "#);
}

#[test]
fn what_is_no_address_is_kept_unmapped() {
    for text in [
        "10.xxx.xxx.x",
        "",
        "localhost",
        "10.0.0.1:443",
        "fe80::1%eth0",
        " 10.0.0.1",
        "010.0.0.1",
    ] {
        let mut event = samples::sparse(Activity::Logon, Outcome::Success);
        event.source_ip = Some(text.into());
        event.attributes = vec![("source_ip".into(), "column".into())];
        let value = rendered(&event, &samples::domain());
        assert_eq!(value.get("src_endpoint"), None, "{text:?}");
        assert_eq!(value["unmapped"]["source_ip"], json!(["column", text]));
    }
}

#[test]
fn an_address_stays_as_written_unless_it_is_too_long_for_the_schema() {
    for (text, written) in [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:0DB8::1", "2001:0DB8::1"),
        (
            "0000:0000:0000:0000:0000:ffff:203.100.113.207",
            "::ffff:203.100.113.207",
        ),
    ] {
        let mut event = samples::sparse(Activity::Logon, Outcome::Success);
        event.source_ip = Some(text.into());
        let value = rendered(&event, &samples::domain());
        assert_eq!(value["src_endpoint"]["ip"], json!(written));
    }
}

#[test]
fn an_activity_without_a_case_in_its_class_takes_the_sources_name() {
    let mut event = samples::sparse(Activity::AuthenticationOther, Outcome::Success);
    assert_eq!(rendered(&event, &samples::domain())["activity_name"], json!("Other"));
    event.action = Some("sso.auth.factor.initiated".into());
    assert_eq!(
        rendered(&event, &samples::domain())["activity_name"],
        json!("sso.auth.factor.initiated")
    );
    event.activity = Activity::Logon;
    assert_eq!(rendered(&event, &samples::domain())["activity_name"], json!("Logon"));
}

#[test]
fn in_classes_without_a_changed_user_the_subject_is_who_did_it() {
    for activity in [
        Activity::GroupCreate,
        Activity::GroupUpdate,
        Activity::GroupDelete,
        Activity::Other,
    ] {
        let mut event = samples::sparse(activity, Outcome::Success);
        event.target = Some("Planners".into());
        assert_eq!(
            rendered(&event, &samples::domain())["actor"]["user"]["name"],
            json!("jdoe")
        );
        event.actor = Some(Principal::named("admin"));
        assert_eq!(
            rendered(&event, &samples::domain())["actor"]["user"]["name"],
            json!("admin")
        );
    }
    let deleted = samples::sparse(Activity::AccountDelete, Outcome::Success);
    assert_eq!(rendered(&deleted, &samples::domain()).get("actor"), None);
}

#[test]
fn a_required_attribute_without_a_source_is_unknown() {
    let role = samples::sparse(Activity::RoleRevoke, Outcome::Success);
    assert_eq!(rendered(&role, &samples::domain())["privileges"], json!(["Unknown"]));
    let group = samples::sparse(Activity::GroupAddMember, Outcome::Success);
    assert_eq!(
        rendered(&group, &samples::domain())["group"],
        json!({"name": "Unknown"})
    );
}

#[test]
fn a_role_of_a_group_is_group_management() {
    for (activity, number, caption) in [
        (Activity::RoleAssign, 1, "Assign Privileges"),
        (Activity::RoleRevoke, 2, "Revoke Privileges"),
    ] {
        let mut event = samples::full(activity, Outcome::Success);
        event.labels = vec!["role".into(), "group".into()];
        let mut line = Vec::new();
        Ocsf::line(&event, &samples::domain(), &mut line);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["class_uid"], 3006);
        assert_eq!(value["class_name"], "Group Management");
        assert_eq!(value["activity_id"], number);
        assert_eq!(value["activity_name"], caption);
        assert_eq!(value["type_uid"], 300_600 + number);
        assert_eq!(value["group"]["name"], "jdoe@example.com");
        assert_eq!(value["privileges"], serde_json::json!(["Service Administrator"]));
        assert!(value.get("user").is_none());
        assert_eq!(value["actor"]["user"]["name"], "admin@example.com");
        assert_eq!(value["unmapped"]["group_id"], "u-17");
        assert_eq!(value["unmapped"]["group_display_name"], "Jane Doe");
    }
}
