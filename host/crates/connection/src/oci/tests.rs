//! Forms of `auth` for OCI: the principal that each makes, and those that are refused.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const KEY: &str = include_str!("../../../remote/tests/keys/oci.pem");
const ENCRYPTED: &str = include_str!("../../../remote/tests/keys/encrypted.pem");
const FINGERPRINT: &str = "10:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01";

/// A folder with a configuration of OCI's SDKs in it, and a key and a token beside.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(config: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (name, text) in [("config", config), ("key.pem", KEY), ("encrypted.pem", ENCRYPTED)] {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn source(&self) -> ConfigSource {
        ConfigSource {
            path: None,
            folder: self.0.path().to_owned(),
            text: String::new(),
        }
    }

    fn signing(&self, auth: &str, variables: &[(&str, &str)]) -> Result<OciPrincipal, SetupError> {
        let connection = connection("oci", auth);
        let environment = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let signing = signing(Owner::Connection("audit"), &connection, &self.source(), &environment)?;
        Ok(signing.unwrap().principal)
    }

    fn profile(&self, name: &str) -> Result<OciPrincipal, SetupError> {
        self.signing(
            &format!("{{ kind = \"oci-config\", file = \"config\", profile = \"{name}\" }}"),
            &[],
        )
    }
}

fn connection(kind: &str, auth: &str) -> Connection {
    toml::from_str(&format!(
        "kind = \"{kind}\"\nurl = \"https://a.example\"\nauth = {auth}"
    ))
    .unwrap()
}

fn api_key_auth(tenancy: &str, fingerprint: &str) -> String {
    format!(
        "{{ kind = \"oci-api-key\", tenancy = \"{tenancy}\", user = \"ocid1.user.oc1..aaaaexampleuser\", fingerprint = \"{fingerprint}\", \
         private-key = {{ file = \"key.pem\" }} }}"
    )
}

const TENANCY: &str = "ocid1.tenancy.oc1..aaaaexampletenancy";

const CONFIG: &str = "# the default
[DEFAULT]
user = ocid1.user.oc1..aaaaexampleuser
tenancy=ocid1.tenancy.oc1..aaaaexampletenancy
Fingerprint = 10:80:92:AD:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01
key_file=key.pem
region=eu-frankfurt-1
a line that says nothing

[INHERITING]
region = phx
; the session of somebody
[WORK]
security_token_file = sessions/token#1
key_file = key.pem
region = fra
[BOTH]
user = ocid1.user.oc1..aaaaexampleuser
security_token_file = token
[OTHER]
fingerprint = 11:80:92:ad:f2:84:c8:ff:5b:29:c2:e5:b1:df:bd:01
[LOCKED]
key_file = encrypted.pem
pass_phrase = canary-phrase
[GONE]
key_file = nowhere.pem
[FEDERATED]
authentication_type = instance_principal
[ELSEWHERE]
security_token_file = token
region = mars-north-1
";

#[test]
fn a_profile_is_that_of_a_key_or_of_a_session() {
    let folder = Folder::new(CONFIG);
    for name in ["DEFAULT", "INHERITING", "BOTH"] {
        let principal = folder.profile(name).unwrap();
        assert!(matches!(principal, OciPrincipal::ApiKey(_)), "{name}: {principal:?}");
    }
    let OciPrincipal::Session(session) = folder.profile("WORK").unwrap() else {
        panic!("a session")
    };
    assert_eq!(session.token_file, folder.0.path().join("sessions/token#1"));
    assert_eq!(session.region.unwrap().name(), "eu-frankfurt-1");
    assert_eq!(session.profile, "WORK");
}

