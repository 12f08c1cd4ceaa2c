//! The meaning of events that are not an identity domain's own and so have no event id: they go by their type,
//! `com.oraclecloud.SERVICE.OPERATION`.
//!
//! Sources: the event types that OCI lists for Events and that its benchmark rules and dashboards select, and recorded events.

use plugin_sdk::Activity;

/// The meaning of an operation, which says which members name its parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiOperation {
    /// Somebody signed in or out.
    SignOn(Activity),
    /// The beginning of a federated sign-in, which has an event of its own once it succeeds.
    SignOnAttempt,
    /// An account of the tenancy was changed.
    Account(Activity),
    /// A group of the tenancy was changed.
    Group(Activity),
    /// A user was put into a group of the tenancy, or taken out.
    Membership(Activity),
    /// A policy, an identity provider or another thing that says who may do what.
    Policy,
    /// Any other call of an API.
    Call,
}

/// The service and the operation of an event's type, as the type writes them.
pub fn names(kind: &str) -> (&str, &str) {
    const PREFIX: &str = "com.oraclecloud.";
    let rest = match kind.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => kind.get(PREFIX.len()..).unwrap_or_default(),
        _ => kind,
    };
    rest.split_once('.').unwrap_or(("", rest))
}

/// The meaning of a type and of the name that the event has besides. Cases differ between Oracle's lists and its data, so letters
/// are compared without regard to it.
pub fn read(kind: &str, name: &str) -> ApiOperation {
    let (service, operation) = names(kind);
    let table = [(SIGN_ON_SERVICE, SIGN_ON), (IDENTITY_SERVICE, IDENTITY)];
    let table = table.iter().find(|(known, _)| service.eq_ignore_ascii_case(known));
    let Some((service, table)) = table else {
        // The service of this one is not known.
        return match name.eq_ignore_ascii_case(ACCESS_APP) {
            true => ApiOperation::SignOn(Activity::ApplicationAccess),
            false => ApiOperation::Call,
        };
    };
    let found = (table.iter()).find(|(known, _)| operation.eq_ignore_ascii_case(known));
    match found {
        Some((_, meaning)) => *meaning,
        None if *service == SIGN_ON_SERVICE => ApiOperation::SignOn(Activity::AuthenticationOther),
        None => ApiOperation::Call,
    }
}

/// The activity of a call, with the thing that it was about: by the first word of the operation, else by the request's method. A
/// POST may do anything.
pub fn call(operation: &str, method: &str) -> Activity {
    const WORDS: &[(Activity, &[&str])] = &[
        (
            Activity::ApiRead,
            &[
                "get",
                "list",
                "search",
                "head",
                "summarize",
                "describe",
                "read",
                "download",
                "export",
                "query",
                "validate",
            ],
        ),
        (
            Activity::ApiCreate,
            &[
                "create",
                "add",
                "launch",
                "upload",
                "import",
                "copy",
                "generate",
                "register",
                "provision",
            ],
        ),
        (
            Activity::ApiUpdate,
            &[
                "update",
                "change",
                "modify",
                "patch",
                "put",
                "rename",
                "move",
                "enable",
                "disable",
                "activate",
                "deactivate",
                "start",
                "stop",
                "reset",
                "rotate",
                "restore",
                "attach",
                "detach",
                "remove",
            ],
        ),
        (Activity::ApiDelete, &["delete", "terminate", "purge", "destroy"]),
    ];
    let operation = operation.to_ascii_lowercase();
    let by_word = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| operation.starts_with(word)));
    if let Some((activity, _)) = by_word {
        return *activity;
    }
    match method.to_ascii_uppercase().as_str() {
        "GET" | "HEAD" => Activity::ApiRead,
        "PUT" | "PATCH" => Activity::ApiUpdate,
        "DELETE" => Activity::ApiDelete,
        _ => Activity::ApiOther,
    }
}

/// The pattern that the types of all sign-ons fit, in lower case: those too that have no meaning of their own.
pub fn every_sign_on() -> String {
    format!("com.oraclecloud.{SIGN_ON_SERVICE}.*")
}

/// The name of the operation, in lower case, that is a sign-on whatever the service.
pub const ACCESS_APP: &str = "accessapp";

