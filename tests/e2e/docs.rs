//! The configuration and the messages that README and docs show are those of the program.

use std::path::Path;

use setup::config::Config;
use simulator::OciDemoUser;
use tests::{Server, TestEnv, stderr, stdout};

use super::desk;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// README and the pages of docs, with their names.
fn pages() -> Vec<(String, String)> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .chain([root().join("README.md")])
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The blocks of configuration on a page. Others in TOML are manifests: of crates, and of plugins, whose keys are in no table.
fn configurations(page: &str) -> Vec<String> {
    let blocks = page.split("\n```toml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("\n```").unwrap().0);
    blocks
        .filter(|block| block.starts_with('[') && !block.starts_with("[package]"))
        // What is left out.
        .map(|block| block.replace('…', "x") + "\n")
        .collect()
}

#[test]
fn every_block_of_configuration_is_accepted() {
    let desk = desk();
    let check = |text: &str| {
        desk.write("host.toml", text);
        let output = desk.host(["config", "check"]).output().unwrap();
        (
            output.status.success(),
            format!("{}{}", stdout(&output), stderr(&output)),
        )
    };
    let mut seen = 0;
    for (name, page) in pages() {
        let blocks = configurations(&page);
        for block in &blocks {
            seen += 1;
            if block.contains(".wasm\"") {
                // The reader's own plugin.
                Config::parse(block).unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
                continue;
            }
            // A route may name what the first block of its page has.
            let (alone, said) = check(block);
            assert!(
                alone || block.contains("[[routes]]") && check(&format!("{}{block}", blocks[0])).0,
                "{name}: {said}\n{block}"
            );
        }
    }
    assert!(seen > 20, "{seen}");
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// The names by which links lead to the headings of a page.
fn anchors(page: &str) -> Vec<String> {
    let page = prose(page);
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
    let is_kept = |sign: &char| sign.is_alphanumeric() || ['-', '_'].contains(sign);
    headings
        .map(|heading| heading.chars().filter(is_kept).collect())
        .collect()
}

#[test]
fn every_link_to_a_page_or_a_heading_leads_somewhere() {
    let (mut seen, mut broken) = (0, Vec::new());
    for (name, page) in pages() {
        let path = Path::new(&name);
        let text = prose(&page);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(link, _)| link)
        {
            if link.starts_with("https://") {
                continue;
            }
            seen += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.to_owned(),
                file => path.with_file_name(file),
            };
            let leads = match (std::fs::read_to_string(&target), heading) {
                (_, "") => target.exists(),
                (Ok(found), heading) => anchors(&found).iter().any(|known| known == heading),
                (Err(_), _) => false,
            };
            if !leads {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(seen > 100, "{seen}");
}

/// A way to go wrong with OCI, by its heading in the guide.
struct Mishap {
    heading: &'static str,
    /// The simulator's scenario.
    scenario: &'static str,
    /// Changes a configuration that would do.
    change: fn(&TestEnv, &OciDemoUser, &str) -> String,
    arguments: &'static [&'static str],
}

const RUN: [&str; 7] = [
    "run",
    "oci-audit",
    "--since",
    "1h",
    "--ledger",
    "none",
    "--param=compartment=ocid1.tenancy.oc1..aaaaaaaasimulatortenancy222222222222222222222222222222222222",
];

/// A run with the configuration that would do, at a server in good order.
const AS_CONFIGURED: Mishap = Mishap {
    heading: "",
    scenario: "",
    change: |_, _, config| config.to_owned(),
    arguments: &RUN,
};

const MISHAPS: &[Mishap] = &[
    Mishap {
        heading: "404: no policy, another compartment, another region",
        scenario: "no-policy",
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "Half of a policy",
        scenario: "no-log-content",
        arguments: &["check", "oci"],
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The domain is in another compartment",
        scenario: "compartment=ocid1.compartment.oc1..aaaaaaaasimulatorapps222222222222222222222222222222222222222",
        change: |desk, _, config| {
            desk.write_secret("client-secret", "demo-secret");
            let url = config.lines().find(|line| line.starts_with("url = ")).unwrap();
            format!(
                "{config}[connections.domain]\nkind = \"identity-domain\"\n{url}\nallow-private-addresses = true\n\
                 auth = {{ kind = \"oauth2-client-credentials\", client-id = \"demo-client\", client-secret = {{ file = \"client-secret\" }} }}\n"
            )
        },
        arguments: &["check", "oci"],
    },
    Mishap {
        heading: "401: the clock",
        scenario: "clock-skew=900",
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "401: the key is not the user's",
        scenario: "oci-user=ocid1.user.oc1..somebodyelse",
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The fingerprint of another key",
        change: |_, user, config| config.replace(&user.fingerprint, "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"),
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "An encrypted key",
        change: |desk, _, config| {
            desk.write_secret(
                "oci.pem",
                include_str!("../../host/crates/remote/tests/keys/encrypted.pem"),
            );
            config.to_owned()
        },
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The public key in place of the private one",
        change: |desk, user, config| {
            desk.write_secret("oci.pem", user.public_key_pem());
            config.to_owned()
        },
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "A key that others may read",
        change: |desk, _, config| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            std::fs::set_permissions(desk.path().join("oci.pem"), mode).unwrap();
            config.to_owned()
        },
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "No such profile",
        change: |desk, user, config| of_profile(desk, user, config, "profile = \"AUDIT\""),
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "No configuration file of OCI",
        change: |desk, user, config| of_profile(desk, user, config, "file = \"/home/jdoe/.oci/config\""),
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The session has ended",
        change: |desk, user, config| {
            // Claims of a token that ended in 2023, and whose session nobody knows.
            desk.write_secret("token", "e30.eyJleHAiOjE3MDAwMDAwMDAsImlhdCI6MTY5OTk5NjQwMH0.e30");
            let url = config.split_once("url = ").unwrap().1.lines().next().unwrap();
            let refresh = url.trim_matches('"').trim_end_matches('/').to_owned() + "/v1/authentication/refresh";
            let config = of_profile(desk, user, config, "file = \".oci/config\"");
            let profile = user
                .config_file("../oci.pem")
                .replace("user=", "security_token_file=../token\n#");
            std::fs::write(desk.path().join(".oci/config"), profile).unwrap();
            format!("{config}token-url = \"{refresh}\"\n")
        },
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "A region that is none",
        change: |_, _, config| {
            let (url, _) = config.split_once("\nallow-private-addresses").unwrap();
            let url = url.split_once("url = ").unwrap().1;
            let config = config.replace("allow-private-addresses = true\n", "");
            config.replace(&format!("url = {url}"), "region = \"eu-franfurt-1\"")
        },
        arguments: &["config", "check"],
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "No compartment",
        arguments: &["run", "oci-audit"],
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The OCID of something else",
        change: |_, _, config| config.replace("auth = ", "compartment = \"ocid1.domain.oc1..aaaa\"\nauth = "),
        arguments: &["config", "check"],
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "The OCID of something else, as a parameter",
        arguments: &["run", "oci-audit", "--param=compartment=ocid1.domain.oc1..aaaa"],
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "Not an instance of OCI",
        change: |_, _, config| with_auth(config, "{ kind = \"oci-instance-principal\" }"),
        ..AS_CONFIGURED
    },
    Mishap {
        heading: "Not a pod, nor a function",
        change: |_, _, config| with_auth(config, "{ kind = \"oci-resource-principal\" }"),
        ..AS_CONFIGURED
    },
];

/// The configuration with another way to sign.
fn with_auth(config: &str, auth: &str) -> String {
    let (before, _) = config.split_once("auth = ").unwrap();
    format!("{before}auth = {auth}\n")
}

/// The configuration with a profile of OCI's configuration file, which has `DEFAULT` alone.
fn of_profile(desk: &TestEnv, user: &OciDemoUser, config: &str, keys: &str) -> String {
    let folder = desk.path().join(".oci");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config"), user.config_file("../oci.pem")).unwrap();
    with_auth(config, &format!("{{ kind = \"oci-config\", {keys} }}"))
}

/// The guide's parts about errors: the heading, the message, and what stands below it.
fn errors(guide: &str) -> Vec<(&str, &str, &str)> {
    let (_, section) = guide.split_once("\n## What a newcomer meets\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let parts = section.split("\n### ").skip(1);
    parts
        .map(|part| {
            let (heading, rest) = part.split_once("\n\n```text\n").unwrap();
            let (message, below) = rest.split_once("\n```\n").unwrap();
            (heading, message, below)
        })
        .collect()
}

