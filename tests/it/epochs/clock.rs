//! Two processes that begin with the same uptime: the store must tell them apart all the same.

use std::fs;
use std::process::Command;

use super::{first_number, on_each_store};
use crate::support::daemon::Daemon;
use crate::support::process::Folder;

const SOURCE: &str = include_str!("frozen_clock.c");

#[test]
fn processes_with_the_same_uptime_are_not_given_each_others_numbers() {
    on_each_store(|kind| {
        let folder = Folder::create();
        let library = build(&folder);
        let release = folder.path().join("release").display().to_string();
        let environment = [("LD_PRELOAD", library.as_str()), ("FROZEN_UNTIL", release.as_str())];
        let server = kind.start();
        let url = server.url();
        let arguments = ["--store", &url, "--threads", "1", "--store-timeout", "5000"];
        // Its log waits for the clock.
        let daemons = [(); 2].map(|()| Daemon::start_unread(&arguments, &environment));
        for daemon in &daemons {
            // So it is past all that it does once. A look at the store would be its first ask, and
            // the first asks of both are to be their takes.
            assert_eq!(daemon.client().get("/livez").status, 200);
        }
        fs::write(&release, "").expect("the temporary folder is writable");
        // The clock has jumped: until they have connected, the store seems away for long.
        assert_eq!([first_number(&daemons[0]), first_number(&daemons[1])], [1, 2]);
        assert_eq!(server.counter("default"), Some((2, 100)));
    });
}

/// The path of the library to preload.
fn build(folder: &Folder) -> String {
    let (source, library) = (folder.path().join("clock.c"), folder.path().join("clock.so"));
    fs::write(&source, SOURCE).expect("the temporary folder is writable");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
    let status = compiler.status().expect("this test needs cc (Debian: apt-get install gcc)");
    assert!(status.success(), "{SOURCE} does not compile");
    library.display().to_string()
}