/// The types that are listed with a meaning of their own, in lower case.
pub fn known_types() -> impl Iterator<Item = String> {
    let of = |service: &'static str, table: &'static [(&'static str, ApiOperation)]| {
        table
            .iter()
            .map(move |(operation, _)| format!("com.oraclecloud.{service}.{operation}"))
    };
    of(SIGN_ON_SERVICE, SIGN_ON).chain(of(IDENTITY_SERVICE, IDENTITY))
}

const SIGN_ON_SERVICE: &str = "identitysignon";

const SIGN_ON: &[(&str, ApiOperation)] = &[
    ("interactivelogin", ApiOperation::SignOn(Activity::Logon)),
    ("federatedinteractivelogin", ApiOperation::SignOn(Activity::Logon)),
    ("federatedinteractiveloginattempt", ApiOperation::SignOnAttempt),
    ("interactivelogout", ApiOperation::SignOn(Activity::Logoff)),
    ("logout", ApiOperation::SignOn(Activity::Logoff)),
    (ACCESS_APP, ApiOperation::SignOn(Activity::ApplicationAccess)),
];

const IDENTITY_SERVICE: &str = "identitycontrolplane";

/// The changes among the operations of the tenancy's identity service; what only reads is a call like any other.
const IDENTITY: &[(&str, ApiOperation)] = &[
    ("createuser", ApiOperation::Account(Activity::AccountCreate)),
    ("createidpuser", ApiOperation::Account(Activity::AccountCreate)),
    ("updateuser", ApiOperation::Account(Activity::AccountUpdate)),
    ("updateusercapabilities", ApiOperation::Account(Activity::AccountUpdate)),
    // The only state that can be set is that the user is no longer blocked.
    ("updateuserstate", ApiOperation::Account(Activity::AccountUnlock)),
    ("deleteuser", ApiOperation::Account(Activity::AccountDelete)),
    ("deleteidpuser", ApiOperation::Account(Activity::AccountDelete)),
    (
        "createorresetuipassword",
        ApiOperation::Account(Activity::PasswordReset),
    ),
    ("createorresetpassword", ApiOperation::Account(Activity::PasswordReset)),
    ("uploadapikey", ApiOperation::Account(Activity::AccountUpdate)),
    ("deleteapikey", ApiOperation::Account(Activity::AccountUpdate)),
    ("createauthtoken", ApiOperation::Account(Activity::AccountUpdate)),
    ("updateauthtoken", ApiOperation::Account(Activity::AccountUpdate)),
    ("deleteauthtoken", ApiOperation::Account(Activity::AccountUpdate)),
    ("createswiftpassword", ApiOperation::Account(Activity::AccountUpdate)),
    ("updateswiftpassword", ApiOperation::Account(Activity::AccountUpdate)),
    ("deleteswiftpassword", ApiOperation::Account(Activity::AccountUpdate)),
    (
        "createcustomersecretkey",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    (
        "updatecustomersecretkey",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    (
        "deletecustomersecretkey",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    ("createsmtpcredential", ApiOperation::Account(Activity::AccountUpdate)),
    ("updatesmtpcredential", ApiOperation::Account(Activity::AccountUpdate)),
    ("deletesmtpcredential", ApiOperation::Account(Activity::AccountUpdate)),
    ("createdbcredential", ApiOperation::Account(Activity::AccountUpdate)),
    ("deletedbcredential", ApiOperation::Account(Activity::AccountUpdate)),
    (
        "createoauthclientcredential",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    (
        "updateoauthclientcredential",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    (
        "deleteoauthclientcredential",
        ApiOperation::Account(Activity::AccountUpdate),
    ),
    ("createmfatotpdevice", ApiOperation::Account(Activity::AccountUpdate)),
    ("activatemfatotpdevice", ApiOperation::Account(Activity::AccountUpdate)),
    ("deletemfatotpdevice", ApiOperation::Account(Activity::AccountUpdate)),
    ("creategroup", ApiOperation::Group(Activity::GroupCreate)),
    ("updategroup", ApiOperation::Group(Activity::GroupUpdate)),
    ("deletegroup", ApiOperation::Group(Activity::GroupDelete)),
    ("createdynamicgroup", ApiOperation::Group(Activity::GroupCreate)),
    ("updatedynamicgroup", ApiOperation::Group(Activity::GroupUpdate)),
    ("deletedynamicgroup", ApiOperation::Group(Activity::GroupDelete)),
    ("addusertogroup", ApiOperation::Membership(Activity::GroupAddMember)),
    (
        "removeuserfromgroup",
        ApiOperation::Membership(Activity::GroupRemoveMember),
    ),
    ("addusertoidpgroup", ApiOperation::Membership(Activity::GroupAddMember)),
    (
        "removeuserfromidpgroup",
        ApiOperation::Membership(Activity::GroupRemoveMember),
    ),
    ("createpolicy", ApiOperation::Policy),
    ("updatepolicy", ApiOperation::Policy),
    ("deletepolicy", ApiOperation::Policy),
    ("createidpgroupmapping", ApiOperation::Policy),
    ("updateidpgroupmapping", ApiOperation::Policy),
    ("deleteidpgroupmapping", ApiOperation::Policy),
    ("createidentityprovider", ApiOperation::Policy),
    ("updateidentityprovider", ApiOperation::Policy),
    ("deleteidentityprovider", ApiOperation::Policy),
    ("createnetworksource", ApiOperation::Policy),
    ("updatenetworksource", ApiOperation::Policy),
    ("deletenetworksource", ApiOperation::Policy),
    ("updateauthenticationpolicy", ApiOperation::Policy),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_a_service_and_an_operation() {
        for (kind, expected) in [
            (
                "com.oraclecloud.virtualNetwork.CreateVcn",
                ("virtualNetwork", "CreateVcn"),
            ),
            (
                "COM.ORACLECLOUD.computeapi.launchinstance.begin",
                ("computeapi", "launchinstance.begin"),
            ),
            ("CreateVcn", ("", "CreateVcn")),
            ("", ("", "")),
        ] {
            assert_eq!(names(kind), expected, "{kind}");
        }
    }

    #[test]
    fn a_types_case_says_nothing() {
        for kind in [
            "com.oraclecloud.IdentitySignOn.InteractiveLogin",
            "com.oraclecloud.identitysignon.interactivelogin",
        ] {
            assert_eq!(read(kind, ""), ApiOperation::SignOn(Activity::Logon), "{kind}");
        }
        assert_eq!(
            read("com.oraclecloud.identityControlPlane.AddUserToGroup", "AddUserToGroup"),
            ApiOperation::Membership(Activity::GroupAddMember)
        );
    }

    #[test]
    fn what_only_reads_is_a_call() {
        for kind in [
            "com.oraclecloud.identityControlPlane.ListUsers",
            "com.oraclecloud.Audit.ListEvents",
            "com.oraclecloud.virtualNetwork.CreateVcn",
            "",
        ] {
            assert_eq!(read(kind, ""), ApiOperation::Call, "{kind}");
        }
    }

    #[test]
    fn a_call_is_told_by_its_name_and_else_by_its_method() {
        for (operation, method, activity) in [
            ("CreateVcn", "POST", Activity::ApiCreate),
            ("LaunchInstance", "POST", Activity::ApiCreate),
            ("ListEvents", "GET", Activity::ApiRead),
            ("SearchLogs", "POST", Activity::ApiRead),
            ("UpdateInstance", "PUT", Activity::ApiUpdate),
            ("AttachVolume", "POST", Activity::ApiUpdate),
            ("TerminateInstance", "DELETE", Activity::ApiDelete),
            ("deletebucket", "", Activity::ApiDelete),
            ("InstanceAction", "POST", Activity::ApiOther),
            ("ScheduleKeyDeletion", "post", Activity::ApiOther),
            ("Bucket", "get", Activity::ApiRead),
            ("Bucket", "PUT", Activity::ApiUpdate),
            ("Bucket", "DELETE", Activity::ApiDelete),
            ("", "", Activity::ApiOther),
        ] {
            assert_eq!(call(operation, method), activity, "{operation} {method}");
        }
    }

    #[test]
    fn every_known_type_is_found_again() {
        assert_eq!(known_types().count(), SIGN_ON.len() + IDENTITY.len());
        for kind in known_types() {
            assert_ne!(read(&kind, ""), ApiOperation::Call, "{kind}");
        }
    }
}
