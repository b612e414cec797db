//! How a role proves who it is.

use super::*;

const BOTH: &[u8] = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
const PLAIN_ONE: &[u8] = b"SCRAM-SHA-256\0\0";

/// Begins a login on such a channel: the first answer to `request`, or why there is none.
fn login(binding: &str, channel: &Channel, request: &[u8]) -> Result<String, String> {
    let mut postgres = postgres_of(&format!("postgres://ann:s3cret@h/db?{binding}"));
    postgres.start_handshake(&mut Vec::new());
    postgres.set_channel(channel.clone());
    let mut out = Vec::new();
    match read_or_fault(&mut postgres, [request], &mut out) {
        Ok(_) => Ok(String::from_utf8_lossy(&out).into_owned()),
        Err(fault) => {
            assert_eq!((fault.error, out.len()), (StoreError::Authentication, 0));
            Err(fault.detail)
        }
    }
}

#[test]
fn a_login_is_bound_to_its_connection_where_both_can() {
    let end_point = Channel::EndPoint(b"the hash".to_vec());
    let odd = Channel::Unbindable("it is odd");
    let (plus, plain) = ("SCRAM-SHA-256-PLUS\0", "SCRAM-SHA-256\0");
    for (binding, channel, offered, mechanism, flag) in [
        ("", &end_point, BOTH, plus, "p=tls-server-end-point,,n=,r="),
        ("channel_binding=prefer", &end_point, BOTH, plus, "p=tls-server-end-point,,n=,r="),
        ("channel_binding=require", &end_point, BOTH, plus, "p=tls-server-end-point,,n=,r="),
        ("channel_binding=disable", &end_point, BOTH, plain, "n,,n=,r="),
        ("channel_binding=disable", &Channel::Plain, BOTH, plain, "n,,n=,r="),
        ("", &end_point, PLAIN_ONE, plain, "y,,n=,r="),
        ("", &odd, BOTH, plain, "n,,n=,r="),
        ("", &Channel::Plain, PLAIN_ONE, plain, "n,,n=,r="),
    ] {
        let first = login(binding, channel, &authentication(10, offered)).unwrap();
        let name = &first[5..5 + mechanism.len()];
        assert_eq!(name, mechanism, "{binding}, {channel:?}");
        assert!(first[5 + mechanism.len() + 4..].starts_with(flag), "{binding}: {first:?}");
    }
}

#[test]
fn a_login_that_must_be_bound_and_cannot_is_refused() {
    let end_point = Channel::EndPoint(b"the hash".to_vec());
    let odd = Channel::Unbindable("it is odd");
    let [both, plain] = [BOTH, PLAIN_ONE].map(|offered| authentication(10, offered));
    for (channel, request, words) in [
        (&end_point, &plain, "does not offer SCRAM-SHA-256-PLUS"),
        (&odd, &both, "it is odd"),
        (&Channel::Plain, &plain, "has no TLS"),
        (&Channel::Plain, &both, "somebody may stand in between"),
        (&end_point, &authentication(0, b""), "the server wants no password"),
        (&end_point, &authentication(3, b""), "in clear text"),
        (&end_point, &authentication(5, b"salt"), "the server wants MD5"),
    ] {
        let detail = login("channel_binding=require", channel, request).unwrap_err();
        assert!(detail.contains(words), "{detail}");
    }
    let detail = login("", &Channel::Plain, &both).unwrap_err();
    assert!(detail.contains("somebody may stand in between"), "{detail}");
}

/// The second message binds what the first one promised (RFC 5802, section 5.1).
#[test]
fn the_proof_of_a_bound_login_repeats_what_it_is_bound_to() {
    let mut postgres = starting();
    postgres.set_channel(Channel::EndPoint(b"the hash".to_vec()));
    let first = sent(&mut postgres, &authentication(10, BOTH));
    let (_, nonce) = first.split_once(",,n=,r=").expect("the client's first message");
    let challenge = authentication(11, format!("r={nonce}x,s=c2FsdA==,i=4").as_bytes());
    let proof = sent(&mut postgres, &challenge);
    // p=tls-server-end-point,,the hash
    assert!(proof.contains("c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsdGhlIGhhc2g=,r="), "{proof}");
}

