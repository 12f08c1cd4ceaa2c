//! ECS 9.4.0.

use event::{Activity, Encoding, Outcome};
use schemas::ecs::{problems as check, schema};
use serde_json::{Value, json};

#[test]
fn every_rendering_fits_the_fields() {
    let schema = schema();
    super::assert_sound(Encoding::Ecs, |event| check(&schema, event));
}

#[test]
fn the_check_finds_each_kind_of_fault() {
    let schema = schema();
    let mut line = Vec::new();
    let event = super::full(Activity::RoleAssign, Outcome::Success);
    Encoding::Ecs.write(&event, &super::provenances()[1], &mut line);
    let sound: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(check(&schema, &sound), [""; 0]);
    for (pointer, fault, problem) in [
        ("/user/uid", json!("x"), "user.uid is unknown"),
        ("/session", json!({"id": "x"}), "session.id is unknown"),
        (
            "/event/type",
            json!(["start"]),
            "event.type \"start\" does not go with its category",
        ),
        ("/event/category", json!("iam"), "event.category is no array"),
        (
            "/event/category",
            json!(["login"]),
            "event.category has no value \"login\"",
        ),
        ("/event/outcome", json!("ok"), "event.outcome has no value \"ok\""),
        ("/source/ip", json!("10.xxx"), "source.ip is no \"ip\""),
        ("/related/ip", json!(["10.xxx"]), "related.ip is no \"ip\""),
        ("/@timestamp", json!(0), "@timestamp is no \"date\": 0"),
        ("/ecs/version", json!("8.0.0"), "ecs.version is not \"9.4.0\""),
        ("/user", json!("jdoe"), "user is unknown"),
    ] {
        let mut faulty = sound.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        faulty
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(name.into(), fault);
        let problems = check(&schema, &faulty);
        assert!(
            problems.iter().any(|found| found.starts_with(problem)),
            "{pointer}: {problems:?}"
        );
    }
}
