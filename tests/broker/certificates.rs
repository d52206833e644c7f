//! Certificates made by openssl, and brokers and clients that use them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use amslpr::{
    publish::{ClientCertificate, Tls},
    secret::Secret,
};

use super::Mosquitto;

pub(crate) fn installed() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        println!("openssl is not installed: nothing is tested here (tests/setup.sh)");
    }
    there
}

/// An authority and what it signed.
pub(crate) struct Certificates(tempfile::TempDir);

fn openssl(folder: &Path, args: &[&str]) {
    let made = Command::new("openssl").current_dir(folder).args(args).output().unwrap();
    assert!(made.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&made.stderr));
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

impl Certificates {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.authority("ca");
        made.authority("stranger");
        made.sign("server", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1", true);
        made.sign("expired", "ca", "subjectAltName=DNS:localhost", false);
        made.sign("elsewhere", "ca", "subjectAltName=DNS:other.example", true);
        made.sign("client", "ca", "extendedKeyUsage=clientAuth", true);
        made.sign("old-client", "ca", "extendedKeyUsage=clientAuth", false);
        made.sign("strange-client", "stranger", "extendedKeyUsage=clientAuth", true);
        made
    }

    fn authority(&self, name: &str) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN=Authority {name}");
        let mut args =
            vec!["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &certificate];
        args.extend(KEY);
        openssl(self.0.path(), &args);
    }

    /// A certificate for today, or one that expired in 2020.
    pub(crate) fn sign(&self, name: &str, authority: &str, extension: &str, valid: bool) {
        let folder = self.0.path();
        let file = |ending: &str| format!("{name}.{ending}");
        std::fs::write(folder.join(file("ext")), extension).unwrap();
        let rules = "[ca]\ndefault_ca = us\n[us]\ndatabase = index\nnew_certs_dir = .\nserial = serial\n\
                     default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n";
        std::fs::write(folder.join("rules"), rules).unwrap();
        std::fs::write(folder.join("index"), "").unwrap();
        let (key, request, certificate, more) = (file("key"), file("csr"), file("crt"), file("ext"));
        let subject = format!("/CN={name}");
        let mut args = vec!["req", "-subj", &subject, "-keyout", &key, "-out", &request];
        args.extend(KEY);
        openssl(folder, &args);
        let (ca, ca_key) = (format!("{authority}.crt"), format!("{authority}.key"));
        let mut args = vec!["ca", "-batch", "-notext", "-config", "rules", "-create_serial", "-rand_serial"];
        args.extend([
            "-cert",
            &ca,
            "-keyfile",
            &ca_key,
            "-in",
            &request,
            "-extfile",
            &more,
            "-out",
            &certificate,
        ]);
        args.extend(match valid {
            true => ["-days", "2"].as_slice(),
            false => &["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"],
        });
        openssl(folder, &args);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// mosquitto with this certificate; with `more` for its listener.
    pub(crate) fn broker(&self, certificate: &str, more: &str) -> Option<Mosquitto> {
        let at = |name: &str| self.path(name).display().to_string();
        let listener = format!(
            "cafile {}\ncertfile {}\nkeyfile {}\n{more}",
            at("ca.crt"),
            at(&format!("{certificate}.crt")),
            at(&format!("{certificate}.key"))
        );
        Mosquitto::with("allow_anonymous true\npersistence false", &listener)
    }

    pub(crate) fn tls(&self, authority: &str, client: Option<&str>) -> Tls {
        Tls {
            authorities: self.read(&format!("{authority}.crt")).into_bytes(),
            authorities_from: "/etc/amslpr/ca.crt".to_owned(),
            client: client.map(|name| ClientCertificate {
                certificates: self.read(&format!("{name}.crt")).into_bytes(),
                key: Secret::new(self.read(&format!("{name}.key"))),
            }),
        }
    }
}