#[test]
fn a_password_is_proved_with_md5() {
    let mut postgres = postgres_of("postgres://md5_user:password@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    let request = authentication(5, &[0x2a, 0x3d, 0x8f, 0xe0]);
    let sent = sent(&mut postgres, &request);
    assert_eq!(sent, "p\0\0\0\x28md562af4dd09bbb41884907a838a3233294\0");
}

/// A connection in the middle of SCRAM, and the server's first message to it.
fn proving() -> (Postgres, Vec<u8>) {
    let mut postgres = starting();
    let mechanisms = b"SCRAM-SHA-256\0\0";
    let first = sent(&mut postgres, &authentication(10, mechanisms));
    let (_, nonce) = first.split_once("n,,n=,r=").expect("the client's first message");
    let challenge = format!("r={nonce}x,s=c2FsdA==,i=4");
    (postgres, authentication(11, challenge.as_bytes()))
}

#[test]
fn a_server_that_does_not_prove_itself_is_not_trusted() {
    let (mut postgres, challenge) = proving();
    let proof = sent(&mut postgres, &challenge);
    assert!(proof.contains("c=biws,r=") && proof.contains(",p="), "{proof}");
    let forged = authentication(12, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_eq!(read(&mut postgres, [forged.as_slice()]), Err(StoreError::Authentication));
    let skipped = authentication(0, b"");
    let (mut postgres, challenge) = proving();
    sent(&mut postgres, &challenge);
    assert_eq!(read(&mut postgres, [skipped.as_slice()]), Err(StoreError::Authentication));
    let (mut postgres, challenge) = proving();
    sent(&mut postgres, &challenge);
    assert_eq!(read(&mut postgres, [challenge.as_slice()]), Err(StoreError::Authentication));
    for challenge in ["r=other,s=c2FsdA==,i=4", "r=", "", "\u{e9}", "r=x,s=!,i=0"] {
        let (mut postgres, _) = proving();
        let challenge = authentication(11, challenge.as_bytes());
        assert_eq!(read(&mut postgres, [challenge.as_slice()]), Err(StoreError::Authentication));
    }
}

/// Each iteration costs time, and the server says how many: it must not be able to hold us up.
#[test]
fn a_server_cannot_make_the_proof_costly() {
    let (mut postgres, challenge) = proving();
    let mut costly = challenge;
    costly.truncate(costly.len() - 1);
    let costly = authentication(11, &[&costly[9..], b"4000000000"].concat());
    assert_eq!(read(&mut postgres, [costly.as_slice()]), Err(StoreError::Authentication));
}

#[test]
fn a_password_never_goes_out_in_clear_text_nor_into_an_error() {
    let requests = [
        authentication(3, b""),
        authentication(7, b""),
        authentication(9, b""),
        authentication(10, b"OAUTHBEARER\0\0"),
    ];
    for request in requests {
        let (mut postgres, mut out) = (starting(), Vec::new());
        let fault = read_or_fault(&mut postgres, [request.as_slice()], &mut out).unwrap_err();
        assert_eq!((fault.error, out.as_slice()), (StoreError::Authentication, &b""[..]));
        assert!(!fault.detail.contains("s3cret"), "{}", fault.detail);
        assert!(!format!("{postgres:?}").contains("s3cret"));
    }
    let mut postgres = postgres_of("postgres://ann@localhost/db");
    postgres.start_handshake(&mut Vec::new());
    let request = authentication(5, b"salt");
    let fault = read_or_fault(&mut postgres, [request.as_slice()], &mut Vec::new()).unwrap_err();
    assert_eq!(fault.detail, "the server wants a password and --store has none");
}
