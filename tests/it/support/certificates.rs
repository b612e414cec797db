//! Certificates of a test's own, made by the program openssl.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use super::process::Folder;

/// An authority that issues certificates. Its folder is removed when it is dropped.
pub struct Authority {
    folder: Folder,
}

/// A certificate and its key, as files.
pub struct Certificate {
    pub certificate: String,
    pub key: String,
}

impl Certificate {
    /// Settings with which a Redis or a sentinel speaks TLS on `port`.
    pub fn of_redis(&self, port: u16, authority: &Authority) -> [(&'static str, String); 4] {
        [
            ("tls-port", port.to_string()),
            ("tls-cert-file", self.certificate.clone()),
            ("tls-key-file", self.key.clone()),
            ("tls-ca-cert-file", authority.file()),
        ]
    }
}

/// The same settings on a command line.
pub fn flags(settings: &[(&'static str, String)]) -> Vec<String> {
    settings.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]).collect()
}

impl Authority {
    /// A new one.
    pub fn create() -> Authority {
        Authority::create_with(NEW_KEY)
    }

    /// A new one that signs with Ed25519.
    pub fn create_with_ed25519() -> Authority {
        Authority::create_with(&["-newkey", "ed25519", "-nodes"])
    }

    fn create_with(new_key: &[&str]) -> Authority {
        let authority = Authority { folder: Folder::create() };
        // A PostgreSQL reads its files as another user.
        let readable = Permissions::from_mode(0o755);
        fs::set_permissions(authority.folder.path(), readable).expect("the folder is ours");
        let subject = ["-subj", "/CN=an authority of a test", "-days", "2"];
        let files = ["-keyout", &authority.path("ca.key"), "-out", &authority.file()];
        openssl(&[&["req", "-x509"], new_key, &subject, &files].concat());
        authority
    }

    /// Its own certificate, as a file.
    pub fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate for these subjectAltNames that is good for so many days; -1 for one that has
    /// expired. `name` is that of its files.
    pub fn issue(&self, name: &str, alternative_names: &str, days: i32) -> Certificate {
        let [request, extensions] = ["csr", "ext"].map(|end| self.path(&format!("{name}.{end}")));
        let issued = Certificate {
            certificate: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        };
        let subject = ["-subj", &format!("/CN={name}"), "-keyout", &issued.key, "-out", &request];
        openssl(&[&["req"], NEW_KEY, &subject].concat());
        let text = format!("basicConstraints=CA:FALSE\nsubjectAltName={alternative_names}\n");
        fs::write(&extensions, text).expect("the folder is ours");
        let (ca, ca_key) = (self.file(), self.path("ca.key"));
        let issuer = ["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-extfile", &extensions];
        let days = ["-days", &days.to_string(), "-in", &request, "-out", &issued.certificate];
        openssl(&[&["x509", "-req"], &issuer[..], &days].concat());
        issued
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().expect("a temporary folder's path is text").to_owned()
    }
}

const NEW_KEY: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.expect("these tests need openssl (Debian: apt-get install openssl)");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {words}");
}