#[test]
fn what_is_wrong_with_a_profile_is_named_with_the_file() {
    let folder = Folder::new(CONFIG);
    for (name, said, hint) in [
        ("MISSING", "no profile \"MISSING\"", "BOTH, DEFAULT"),
        ("work", "no profile \"work\"", "WORK"),
        ("OTHER", FINGERPRINT, "two API keys"),
        ("LOCKED", "is encrypted", "openssl pkey"),
        ("GONE", "nowhere.pem", "must exist"),
        ("FEDERATED", "another principal", "oci-instance-principal"),
        ("ELSEWHERE", "mars-north-1", "eu-frankfurt-1"),
    ] {
        let error = folder.profile(name).unwrap_err();
        assert!(error.message.contains(said), "{name}: {error}");
        assert!(error.hint.as_ref().unwrap().contains(hint), "{name}: {error:?}");
        assert!(error.message.contains("connections.audit.auth"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
        assert_eq!(error.kind, base::ErrorKind::Usage);
    }
    let empty = Folder::new("");
    assert!(
        empty
            .profile("DEFAULT")
            .unwrap_err()
            .hint
            .unwrap()
            .contains("oci setup config")
    );
    for (config, said) in [
        ("[DEFAULT]\nuser=x", "has no `key_file`"),
        ("[DEFAULT]\nkey_file=key.pem", "has no `tenancy`"),
        ("[DEFAULT]\nkey_file=key.pem\ntenancy=x\nfingerprint=y", "has no `user`"),
        ("[DEFAULT\nuser=canary", "cannot be read"),
    ] {
        let error = Folder::new(config).profile("DEFAULT").unwrap_err();
        assert!(error.message.contains(said), "{config}: {error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn the_file_is_the_one_that_is_named_or_the_user_s() {
    let folder = Folder::new(CONFIG);
    let config = folder.0.path().join("config");
    let named = "{ kind = \"oci-config\" }";
    let of_variable = [("OCI_CONFIG_FILE", config.to_str().unwrap())];
    assert!(folder.signing(named, &of_variable).is_ok());
    std::fs::create_dir(folder.0.path().join(".oci")).unwrap();
    for name in ["config", "key.pem"] {
        std::fs::rename(folder.0.path().join(name), folder.0.path().join(".oci").join(name)).unwrap();
    }
    let home = [("HOME", folder.0.path().to_str().unwrap())];
    assert!(folder.signing(named, &home).is_ok());
    let tilde = "{ kind = \"oci-config\", file = \"~/.oci/config\", profile = \"INHERITING\" }";
    assert!(folder.signing(tilde, &home).is_ok());
    assert!(folder.signing(named, &[]).unwrap_err().message.contains("$HOME"));
    let error = folder.signing(named, &of_variable).unwrap_err();
    assert!(error.message.contains(config.to_str().unwrap()), "{error}");
}

#[test]
fn an_api_key_is_held_against_its_fingerprint() {
    let folder = Folder::new("");
    assert!(folder.signing(&api_key_auth(TENANCY, FINGERPRINT), &[]).is_ok());
    let other = FINGERPRINT.replace("10:", "11:");
    let error = folder.signing(&api_key_auth(TENANCY, &other), &[]).unwrap_err();
    assert!(error.message.contains(FINGERPRINT), "{error}");
    folder.write("key.pem", ENCRYPTED);
    let error = folder.signing(&api_key_auth(TENANCY, FINGERPRINT), &[]).unwrap_err();
    assert!(error.hint.unwrap().contains("openssl pkey"));
}

#[test]
fn only_services_of_oci_are_signed_for() {
    let source = ConfigSource::default();
    let checked = |owner, kind: &str, auth: &str| check(owner, &connection(kind, auth), &source);
    let key = api_key_auth(TENANCY, FINGERPRINT);
    let kinds = [
        "{ kind = \"oci-config\" }",
        "{ kind = \"oci-instance-principal\" }",
        "{ kind = \"oci-resource-principal\" }",
        &key,
    ];
    for auth in kinds {
        for kind in ["oci", "identity-domain"] {
            checked(Owner::Connection("a"), kind, auth).unwrap();
        }
        for kind in ["epm", "http"] {
            let error = checked(Owner::Connection("a"), kind, auth).unwrap_err();
            assert!(
                error.message.contains(&format!("connection a is of kind {kind}")),
                "{error}"
            );
            assert!(error.hint.is_some());
        }
        let mut endpoint = connection("oci", auth);
        endpoint.kind = None;
        let error = check(Owner::Sink("siem"), &endpoint, &source).unwrap_err();
        assert!(error.message.contains("sink siem is none"), "{error}");
    }
    let malformed = checked(Owner::Connection("a"), "oci", &api_key_auth("acme", FINGERPRINT)).unwrap_err();
    assert!(
        malformed.message.contains("the `tenancy` is no OCID of a tenancy"),
        "{malformed}"
    );
}

#[test]
fn the_environment_says_whether_it_is_that_of_a_resource_or_of_a_pod() {
    let folder = Folder::new("");
    let auth = "{ kind = \"oci-resource-principal\" }";
    let version = ("OCI_RESOURCE_PRINCIPAL_VERSION", "2.2");
    let token = ("OCI_RESOURCE_PRINCIPAL_RPST", "/var/run/rpst");
    let key = ("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", KEY);
    let pod = ("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let OciPrincipal::Resource(resource) = folder.signing(auth, &[version, token, key, pod]).unwrap() else {
        panic!("a resource")
    };
    assert!(matches!(resource.token, OciSecret::File(path) if path == Path::new("/var/run/rpst")));
    assert!(matches!(resource.private_key, OciSecret::Text(_)));
    for (host, url) in [
        ("10.96.0.1", "https://10.96.0.1:12250/resourcePrincipalSessionTokens"),
        ("fd00::1", "https://[fd00::1]:12250/resourcePrincipalSessionTokens"),
    ] {
        let workload = folder.signing(auth, &[("KUBERNETES_SERVICE_HOST", host)]).unwrap();
        let OciPrincipal::Workload(workload) = workload else {
            panic!("a pod")
        };
        assert_eq!(workload.issuer.as_str(), url);
    }
    for (variables, said) in [
        (&[][..], "no resource of OCI"),
        (&[token, key], "OCI_RESOURCE_PRINCIPAL_VERSION is \"\""),
        (&[("OCI_RESOURCE_PRINCIPAL_VERSION", "1.1"), token, key], "is \"1.1\""),
        (&[version, token], "PRIVATE_PEM is not set"),
        (
            &[
                version,
                token,
                key,
                ("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE", "canary"),
            ],
            "encrypted",
        ),
        (&[("KUBERNETES_SERVICE_HOST", "user@evil.example")], "is no host"),
        (&[("KUBERNETES_SERVICE_HOST", "evil.example/x?")], "is no host"),
    ] {
        let error = folder.signing(auth, variables).unwrap_err();
        assert!(error.message.contains(said), "{error}");
        assert!(error.hint.is_some() && !format!("{error:?}").contains("canary"));
    }
}

#[test]
fn an_instance_is_asked_at_the_one_address_or_on_this_machine() {
    let folder = Folder::new("");
    let auth = "{ kind = \"oci-instance-principal\" }";
    for (url, taken) in [("http://127.0.0.1:9/opc/v2", true), ("http://10.0.0.1/opc/v2", false)] {
        let outcome = folder.signing(auth, &[("OCI_METADATA_BASE_URL", url)]);
        assert_eq!(outcome.is_ok(), taken, "{url}");
    }
    assert!(folder.signing(auth, &[]).is_ok());
}
