//! The hash of a server's certificate to which a login is bound (RFC 5929, section 4).
//!
//! It is made with the hash function of the certificate's own signature. So of all that X.509 is,
//! only the way to the name of that signature is read:
//!
//! ```text
//!   Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm, signature BIT STRING }
//!   AlgorithmIdentifier ::= SEQUENCE { OBJECT IDENTIFIER, parameters ANY OPTIONAL }
//! ```
//!
//! The bytes are the server's: whatever they are, reading ends, and takes no memory.

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

/// The hash; `None` if the signature is of a kind for which none is defined, as Ed25519 is, or if
/// the bytes are no certificate.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let hash = signature_hash(certificate)?;
    Some(digest(hash, certificate).as_ref().to_vec())
}

fn signature_hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    let (fields, _) = element(certificate, SEQUENCE)?;
    let (_, fields) = element(fields, SEQUENCE)?;
    let (algorithm, _) = element(fields, SEQUENCE)?;
    let (name, parameters) = element(algorithm, OBJECT_IDENTIFIER)?;
    match name {
        RSA_PSS => pss_hash(parameters),
        name => SIGNATURES.iter().find(|(known, _)| *known == name).map(|(_, hash)| *hash),
    }
}

/// RSA-PSS names its hash in its parameters, unless it is SHA-1 (RFC 4055, section 3.1).
fn pss_hash(parameters: &[u8]) -> Option<&'static Algorithm> {
    let (fields, _) = element(parameters, SEQUENCE)?;
    let Some((hash, _)) = element(fields, FIRST_FIELD) else {
        return Some(&SHA256);
    };
    let (algorithm, _) = element(hash, SEQUENCE)?;
    let (name, _) = element(algorithm, OBJECT_IDENTIFIER)?;
    HASHES.iter().find(|(known, _)| *known == name).map(|(_, hash)| *hash)
}

/// The content of the element of DER at the start of `bytes`, if it is one of this kind, and what
/// stands behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, bytes) = bytes.split_first()?;
    let (&first, mut bytes) = bytes.split_first()?;
    let mut length = usize::from(first);
    if first & LONG_LENGTH != 0 {
        let count = usize::from(first & !LONG_LENGTH);
        if !(1..=LENGTH_BYTES_MAX).contains(&count) {
            return None;
        }
        let (digits, rest) = bytes.split_at_checked(count)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        bytes = rest;
    }
    bytes.split_at_checked(length).filter(|_| found == tag)
}

// X.690, section 8.1: the tags of these kinds, and of a field that is numbered 0.
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const FIRST_FIELD: u8 = 0xa0;

/// The length is not in this byte, but in as many behind it.
const LONG_LENGTH: u8 = 0x80;

/// Bytes of a length: TLS carries no certificate of more than 2^24 - 1 bytes.
const LENGTH_BYTES_MAX: usize = 3;

/// 1.2.840.113549.1.1.10
const RSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// The signatures that name their hash, and which is used: in the place of MD5 and SHA-1, SHA-256.
const SIGNATURES: [(&[u8], &Algorithm); 9] = [
    // 1.2.840.113549.1.1: RSA with MD5, SHA-1, SHA-256, SHA-384 and SHA-512.
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", &SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", &SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", &SHA256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", &SHA384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", &SHA512),
    // 1.2.840.10045.4: ECDSA with SHA-1, SHA-256, SHA-384 and SHA-512.
    (b"\x2a\x86\x48\xce\x3d\x04\x01", &SHA256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", &SHA256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", &SHA384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", &SHA512),
];

/// 2.16.840.1.101.3.4.2 (SHA-256, SHA-384 and SHA-512), and 1.3.14.3.2.26 (SHA-1).
const HASHES: [(&[u8], &Algorithm); 4] = [
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", &SHA256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", &SHA384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", &SHA512),
    (b"\x2b\x0e\x03\x02\x1a", &SHA256),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The certificate that openssl made with such a signature.
    fn certificate(signature: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/certificates/signatures");
        std::fs::read(format!("{folder}/{signature}.der")).expect("it is there")
    }

    #[test]
    fn a_certificate_is_hashed_as_its_signature_is() {
        for (signature, expected) in [
            ("rsa-md5", Some(&SHA256)),
            ("rsa-sha1", Some(&SHA256)),
            ("rsa-sha256", Some(&SHA256)),
            ("rsa-sha384", Some(&SHA384)),
            ("rsa-sha512", Some(&SHA512)),
            ("pss-sha1", Some(&SHA256)),
            ("pss-sha384", Some(&SHA384)),
            ("ecdsa-sha256", Some(&SHA256)),
            ("ecdsa-sha384", Some(&SHA384)),
            ("ed25519", None),
        ] {
            let bytes = certificate(signature);
            let expected = expected.map(|hash| digest(hash, &bytes).as_ref().to_vec());
            assert_eq!(end_point(&bytes), expected, "{signature}");
        }
    }

    #[test]
    fn whatever_is_cut_or_changed_reading_ends() {
        for signature in ["rsa-sha256", "pss-sha384", "ecdsa-sha384"] {
            let good = certificate(signature);
            for length in 0..good.len() {
                assert_eq!(end_point(&good[..length]), None, "{signature}: {length} bytes");
            }
            let mut random = fastrand::Rng::with_seed(7);
            for _ in 0..20_000 {
                let mut bytes = good.clone();
                for _ in 0..random.usize(1..4) {
                    let index = random.usize(..bytes.len());
                    bytes[index] = random.u8(..);
                }
                end_point(&bytes);
            }
        }
    }

    #[test]
    fn a_length_is_read_in_each_of_its_forms() {
        let rest = b"rest".as_slice();
        for (bytes, expected) in [
            (b"\x30\x01xrest".as_slice(), Some((b"x".as_slice(), rest))),
            (b"\x30\x81\x01xrest", Some((b"x", rest))),
            (b"\x30\x82\x00\x01xrest", Some((b"x", rest))),
            (b"\x30\x83\x00\x00\x01xrest", Some((b"x", rest))),
            (b"\x30\x84\x00\x00\x00\x01xrest", None),
            (b"\x30\xff", None),
            (b"\x30\x80xrest", None),
            (b"\x30\x83\xff\xff\xffx", None),
            (b"\x30\x02x", None),
            (b"\x31\x01x", None),
            (b"\x30", None),
            (b"", None),
        ] {
            assert_eq!(element(bytes, SEQUENCE), expected, "{bytes:?}");
        }
    }
}
