//! Requests with keys, in flight when their counter goes to another node.

use super::*;
use crate::store::keys::{Key, KeyedNumber};

#[test]
fn keys_go_with_their_request_where_the_counter_goes() {
    for (redirect, is_asked_first) in [(MOVED, false), ("-ASK 99 n2:2\r\n", true)] {
        let mut fixture = Fixture::ready();
        let keys = ["k1", "k2"].map(|name| Key::new(name.as_bytes()).expect("it is a key"));
        let keys = keys.into_iter().collect();
        fixture.nodes.of_mut(B).send(B, 1, keys, false, fixture.now);
        let before = fixture.sent(0);
        assert_eq!(fixture.receive(0, redirect), []);
        fixture.connect(1, "n2:2");
        fixture.receive(1, HELLO);
        assert_eq!(fixture.sent(1).contains("ASKING"), is_asked_first);
        let asked = if is_asked_first { "+OK\r\n" } else { "" };
        fixture.receive(1, &format!("{asked}+found\r\n{asked}{}*0\r\n", granted(1, 0)));
        let again = fixture.sent(1);
        assert!(
            again.ends_with(&before) && before.ends_with("$2\r\nk1\r\n$2\r\nk2\r\n"),
            "{again}"
        );
        let answer = format!("{asked}*6\r\n:3\r\n:1\r\n:9\r\n:5\r\n:1\r\n:2\r\n");
        let grant = Grant { first: 3, granted: 1, limit: 9, epoch: 5 };
        let keyed = [1, 2].map(KeyedNumber::Granted);
        let expected = [(B, Reply::GrantedToKeys(grant, keyed.into()))];
        assert_eq!(fixture.receive(1, &answer), expected);
    }
}
