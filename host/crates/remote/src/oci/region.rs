//! The places of OCI's services: the regions, the domain of each realm, and the address of a service in a region.
//!
//! The table is that of Oracle's SDKs (`regions_definitions.py` of the Python SDK 2.189.0). A region that is not in it has no
//! known domain, so nothing is composed for it, and no credential goes to a guessed name.

use std::fmt;

use url::Url;

use crate::error::RemoteError;
use crate::one_line::one_line;

/// The domain of a realm, and its regions with their short keys.
type Realm = (&'static str, &'static [(&'static str, &'static str)]);

const REALMS: &[Realm] = &[
    (
        "oraclecloud.com",
        &[
            ("ap-chuncheon-1", "yny"),
            ("ap-hyderabad-1", "hyd"),
            ("ap-melbourne-1", "mel"),
            ("ap-mumbai-1", "bom"),
            ("ap-osaka-1", "kix"),
            ("ap-seoul-1", "icn"),
            ("ap-sydney-1", "syd"),
            ("ap-tokyo-1", "nrt"),
            ("ca-montreal-1", "yul"),
            ("ca-toronto-1", "yyz"),
            ("eu-amsterdam-1", "ams"),
            ("eu-frankfurt-1", "fra"),
            ("eu-zurich-1", "zrh"),
            ("me-jeddah-1", "jed"),
            ("me-dubai-1", "dxb"),
            ("sa-saopaulo-1", "gru"),
            ("uk-cardiff-1", "cwl"),
            ("uk-london-1", "lhr"),
            ("us-ashburn-1", "iad"),
            ("us-phoenix-1", "phx"),
            ("us-sanjose-1", "sjc"),
            ("sa-vinhedo-1", "vcp"),
            ("sa-santiago-1", "scl"),
            ("il-jerusalem-1", "mtz"),
            ("eu-marseille-1", "mrs"),
            ("ap-singapore-1", "sin"),
            ("me-abudhabi-1", "auh"),
            ("eu-milan-1", "lin"),
            ("eu-stockholm-1", "arn"),
            ("af-johannesburg-1", "jnb"),
            ("eu-paris-1", "cdg"),
            ("mx-queretaro-1", "qro"),
            ("eu-madrid-1", "mad"),
            ("us-chicago-1", "ord"),
            ("mx-monterrey-1", "mty"),
            ("us-saltlake-2", "aga"),
            ("sa-bogota-1", "bog"),
            ("sa-valparaiso-1", "vap"),
            ("ap-singapore-2", "xsp"),
            ("me-riyadh-1", "ruh"),
            ("ap-delhi-1", "onm"),
            ("ap-batam-1", "hsg"),
            ("eu-madrid-3", "orf"),
            ("eu-turin-1", "nrq"),
            ("ap-kulai-2", "jbp"),
            ("af-casablanca-1", "lej"),
        ],
    ),
    (
        "oraclegovcloud.com",
        &[
            ("us-langley-1", "lfi"),
            ("us-luke-1", "luf"),
            ("us-gov-ashburn-1", "ric"),
            ("us-gov-chicago-1", "pia"),
            ("us-gov-phoenix-1", "tus"),
        ],
    ),
    (
        "oraclegovcloud.uk",
        &[("uk-gov-london-1", "ltn"), ("uk-gov-cardiff-1", "brs")],
    ),
    ("oraclecloud8.com", &[("ap-chiyoda-1", "nja"), ("ap-ibaraki-1", "ukb")]),
    ("oraclecloud9.com", &[("me-dcc-muscat-1", "mct"), ("me-ibri-1", "ibr")]),
    ("oraclecloud10.com", &[("ap-dcc-canberra-1", "wga")]),
    (
        "oraclecloud14.com",
        &[
            ("eu-dcc-milan-1", "bgy"),
            ("eu-dcc-milan-2", "mxp"),
            ("eu-dcc-dublin-2", "snn"),
            ("eu-dcc-rating-2", "dtm"),
            ("eu-dcc-rating-1", "dus"),
            ("eu-dcc-dublin-1", "ork"),
        ],
    ),
    ("oraclecloud15.com", &[("ap-dcc-gazipur-1", "dac")]),
    ("oraclecloud.eu", &[("eu-madrid-2", "vll"), ("eu-frankfurt-2", "str")]),
    ("oraclecloud20.com", &[("eu-jovanovac-1", "beg")]),
    (
        "oraclecloud21.com",
        &[("me-dcc-doha-1", "doh"), ("me-alrayyan-1", "vve")],
    ),
    ("oraclecloud23.com", &[("us-somerset-1", "ebb"), ("us-thames-1", "ebl")]),
    (
        "oraclecloud24.com",
        &[("eu-dcc-zurich-1", "avz"), ("eu-crissier-1", "avf")],
    ),
    ("oraclecloud26.com", &[("me-abudhabi-3", "ahu"), ("me-alain-1", "rba")]),
    (
        "oraclecloud29.com",
        &[("me-abudhabi-2", "rkt"), ("me-abudhabi-4", "shj")],
    ),
    (
        "oraclecloud35.com",
        &[("ap-seoul-2", "dtz"), ("ap-suwon-1", "dln"), ("ap-chuncheon-2", "bno")],
    ),
    ("oraclecloud42.com", &[("us-ashburn-2", "yxj"), ("us-newark-1", "pgc")]),
    ("oraclecloud51.com", &[("eu-budapest-1", "jsk")]),
    ("oraclecloud52.com", &[("sa-riodejaneiro-1", "hnw")]),
];