#[test]
fn the_guide_to_oci_audit_shows_what_a_newcomer_is_told() {
    let guide = std::fs::read_to_string(root().join("docs/oci-audit.md")).unwrap();
    let errors = errors(&guide);
    for mishap in MISHAPS {
        let heading = mishap.heading;
        let (_, message, below) = errors
            .iter()
            .find(|(known, ..)| *known == heading)
            .unwrap_or_else(|| panic!("the guide has no part {heading:?}"));
        let (desk, server) = (desk(), Server::start(mishap.scenario));
        // The key of the demo user, whoever the server knows.
        let user = simulator::Scenario::default().oci.demo_user();
        desk.write_secret("oci.pem", user.private_key_pem());
        let config = format!(
            "[connections.oci]\nkind = \"oci\"\nurl = \"{}\"\nallow-private-addresses = true\n\
             retry = {{ attempts = 2, min-delay = \"1ms\", max-delay = \"1ms\" }}\n\
             auth = {{ kind = \"oci-api-key\", tenancy = \"{}\", user = \"{}\", fingerprint = \"{}\", private-key = {{ file = \"oci.pem\" }} }}\n",
            server.url(),
            user.tenancy,
            user.user,
            user.fingerprint
        );
        desk.write("host.toml", (mishap.change)(&desk, &user, &config));
        // Nobody answers there.
        let metadata = "http://127.0.0.1:1/opc/v2";
        let output = desk
            .host(mishap.arguments)
            .env("OCI_METADATA_BASE_URL", metadata)
            .output()
            .unwrap();
        let said = format!("{}{}", stdout(&output), stderr(&output));
        for shown in message.lines().flat_map(|line| line.split('…')) {
            assert!(said.contains(shown.trim()), "{heading}: {shown:?} is not in:\n{said}");
        }
        let exit = format!("Exit {}", output.status.code().unwrap());
        assert!(below.contains(&exit), "{heading}: {exit} is not in: {below}");
    }
    assert_eq!(errors.len(), MISHAPS.len(), "each part has a mishap that leads to it");
}
