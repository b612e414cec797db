//! The end of a process while its store is silent: every client is answered, and every number that
//! may be spent has its line.

use serde_json::Value;

use super::{Scene, TAKE, lines_with, on_each_store};
use crate::support::daemon::Daemon;
use crate::support::daemon::is_warning;

#[test]
fn who_cannot_be_answered_before_the_end_is_told_503_and_counted_in_the_log() {
    on_each_store(|kind| {
        let server = kind.start();
        let mut daemon = Daemon::start_with_store(&server.url(), &["--store-timeout", "10000"]);
        server.pause();
        let mut clients = [(); 2].map(|()| daemon.client());
        for client in &mut clients {
            // Once this is answered, the take behind it in the same write was read.
            let alive = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
            client.send(&[alive, TAKE].concat());
            assert_eq!(client.receive().status, 200);
        }
        assert_eq!(daemon.stop().code(), Some(0));
        let answers = clients.map(|mut client| client.try_receive().map(|it| it.status).ok());
        assert_eq!(answers, [Some(503); 2]);
        let log = daemon.log_to_the_end();
        let warnings = log.iter().filter(|line| is_warning(line));
        let unserved: u64 = warnings.filter_map(|line| line["requests"].as_u64()).sum();
        assert_eq!(unserved, 2, "{}", text(&log));
    });
}

#[test]
fn asks_that_have_no_reply_at_the_end_are_counted_in_the_log() {
    on_each_store(|kind| {
        let mut scene = Scene::start(kind, "1000");
        scene.lose(3);
        assert_eq!(scene.daemon.stop().code(), Some(0));
        let lines = lines_with(&scene.daemon, "in doubt");
        let numbers: u64 = lines.iter().filter_map(|line| line["numbers"].as_u64()).sum();
        assert_eq!(numbers, 3, "{}", text(&scene.daemon.log_to_the_end()));
        assert!(lines.iter().all(is_warning));
    });
}

#[test]
fn unclaimed_numbers_are_named_in_the_log_at_the_end() {
    on_each_store(|kind| {
        let mut scene = Scene::start(kind, "1000");
        scene.leave_unclaimed(3);
        assert_eq!(scene.daemon.stop().code(), Some(0));
        let lines = lines_with(&scene.daemon, "number spent");
        let spent: Vec<&Value> = lines.iter().map(|line| &line["request_num"]).collect();
        assert_eq!(spent, [1, 2, 3], "{}", text(&scene.daemon.log_to_the_end()));
        assert!(lines.iter().all(is_warning));
        assert!(lines_with(&scene.daemon, "in doubt").is_empty(), "all had their reply");
    });
}

fn text(log: &[Value]) -> String {
    log.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}