/// Services whose names are followed by the region and the realm's domain; between those of all others there is `oci`.
const WITHOUT_OCI: [&str; 2] = ["audit", "auth"];

/// The other services that have evidence, by the first label of their addresses.
const WITH_OCI: [&str; 7] = [
    "cloudguard-cp-api",
    "datasafe",
    "events",
    "identity",
    "loganalytics",
    "logging",
    "streaming",
];

/// A region of OCI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OciRegion {
    name: &'static str,
    domain: &'static str,
}

impl OciRegion {
    /// The region of that name (`eu-frankfurt-1`) or short key (`fra`).
    ///
    /// # Errors
    ///
    /// Where the table has no such region.
    pub fn parse(text: &str) -> Result<OciRegion, RemoteError> {
        let asked = text.trim().to_ascii_lowercase();
        let found = REALMS.iter().find_map(|(domain, regions)| {
            let (name, _) = regions.iter().find(|(name, key)| *name == asked || *key == asked)?;
            Some(OciRegion { name, domain })
        });
        found.ok_or_else(|| {
            RemoteError::settings_hint(
                format!("{:?} is no region of OCI that this version knows", one_line(text, 60)),
                "a region is written as `eu-frankfurt-1` or `fra`; for one that is newer, give the service's address as `url`, \
                 such as https://audit.REGION.oraclecloud.com",
            )
        })
    }

    /// The region's name, as `eu-frankfurt-1`.
    pub fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for OciRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The base address of a service in a region: `https://audit.eu-frankfurt-1.oraclecloud.com`, and
/// `https://logging.eu-frankfurt-1.oci.oraclecloud.com`.
///
/// # Errors
///
/// Where it is not known how the service's address is formed.
pub fn oci_service_url(service: &str, region: OciRegion) -> Result<Url, RemoteError> {
    let OciRegion { name, domain } = region;
    let host = if WITHOUT_OCI.contains(&service) {
        format!("{service}.{name}.{domain}")
    } else if WITH_OCI.contains(&service) {
        format!("{service}.{name}.oci.{domain}")
    } else {
        return Err(RemoteError::settings_hint(
            format!("the address of OCI's service {:?} is not known", one_line(service, 60)),
            "give the service's address as `url`, not its `region`",
        ));
    };
    Url::parse(&format!("https://{host}")).map_err(|error| RemoteError::settings(format!("{host}: {error}")))
}

/// The service of OCI that has this address, and in which region; none for every other address, such as a gateway's.
pub fn oci_service_of(url: &Url) -> Option<(&str, OciRegion)> {
    let (service, place) = url.host_str()?.split_once('.')?;
    let (name, domain) = place.split_once('.')?;
    let region = OciRegion::parse(name).ok().filter(|region| region.name == name)?;
    let known = match domain.strip_prefix("oci.") {
        Some(domain) => domain == region.domain && WITH_OCI.contains(&service),
        None => domain == region.domain && WITHOUT_OCI.contains(&service),
    };
    known.then_some((service, region))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn address(service: &str, region: &str) -> String {
        let region = OciRegion::parse(region).unwrap();
        String::from(oci_service_url(service, region).unwrap())
    }

    #[test]
    fn a_service_has_its_address_in_each_realm() {
        for (service, region, url) in [
            (
                "audit",
                "eu-frankfurt-1",
                "https://audit.eu-frankfurt-1.oraclecloud.com/",
            ),
            (
                "logging",
                "eu-frankfurt-1",
                "https://logging.eu-frankfurt-1.oci.oraclecloud.com/",
            ),
            (
                "identity",
                "us-phoenix-1",
                "https://identity.us-phoenix-1.oci.oraclecloud.com/",
            ),
            ("auth", "iad", "https://auth.us-ashburn-1.oraclecloud.com/"),
            ("audit", "FRA", "https://audit.eu-frankfurt-1.oraclecloud.com/"),
            (
                "audit",
                "us-langley-1",
                "https://audit.us-langley-1.oraclegovcloud.com/",
            ),
            (
                "audit",
                "us-gov-ashburn-1",
                "https://audit.us-gov-ashburn-1.oraclegovcloud.com/",
            ),
            (
                "logging",
                "uk-gov-london-1",
                "https://logging.uk-gov-london-1.oci.oraclegovcloud.uk/",
            ),
            ("audit", "eu-madrid-2", "https://audit.eu-madrid-2.oraclecloud.eu/"),
            ("audit", "ap-chiyoda-1", "https://audit.ap-chiyoda-1.oraclecloud8.com/"),
            (
                "audit",
                "sa-riodejaneiro-1",
                "https://audit.sa-riodejaneiro-1.oraclecloud52.com/",
            ),
        ] {
            assert_eq!(address(service, region), url);
        }
    }

    #[test]
    fn an_address_tells_its_service() {
        for (url, service) in [
            ("https://audit.eu-frankfurt-1.oraclecloud.com", Some("audit")),
            ("https://logging.eu-frankfurt-1.oci.oraclecloud.com/", Some("logging")),
            ("https://logging.uk-gov-london-1.oci.oraclegovcloud.uk", Some("logging")),
            ("https://audit.fra.oraclecloud.com", None),
            ("https://audit.eu-frankfurt-1.oraclegovcloud.com", None),
            ("https://audit.eu-frankfurt-1.oraclecloud.com.evil.example", None),
            ("https://gateway.example/audit", None),
            ("http://127.0.0.1:8080", None),
        ] {
            let url = Url::parse(url).unwrap();
            let found = oci_service_of(&url);
            assert_eq!(found.map(|(service, _)| service), service, "{url}");
            if let Some((service, region)) = found {
                assert_eq!(oci_service_url(service, region).unwrap().host_str(), url.host_str());
            }
        }
    }

    #[test]
    fn no_address_is_composed_of_what_is_not_known() {
        for region in [
            "",
            "eu-frankfurt",
            "mars-north-1",
            "evil.example",
            "eu-frankfurt-1.evil.example",
            "a/b",
            "fra\u{202e}",
        ] {
            let error = OciRegion::parse(region).unwrap_err();
            assert_eq!(error.kind(), base::ErrorKind::Usage);
            assert!(error.hint().unwrap().contains("eu-frankfurt-1"), "{error}");
        }
        let frankfurt = OciRegion::parse("fra").unwrap();
        for service in ["", "Audit", "audit.evil", "evil.example/", "unheard-of"] {
            let error = oci_service_url(service, frankfurt).unwrap_err();
            assert!(error.hint().unwrap().contains("`url`"), "{error}");
        }
    }

    #[test]
    fn each_region_stands_in_the_table_once() {
        let mut seen = HashSet::new();
        for (domain, regions) in REALMS {
            for (name, key) in *regions {
                assert!(seen.insert(*name) && seen.insert(*key), "{domain}: {name} {key}");
                assert_eq!((key.len(), name.split('-').count() >= 3), (3, true), "{name}");
            }
        }
    }
}
